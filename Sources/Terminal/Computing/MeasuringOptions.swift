package import ArgumentParser
import Foundation

/// The options of commands that measure ways of executing a model.
package struct MeasuringOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The seconds that timing may take. Default: 60.", valueName: "seconds"))
    package var budget = standardBudget
    @Option(name: .long, help: "The most threads that the engine may use. Default: the cores.") package var threads: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Numbers of rows at a time to try, with commas, the usual one first. Default: 32,1,8.", valueName: "rows"))
    package var batches: String?

    package init() {}

    package func validate() throws {
        try Self.check(budget: budget)
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads is at least 1.") }
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

    /// The numbers of threads to try, the usual one first.
    package var threadCounts: [Int] {
        Self.threadCounts(atMost: threads ?? ProcessInfo.processInfo.activeProcessorCount)
    }

    package static func threadCounts(atMost most: Int) -> [Int] { most > 1 ? [most, 1] : [1] }

    private static func numbers(_ text: String) -> [Int]? {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.allSatisfy({ $0.map { $0 >= 1 } ?? false }) else { return nil }
        return numbers.compactMap(\.self)
    }
}
