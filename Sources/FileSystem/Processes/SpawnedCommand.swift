internal import Glibc

/// Runs a command in a process group of its own, which has none of this process's open files and ignores no signals.
///
/// The command's two outputs go into a file without a name, so that it never waits for a reader.
package final class SpawnedCommand {
    package struct SpawnError: Error {
        package let code: Int32
    }

    private let pid: pid_t
    /// The pipe into the command; -1 where nothing more is to be written.
    private var input: Int32
    /// The file of what it says; -1 where there is none.
    private let output: Int32
    private var exitStatus: Int32?
    private var rest: ArraySlice<UInt8>

    /// The most that is returned of what a command said.
    private static let textLimit = 4096

    /// Starts a command. Its program is looked for in `PATH`.
    /// - Parameter input: what it reads, as fast as it takes that; it is no error where it does not read it. Nil is nothing.
    package init(_ words: [String], input text: String? = nil) throws(SpawnError) {
        var toChild: [Int32] = [-1, -1]
        // No other child inherits these, as with every descriptor of the daemon.
        if text != nil {
            guard pipe(&toChild) == 0 else { throw SpawnError(code: errno) }
            for descriptor in toChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
        output = LinuxCalls.namelessFile("output")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if text != nil {
            posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        for stream in [STDOUT_FILENO, STDERR_FILENO] {
            if output >= 0 {
                posix_spawn_file_actions_adddup2(&actions, output, stream)
            } else {
                posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0)
            }
        }
        LinuxCalls.closeDescriptors(from: 3, in: &actions)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t(), none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var started: pid_t = 0
        let code = posix_spawnp(&started, words[0], &actions, &attributes, &arguments, environ)
        if toChild[0] >= 0 { close(toChild[0]) }
        guard code == 0 else {
            if toChild[1] >= 0 { close(toChild[1]) }
            if output >= 0 { close(output) }
            throw SpawnError(code: code)
        }
        pid = started
        input = toChild[1]
        rest = Array((text ?? "").utf8)[...]
        if input >= 0 { _ = fcntl(input, F_SETFL, O_NONBLOCK) }
        feed()
    }

    deinit {
        kill()
        if input >= 0 { close(input) }
        if output >= 0 { close(output) }
    }

    private func feed() {
        guard input >= 0 else { return }
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            if count < 0, errno == EAGAIN { return }
            if count < 0, errno == EINTR { continue }
            rest = count > 0 ? rest.dropFirst(count) : []
        }
        close(input)
        input = -1
    }

    /// Returns the exit status, or 128 plus the signal where the command was killed; nil while it runs.
    package func status() -> Int32? {
        feed()
        if let exitStatus { return exitStatus }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        exitStatus = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return exitStatus
    }

    /// Returns the end of what the command wrote to both of its outputs, or all of it.
    package func said(all: Bool = false) -> String {
        let size = outputBytes
        var bytes = [UInt8](repeating: 0, count: all ? size : min(size, Self.textLimit))
        let count = bytes.isEmpty ? 0 : pread(output, &bytes, bytes.count, off_t(size - bytes.count))
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    /// Throws away what the command has said, where that is more than so many bytes.
    package func trimOutput(above bytes: Int) {
        if outputBytes > bytes { ftruncate(output, 0) }
    }

    private var outputBytes: Int {
        var status = stat()
        return output >= 0 && fstat(output, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Asks the command and what it has started to end.
    package func terminate() {
        if exitStatus == nil { Glibc.kill(-pid, SIGTERM) }
    }

    /// Kills the command and what it has started.
    package func kill() {
        guard exitStatus == nil else { return }
        Glibc.kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        exitStatus = 128 + SIGKILL
    }
}
