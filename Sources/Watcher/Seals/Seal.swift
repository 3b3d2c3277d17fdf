package import Reasons

/// How a format shows in its own bytes that a file is whole. Each is shallow: the ends, a footer, headers, read in constant memory.
package enum Seal: String, Sendable, CaseIterable {
    case parquet
    case arrow
    case npy
    case zip
    case onnx
    case gzip
    case zstd
    case png
    case jpeg
    /// CSV, JSON Lines and the like: no end that could be proven, but a last line that should end.
    case text
    /// A format that the name does not tell.
    case unknown

    package enum Verdict: Sendable, Equatable {
        /// `companions`: external data relative to the file's own directory, sorted.
        case holds(companions: [String])
        /// What is missing, worded for an operator.
        case broken(String)
        /// The format has no seal, or none that can be checked in constant memory.
        case none(endsWithNewline: Bool?)
        /// Whole or not, it must not be read further.
        case unsafe(rule: Rule, reason: String, remedy: String)
    }

    /// By the name's extension, the last one: `x.csv.gz` is gzip.
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

    /// - Parameter directory: where the file stands, for the external data of a model.
    func check(_ file: inout SealedFile, directory: String) -> Verdict {
        // The reader of a CSV or JSON Lines file decides about a file without bytes.
        if let foreign = ForeignContent(&file), self != .unknown, !(foreign == .empty && self == .text) { return .broken(foreign.reason) }
        return switch self {
        case .parquet: ParquetSeal.check(&file)
        case .arrow: ArrowSeal.check(&file)
        case .npy: NPYSeal.check(&file)
        case .zip: ZIPSeal.check(&file)
        case .onnx: ONNXSeal.check(&file, directory: directory)
        case .gzip: GzipSeal.check(&file)
        case .zstd: ZstdSeal.check(&file)
        case .png: ImageSeal.checkPNG(&file)
        case .jpeg: ImageSeal.checkJPEG(&file)
        case .text: .none(endsWithNewline: file.byte(at: file.size - 1).map { $0 == 0x0A })
        case .unknown: .none(endsWithNewline: nil)
        }
    }

    /// Opens and checks the file at `path`; nil where it cannot be opened.
    package static func check(path: String) -> Verdict? {
        guard var file = try? SealedFile(path: path) else { return nil }
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        return Seal(name: name).check(&file, directory: slash.map { String(path[..<$0]) } ?? ".")
    }
}
