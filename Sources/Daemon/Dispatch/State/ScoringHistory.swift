import Arrivals
import Attempts
import FileSystem
import Ledger
import SystemPackage

/// Remembers of each pipeline's scoring in this process how long files take, and which rows were scored last.
final class ScoringHistory {
    private var paces: [String: Pace] = [:]
    /// The data files with rows that were scored last, by pipeline, the newest first: a new model is tried on the rows of the first, and
    /// measured on those of as many as it takes.
    private var scored: [String: [(file: AttemptSpec.InputFile, rows: Int64)]] = [:]

    /// The number of rows from which on older files are forgotten: the model is compared on the first half, and ranges are found from the
    /// second. Files without many rows are forgotten by their number.
    private static let mostRows: Int64 = 512, mostFiles = 64

    func took(_ seconds: Double, byteCount: Int64, in pipeline: String) {
        paces[pipeline, default: Pace()].note(bytes: byteCount, seconds: seconds)
    }

    /// Returns how long a file of that size takes; nil where that is not known.
    func seconds(for byteCount: Int64, in pipeline: String) -> Double? { paces[pipeline]?.seconds(for: byteCount) }

    func scored(_ data: AttemptSpec.InputFile, rows: Int64, in pipeline: String) {
        var files = scored[pipeline] ?? []
        files.removeAll { $0.file.path == data.path }
        files.insert((data, rows), at: 0)
        var count: Int64 = 0
        let enough = files.firstIndex { file in
            count += file.rows
            return count >= Self.mostRows
        }
        scored[pipeline] = Array(files.prefix(min(enough.map { $0 + 1 } ?? .max, Self.mostFiles)))
    }

    /// Returns the newest data file with rows that was scored.
    func newestRows(of pipeline: String) -> AttemptSpec.InputFile? { scored[pipeline]?.first?.file }

    /// Returns the data files that were scored before another one, the newest first: as many as are still what they were.
    func rows(of pipeline: String, before newest: AttemptSpec.InputFile) -> [AttemptSpec.InputFile] {
        (scored[pipeline] ?? []).map(\.file).filter { file in
            file.path != newest.path && file.digest != newest.digest && file.stamp != nil
                && (try? FileDigest.stamp(FilePath(file.path))) == file.stamp
        }
    }
}
