import Foundation
import Glibc

/// Names a format that Millrace reads from files or processes that nobody vouches for.
///
/// `make fuzz` feeds each with inputs that libFuzzer finds, and `FuzzingTests` with a fixed number of mutated seeds.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case onnx, csv, jsonl, parquet, arrow, npy, npz, yaml, safetensors, frames

    /// Says what became of an input.
    package enum Outcome: Sendable, Equatable {
        case taken
        case refused(String)
    }

    /// The largest input, in bytes, that is made for the format.
    package static let largestInput = 1 << 16

    /// The ends of names that a seed or a mutated file has; the first is the one that mutated files get.
    package var suffixes: [String] {
        switch self {
        case .onnx: ["onnx"]
        case .csv: ["csv", "tsv"]
        case .jsonl: ["jsonl"]
        case .parquet: ["parquet"]
        case .arrow: ["arrow", "arrows"]
        case .npy: ["npy"]
        case .npz: ["npz"]
        case .yaml: ["yaml"]
        case .safetensors: ["safetensors"]
        case .frames: ["frames"]
        }
    }
}

/// Feeds inputs of one format to all code that reads it, one input after another.
package final class FuzzBench {
    package let target: FuzzTarget
    let folder: String
    /// The path of the file that has the present input.
    let file: String

    package init(_ target: FuzzTarget) throws {
        self.target = target
        folder = FileManager.default.temporaryDirectory.path + "/millrace-fuzz-\(UUID().uuidString.prefix(8))"
        file = folder + "/input." + target.suffixes[0]
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // Mutated models may name these weights.
        if target == .onnx { try Data(repeating: 1, count: 4096).write(to: URL(fileURLWithPath: folder + "/weights.bin")) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Reads the input in every way in which Millrace reads the format. What is wrong with the input must come back as a text; where the
    /// readers contradict one another, the process ends.
    package func feed(_ bytes: [UInt8]) -> FuzzTarget.Outcome {
        do {
            try put(bytes)
            switch target {
            case .onnx: try readModel()
            case .csv, .jsonl, .parquet, .arrow: try readTable()
            case .npy, .npz: try readArrays()
            case .yaml: try readPipeline(bytes)
            case .safetensors: try readSafetensors()
            case .frames: try readFrames(bytes)
            }
        } catch {
            let text = "\(error)"
            precondition(!text.isEmpty, "a refusal without words")
            return .refused(text)
        }
        return .taken
    }

    /// Makes the input the content of the file. It need not be durable, and a sync for each input would take most of the time.
    private func put(_ bytes: [UInt8]) throws {
        let made = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard made >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(made) }
        precondition(bytes.withUnsafeBytes { write(made, $0.baseAddress, $0.count) } == bytes.count, "the disk takes no input")
    }
}
