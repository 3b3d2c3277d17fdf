package import Attempts
import Foundation
import Glibc
import Landing
import Synchronization

/// `ROOT/.millrace/running`: the attempts that this process executes, so that the next process knows what was executed when this one died.
/// It need only survive the process, so that nothing is synced. Records of a fixed length: first this boot and how this process ends, then
/// one for each attempt.
final class RunningFile: Sendable {
    /// Bytes of a record.
    private static let length = 128
    /// Where in the first record a signal writes its number, and a stop its mark.
    private static let signalPlace = 120
    private static let stopPlace = 124
    /// The first byte of a record whose attempt has ended.
    private static let ended = "-"

    private let descriptor: Int32
    /// Which records are taken.
    private let taken = Mutex<[Bool]>([])

    /// Begins the file of this process. What an earlier one left is gone: see `ProcessDeath.found`.
    init?(stateDirectory: String) {
        descriptor = open(Self.path(stateDirectory), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return nil }
        ftruncate(descriptor, 0)
        write("\(Machine.boot) \(Machine.outOfMemoryKills)", at: 0)
    }

    deinit { close(descriptor) }

    /// From here on a crash is told by its signal.
    func watchCrashes() { CrashMark.install(descriptor: descriptor, place: Self.signalPlace) }

    /// The process was asked to stop: should it be killed now, that is nobody's fault.
    func stopping() { _ = pwrite(descriptor, "S", 1, off_t(Self.stopPlace)) }

    /// Returns the record that is taken, for `end`.
    func begin(_ spec: AttemptSpec) -> Int {
        let record = taken.withLock { taken in
            let free = taken.firstIndex(of: false) ?? taken.endIndex
            if free == taken.endIndex { taken.append(true) } else { taken[free] = true }
            return free
        }
        write("\(spec.run) \(spec.attempt) \(spec.goal.rawValue)", at: record + 1)
        return record
    }

    func end(_ record: Int) {
        _ = pwrite(descriptor, Self.ended, 1, off_t((record + 1) * Self.length))
        taken.withLock { $0[record] = false }
    }

    private func write(_ text: String, at record: Int) {
        var bytes = Array(text.utf8.prefix(Self.length - 1))
        bytes += [UInt8](repeating: UInt8(ascii: " "), count: Self.length - 1 - bytes.count)
        bytes.append(UInt8(ascii: "\n"))
        _ = pwrite(descriptor, bytes, bytes.count, off_t(record * Self.length))
    }

    fileprivate static func path(_ stateDirectory: String) -> String { stateDirectory + "/running" }

    /// A record as the next process reads it.
    fileprivate struct Record {
        let bytes: [UInt8]

        var words: [Substring] { String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace) }
        /// The signal by which the process crashed; in the first record.
        var signal: Int32? {
            Int32(
                String(decoding: bytes[RunningFile.signalPlace..<RunningFile.signalPlace + 2], as: UTF8.self).trimmingCharacters(
                    in: .whitespaces))
        }
        /// Whether the process was asked to stop; in the first record.
        var wasStopping: Bool { bytes[RunningFile.stopPlace] == UInt8(ascii: "S") }
    }

    fileprivate static func records(_ stateDirectory: String) -> [Record] {
        let bytes = (try? Data(contentsOf: URL(fileURLWithPath: path(stateDirectory)))).map(Array.init) ?? []
        return stride(from: 0, to: bytes.count - bytes.count % length, by: length).map { Record(bytes: Array(bytes[$0..<$0 + length])) }
    }
}

/// How the process before this one ended while it executed attempts.
package struct ProcessDeath: Sendable, Hashable {
    package enum Cause: Sendable, Hashable {
        /// A signal that a process gets for what it does itself.
        case crash(signal: Int32)
        /// The kernel killed a process for memory since this one started.
        case memory
        /// Killed from outside, as far as anyone can tell, which is nobody's fault.
        case unknown
    }

    package struct Attempt: Sendable, Hashable {
        package let run: Int64
        package let number: Int
        package let goal: AttemptSpec.Goal
    }

    package let cause: Cause
    /// The attempts that were executed then.
    package let attempts: [Attempt]

    /// The attempts that may have done it. A training takes too long to be suspected for a kill from outside.
    package var suspects: [Attempt] { cause == .unknown ? attempts.filter { $0.goal != .fineTune } : attempts }

    /// The attempt that has done it, since nothing else was executed.
    package var culprit: Attempt? { cause == .unknown || attempts.count != 1 ? nil : attempts[0] }

    /// Returns what the file of an earlier process tells; nil where it ended as it should, or with the machine.
    package static func found(stateDirectory: String) -> ProcessDeath? {
        let records = RunningFile.records(stateDirectory)
        guard let first = records.first else { return nil }
        let words = first.words
        guard words.count >= 2, words[0] == Machine.boot else { return nil }
        let signal = first.signal
        if signal == nil, first.wasStopping { return nil }
        let attempts = records.dropFirst().compactMap { record -> Attempt? in
            let words = record.words
            // The record of an attempt that has ended begins with a sign that no number of a run has.
            guard words.count == 3, let run = Int64(words[0]), run > 0, let number = Int(words[1]),
                let goal = AttemptSpec.Goal(rawValue: String(words[2]))
            else { return nil }
            return Attempt(run: run, number: number, goal: goal)
        }
        guard !attempts.isEmpty else { return nil }
        let cause: Cause =
            signal.map { .crash(signal: $0) } ?? (Int64(words[1]).map { $0 < Machine.outOfMemoryKills } ?? false ? .memory : .unknown)
        return ProcessDeath(cause: cause, attempts: attempts)
    }
}

extension ProcessDeath.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .crash(let signal): "signal \(signal), \(String(cString: strsignal(signal)))"
        case .memory: "the kernel killed it for memory"
        case .unknown: "it was killed"
        }
    }
}

/// Executes attempts and keeps the running file.
final class RecordingExecutor: AttemptExecutor {
    private let executor: any AttemptExecutor
    private let file: RunningFile

    init(_ executor: any AttemptExecutor, _ file: RunningFile) {
        self.executor = executor
        self.file = file
    }

    func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void) {
        CrashMark.giveStack()
        let records = attempts.map { file.begin($0.spec) }
        executor.execute(attempts) { place, result in
            file.end(records[place])
            ended(place, result)
        }
    }

    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        CrashMark.giveStack()
        let record = file.begin(spec)
        defer { file.end(record) }
        return executor.execute(spec, control: control)
    }
}

private enum Machine {
    static let boot = Boot.id ?? "unknown"

    /// The processes that the kernel has killed for memory since the machine started.
    static var outOfMemoryKills: Int64 {
        let lines = (try? String(contentsOfFile: "/proc/vmstat", encoding: .utf8))?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix("oom_kill ") }.flatMap { Int64($0.dropFirst(9)) } ?? 0
    }
}
