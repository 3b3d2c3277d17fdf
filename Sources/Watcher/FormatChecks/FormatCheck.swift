package import Reasons

/// Checks by the bytes of a file that it is whole, in the way of its format. Each check is shallow and takes constant memory: it reads the
/// ends, a footer or headers.
package enum FormatCheck: String, Sendable, CaseIterable {
    case parquet
    case arrow
    case npy
    case zip
    case onnx
    case gzip
    case zstd
    case png
    case jpeg
    /// CSV, JSON Lines and the like have no end that could be checked, but a last line that should end.
    case text
    /// The format is unknown by the name.
    case unknown

    package enum Result: Sendable, Equatable {
        /// `companions`: external data relative to the file's own directory, sorted.
        case whole(companions: [String])
        /// The text says what is missing, worded for an operator.
        case incomplete(String)
        /// The format does not show its end, or not in constant memory.
        case undecided(endsWithNewline: Bool?)
        /// The file must not be read further, whole or not.
        case unsafe(Explanation)
    }

    /// Chooses the check by the name's last extension: `x.csv.gz` is gzip.
    package init(name: String) {
        let suffix = name.utf8.lastIndex(of: UInt8(ascii: ".")).map { name[name.utf8.index(after: $0)...].lowercased() } ?? ""
        self =
            switch suffix {
            case "parquet", "pq": .parquet
            case "arrow", "arrows", "ipc", "feather": .arrow
            case "npy": .npy
            case "npz", "zip": .zip
            case "onnx": .onnx
            case "gz", "bgz": .gzip
            case "zst", "zstd": .zstd
            case "png": .png
            case "jpg", "jpeg": .jpeg
            case "csv", "tsv", "jsonl", "ndjson", "json", "txt": .text
            default: .unknown
            }
    }

    /// Checks an open file.
    /// - Parameter directory: the directory of the file, for the external data of a model.
    func check(_ file: inout SealedFile, directory: String) -> Result {
        // The reader of a CSV or JSON Lines file decides about a file without bytes.
        if let foreign = ForeignContent(&file), self != .unknown, !(foreign == .empty && self == .text) {
            return .incomplete(foreign.reason)
        }
        return switch self {
        case .parquet: ParquetCheck.check(&file)
        case .arrow: ArrowCheck.check(&file)
        case .npy: NPYCheck.check(&file)
        case .zip: ZIPCheck.check(&file)
        case .onnx: ONNXCheck.check(&file, directory: directory)
        case .gzip: GzipCheck.check(&file)
        case .zstd: ZstdCheck.check(&file)
        case .png: ImageCheck.checkPNG(&file)
        case .jpeg: ImageCheck.checkJPEG(&file)
        case .text: .undecided(endsWithNewline: file.byte(at: file.size - 1).map { $0 == 0x0A })
        case .unknown: .undecided(endsWithNewline: nil)
        }
    }

    /// Opens and checks the file at `path`; nil where it cannot be opened.
    package static func check(path: String) -> Result? {
        guard var file = try? SealedFile(path: path) else { return nil }
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        return FormatCheck(name: name).check(&file, directory: slash.map { String(path[..<$0]) } ?? ".")
    }
}
