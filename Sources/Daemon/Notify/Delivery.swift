import FileSystem
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
        do throws(SpawnedCommand.SpawnError) { child = try SpawnedCommand(words, input: input) } catch {
            return .failed("\(words[0]) cannot be started: \(String(cString: strerror(error.code)))")
        }
        let deadline = ContinuousClock.now + target.timeout
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
