package import ArgumentParser
import Foundation

/// The options of commands that measure ways of executing a model.
package struct MeasuringOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The seconds that timing may take. Default: 60.", valueName: "seconds"))
    package var budget = standardBudget
    @Option(name: .long, help: "The most threads that the engine may use, in all sessions together. Default: the cores.")
    package var threads: Int?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Numbers of processes to try that have the model loaded and compute at the same time, with commas, the usual one first; "
                + "together they have the threads. Default: 1, 2, 4 and so on to one for each thread.", valueName: "numbers"))
    package var sessions: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Numbers of rows at a time to try, with commas, the usual one first. Default: 32,1,8.", valueName: "rows"))
    package var batches: String?

    package init() {}

    package func validate() throws {
        try Self.check(budget: budget)
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads is at least 1.") }
        if let sessions {
            guard let numbers = Self.numbers(sessions) else {
                throw ValidationError("--sessions \(sessions): numbers of processes from 1 on, with commas between them.")
            }
            if let most = numbers.max(), most > cores {
                throw ValidationError("--sessions \(sessions): \(most) sessions need a thread each, and there are \(cores) (--threads).")
            }
        }
        if let batches, Self.numbers(batches) == nil {
            throw ValidationError("--batches \(batches): numbers of rows from 1 on, with commas between them.")
        }
    }

    package static func check(budget: Double) throws {
        guard 1...3600 ~= budget else { throw ValidationError("--budget is from 1 to 3600 seconds.") }
    }

    /// The seconds that timing may take where nobody says otherwise.
    package static let standardBudget = 60.0

    /// The numbers of rows to try, the usual one first.
    package var batchSizes: [Int] { batches.flatMap(Self.numbers) ?? Self.standardBatches }

    /// The numbers of rows that are tried where nobody names others, the usual one first.
    package static let standardBatches = [32, 1, 8]

    /// The threads that all sessions together may have.
    package var cores: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }

    /// The numbers of sessions to try, the usual one first; nil where nobody names any.
    package var sessionCounts: [Int]? { sessions.flatMap(Self.numbers) }

    private static func numbers(_ text: String) -> [Int]? {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.allSatisfy({ $0.map { $0 >= 1 } ?? false }) else { return nil }
        return numbers.compactMap(\.self)
    }
}
