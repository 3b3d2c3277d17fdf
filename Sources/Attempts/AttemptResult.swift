import FileSystem
import Foundation
package import Machine

/// Holds the answer of an attempt: the files that it wrote, or the reason why it did not. An executor never throws: a failure is an answer
/// too.
package struct AttemptResult: Codable, Sendable {
    package struct WrittenFile: Codable, Sendable, Hashable {
        /// Says what the file is (`Slot`), as text, so that the answer of a later version can be read.
        package var slot: String
        package var path: String
        package var digest: String
        package var byteCount: Int64

        package init(slot: String, path: String, digest: String, byteCount: Int64) {
            self.slot = slot
            self.path = path
            self.digest = digest
            self.byteCount = byteCount
        }
    }

    /// Names what a file is that an attempt has written.
    package enum Slot: String {
        /// An output of scoring.
        case output
        /// A file of the version.
        case model
        /// A file of the model from which training goes on, where graph passes made another one of it for the version.
        case original
        /// A file of the model in another form.
        case form
        /// The part of a range that the daemon has chosen.
        case part
    }

    /// Tells how a model was tried before it is published.
    package enum Trial: Codable, Sendable, Hashable {
        /// It ran on rows of the newest file, with this digest, that an earlier version has scored.
        case ran(rows: Int, of: String)
        /// No such rows are known.
        case noRowsKnown

        /// Tells whether rows have shown that the model runs.
        package var hasRun: Bool { if case .ran = self { true } else { false } }
    }

    package var failure: Failure?
    /// The result of a training, if there was one, even a rejected one.
    package var training: TrainingReport?
    package var files: [WrittenFile]
    package var rowCount: Int64?
    /// The seconds by phase: read, run, write, hash and so on.
    package var timings: [String: Double]
    /// The trial of the model that was written; nil if none was written, or if the pipeline scores nothing.
    package var trial: Trial?
    /// The versions of the operator sets that the model uses, by domain, as the card names them.
    package var operatorSets: [String: Int]
    /// The columns bound in this file's order, by model input: files after it are pinned to them.
    package var columns: [String: [String]] = [:]
    /// The types found for kept columns of text, to which the files after this one are pinned too.
    package var types: [String: String] = [:]
    /// The columns that `privacy` names and that a file does not have.
    package var absentColumns: [String] = []
    /// Tells what the graph passes of the optimize stage did; nil where there are none.
    package var graph: GraphReport?
    /// The measurement; nil for an attempt that measures nothing.
    package var measurement: Measurement?
    /// Tells what became of a model that was to be written in another form; nil for other attempts.
    package var rewriting: Rewriting?
    /// The machine on which it was executed; nil where the executor died.
    package var machine: AttemptMachine?

    package init(
        failure: Failure? = nil, training: TrainingReport? = nil, files: [WrittenFile] = [], rowCount: Int64? = nil,
        timings: [String: Double] = [:], trial: Trial? = nil, operatorSets: [String: Int] = [:]
    ) {
        self.failure = failure
        self.training = training
        self.files = files
        self.rowCount = rowCount
        self.timings = timings
        self.trial = trial
        self.operatorSets = operatorSets
    }

    /// The same answer without what cells of tables hold.
    package var withoutValues: AttemptResult {
        var result = self
        result.failure?.cells = nil
        result.training?.rejection?.cells = nil
        result.training?.wait?.cells = nil
        for index in training?.unusable.indices ?? 0..<0 { result.training?.unusable[index].failure.cells = nil }
        return result
    }
}

extension AttemptResult.Trial: CustomStringConvertible {
    /// The words of the card.
    package var description: String {
        switch self {
        case .ran(let rows, let digest): "ran on \(rows) rows of \(digest)"
        case .noRowsKnown: "ungated: no rows are known"
        }
    }
}

extension AttemptResult.WrittenFile {
    package var name: String { (path as NSString).lastPathComponent }
}

extension [AttemptResult.WrittenFile] {
    /// The digest of the model that was written, which tells its version from others; nil if there is none.
    package var modelDigest: String? { FileDigest.ofVersion(files(of: .model).map { (name: $0.name, digest: $0.digest) }) }

    /// Returns the files of a slot.
    package func files(of slot: AttemptResult.Slot) -> [AttemptResult.WrittenFile] { filter { $0.slot == slot.rawValue } }
}
