import Confinement
import Glibc

/// Tries what a hostile model would have a worker do: it confines itself as a worker does, and prints a line for each thing that it tries
/// with `refused` and the error, or `done`.
///
/// With `without-landlock` it runs a program as on a kernel that has no Landlock. Otherwise its arguments are `confined` or `free`, a folder
/// that it may read, a file outside, a folder outside, and a port where something listens.
@main struct Probe {
    private static let words = CommandLine.arguments

    static func main() {
        if words[1] == "without-landlock" { WithoutLandlock.run(Array(words.dropFirst(2))) }
        let (readable, file, folder, port) = (words[2], words[3], words[4], UInt16(words[5]) ?? 0)
        let status = open("/proc/self/status", O_RDONLY)
        // These stand for what a process inherits by mistake.
        for _ in 0..<2 { _ = open("/dev/null", O_RDONLY) }
        if words[1] == "confined" {
            do throws(ConfinementError) {
                try Confinement(reading: Confinement.ofTheMachine + [readable], keeping: [status]).apply()
            } catch {
                print("apply refused \(error)")
                exit(1)
            }
        }
        print("descriptors \((3..<256).filter { fcntl($0, F_GETFD) >= 0 }.count)")
        for line in text(of: status).split(separator: "\n") where ["NoNewPrivs:", "Seccomp:"].contains(where: line.hasPrefix) {
            print("status \(line.split(whereSeparator: \.isWhitespace).joined(separator: " "))")
        }
        tryFiles(readable, file, folder)
        tryConnections(port)
        tryThreads()
        tryProcesses()
    }

    private static func tell(_ name: String, _ result: some BinaryInteger) {
        print(result >= 0 ? "\(name) done" : "\(name) refused \(errno)")
        fflush(nil)
    }

    private static func text(of file: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }

    private static func tryFiles(_ readable: String, _ file: String, _ folder: String) {
        tell("read-allowed", open(readable + "/allowed", O_RDONLY))
        tell("write-allowed", open(readable + "/allowed", O_WRONLY))
        tell("cpuinfo", open("/proc/cpuinfo", O_RDONLY))
        tell("read", open(file, O_RDONLY))
        tell("list", open(folder, O_RDONLY | O_DIRECTORY))
        tell("write", open(file, O_WRONLY))
        tell("create", open(folder + "/created", O_WRONLY | O_CREAT, 0o600))
        tell("make-folder", mkdir(folder + "/made", 0o700))
        tell("link", symlink(file, folder + "/link"))
        tell("cut", truncate(file, 0))
        tell("remove", unlink(folder + "/other"))
        tell("mode", chmod(file, 0o777))
        tell("owner", chown(file, getuid(), getgid()))
        var times = [timespec(), timespec()]
        tell("times", utimensat(AT_FDCWD, file, &times, 0))
        tell("rename", rename(file, folder + "/renamed"))
        tell("environment-of-parent", open("/proc/\(getppid())/environ", O_RDONLY))
    }

    private static func tryConnections(_ port: UInt16) {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        tell("socket", made)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafeBytes(of: &address) { bytes in
            connect(made, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        tell("connect", connected)
        var ends: [Int32] = [0, 0]
        tell("pair", socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends))
    }

    private static func tryProcesses() {
        var child: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil], none: [UnsafeMutablePointer<CChar>?] = [nil]
        let failure = posix_spawn(&child, "/bin/true", nil, nil, &arguments, &none)
        errno = failure
        tell("start", failure == 0 ? 0 : -1)
        if failure == 0 { waitpid(child, nil, 0) }
        tell("signal-parent", kill(getppid(), 0))
        tell("signal-itself", kill(getpid(), 0))
        var limit = rlimit()
        tell("own-limit", getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit))
        tell("exec", execv("/bin/true", &arguments))
    }

    private static func tryThreads() {
        var thread = pthread_t()
        let failure = pthread_create(&thread, nil, { _ in nil }, nil)
        errno = failure
        tell("thread", failure == 0 ? 0 : -1)
    }
}
