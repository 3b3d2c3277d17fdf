import Foundation
import Glibc
import PipelineConfig

/// Delivers one event to one target, on the calling thread, for as long as the target's timeout at most.
struct Delivery {
    enum Outcome: Equatable {
        case told
        case failed(String)
        /// The delivery was taken back, since the daemon is to stop.
        case stopped
    }

    let target: NotifyTarget
    let isStopped: @Sendable () -> Bool

    func deliver(_ body: String) -> Outcome {
        switch target.way {
        case .command(let words):
            return run(words, input: body + "\n") { $0 == 0 ? nil : "it ended with status \($0)" }
        case .post(let address):
            // Curl reads what it is to do from its standard input, so that no other user sees the address.
            let input = """
                url = "\(address)"
                header = "Content-Type: application/json"
                data-raw = "\(body.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))"
                proto = "=http,https"
                silent
                show-error
                output = "/dev/null"
                write-out = "%{stderr}HTTP %{http_code}"
                """
            return run(["curl", "--config", "-"], input: input + "\n", answer: Self.isAccepted) { status in
                status == 0
                    ? nil : status == 127 ? "there is no curl, which posts to addresses: install it" : "curl ended with status \(status)"
            }
        }
    }

    /// Returns whether the last status in what curl said is one of success.
    private static func isAccepted(_ said: String) -> Bool { said.components(separatedBy: "HTTP ").last?.hasPrefix("2") == true }

    private func run(
        _ words: [String], input: String, answer: (String) -> Bool = { _ in true }, judge: (Int32) -> String?
    ) -> Outcome {
        let child: SpawnedCommand
        do { child = try SpawnedCommand(words) } catch {
            return .failed("\(words[0]) cannot be started: \(String(cString: strerror(error.code)))")
        }
        let deadline = ContinuousClock.now + target.timeout
        child.write(input)
        while true {
            if let status = child.status() {
                let said = child.said()
                if let fault = judge(status) { return .failed(Self.joined(fault, said)) }
                return answer(said) ? .told : .failed(Self.joined("it was not accepted", said))
            }
            if isStopped() {
                child.kill()
                return .stopped
            }
            if ContinuousClock.now >= deadline {
                child.kill()
                return .failed(Self.joined("it took longer than \(target.timeout.components.seconds) s", child.said()))
            }
            usleep(10_000)
        }
    }

    private static func joined(_ fault: String, _ said: String) -> String {
        let said = String(said.split(whereSeparator: \.isNewline).suffix(2).joined(separator: "; ").suffix(300))
        return said.isEmpty ? fault : "\(fault): \(said)"
    }
}

/// Runs a command in a process group of its own, which has none of the daemon's open files and ignores no signals.
final class SpawnedCommand {
    struct SpawnError: Error { let code: Int32 }

    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    private var exitStatus: Int32?
    private var text: [UInt8] = []
    private var rest: ArraySlice<UInt8> = []

    private static let textLimit = 4096

    init(_ words: [String]) throws(SpawnError) {
        var toChild: [Int32] = [-1, -1], fromChild: [Int32] = [-1, -1]
        guard pipe(&toChild) == 0 else { throw SpawnError(code: errno) }
        guard pipe(&fromChild) == 0 else {
            let code = errno
            for descriptor in toChild { close(descriptor) }
            throw SpawnError(code: code)
        }
        // No other child inherits these, as with every descriptor of the daemon.
        for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDERR_FILENO)
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
        close(toChild[0])
        close(fromChild[1])
        guard code == 0 else {
            close(toChild[1])
            close(fromChild[0])
            throw SpawnError(code: code)
        }
        pid = started
        input = toChild[1]
        output = fromChild[0]
        for descriptor in [input, output] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        kill()
        if !rest.isEmpty { close(input) }
        close(output)
    }

    /// Gives the command its input, as fast as the command takes it. It is no error where the command does not read it.
    func write(_ text: String) {
        rest = Array(text.utf8)[...]
        feed()
    }

    private func feed() {
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) }
            if count < 0, errno == EAGAIN { return }
            if count < 0, errno == EINTR { continue }
            rest = count > 0 ? rest.dropFirst(count) : []
            if rest.isEmpty { close(input) }
        }
    }

    private func listen() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            text = (text + buffer[..<count]).suffix(Self.textLimit)
        }
    }

    /// Returns the exit status, or 128 plus the signal where the command was killed; nil while it runs.
    func status() -> Int32? {
        feed()
        listen()
        if let exitStatus { return exitStatus }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        exitStatus = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return exitStatus
    }

    /// Returns the end of what the command wrote to both of its outputs.
    func said() -> String {
        listen()
        return String(decoding: text, as: UTF8.self)
    }

    /// Kills the command and what it has started.
    func kill() {
        guard exitStatus == nil else { return }
        Glibc.kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        exitStatus = 128 + SIGKILL
    }
}
