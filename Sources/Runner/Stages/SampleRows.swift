import Attempts
import Columnar
import Names
import Reasons
import Tensors

/// Reads the rows on which a model is measured, file after file: those of the newest one, and those of older ones after them.
final class SampleRows {
    private let files: [(role: AttemptFile, file: AttemptSpec.InputFile)]
    private let opener: any AttemptFiles
    private let open: (OpenedInput) throws(Failure) -> Rows
    private var place = 0
    /// The rows of the file that is being read.
    private(set) var rows: Rows

    /// - Parameters:
    ///   - newest: the file that is read first, and `older` those after it.
    ///   - open: opens an input as rows for the model.
    init(
        _ newest: AttemptSpec.InputFile, _ older: [AttemptSpec.InputFile], from opener: any AttemptFiles,
        open: @escaping (OpenedInput) throws(Failure) -> Rows
    ) throws(Failure) {
        files = [(.data, newest)] + older.enumerated().map { (.older($0.offset), $0.element) }
        self.opener = opener
        self.open = open
        rows = try open(try OpenedInput(newest, as: .data, from: opener))
    }

    /// Returns the next rows as they go into runs of the model; nil after the last row of the last file.
    func nextInputs(
        _ interruption: Interruption, _ phases: inout Phases
    ) throws(Failure) -> (batch: InputBatch, runs: [(rows: [Int], tensors: NameMap<Tensor>)])? {
        repeat {
            if let found = try rows.nextInputs(interruption, &phases) { return found }
        } while try openNext()
        return nil
    }

    /// Returns the next rows and the model's outputs for them; nil after the last row of the last file.
    func next(_ interruption: Interruption, _ phases: inout Phases) throws(Failure) -> (batch: InputBatch, outputs: [OutputValue])? {
        repeat {
            if let found = try rows.next(interruption, &phases) { return found }
        } while try openNext()
        return nil
    }

    private func openNext() throws(Failure) -> Bool {
        place += 1
        guard files.indices.contains(place) else { return false }
        rows = try open(try OpenedInput(files[place].file, as: files[place].role, from: opener))
        return true
    }
}
