package import FileSystem
import Foundation
import Reasons
package import SystemPackage
import Tensors
package import TrainingGraph

/// Reads and writes an adapter in a file of its own, in the folder of its model: safetensors with `WEIGHT/down [K, rank]` and `WEIGHT/up
/// [rank, M]` for each adapted weight. Its metadata say which model it belongs to, and for each weight the scale and whether the model
/// stores it transposed.
package struct AdapterFile: Sendable {
    package var adapter: LowRankAdapter
    /// The SHA-256 of the model's own file.
    package var base: String
    /// The other facts that the metadata contain.
    package var facts: [String: String]

    private static let format = "millrace.adapter", newest = "1"
    private static let baseKey = "millrace.adapter.base", weightsKey = "millrace.adapter.weights"

    private struct Weight: Codable {
        let name: String
        let scale: Double
        let transposed: Bool
    }

    package init(_ adapter: LowRankAdapter, base: String, facts: [String: String] = [:]) {
        self.adapter = adapter
        self.base = base
        self.facts = facts
    }

    package init(reading path: String) throws(TrainingError) {
        try self.init(reading: try onDisk { () throws(FileSystemError) in try OpenFile(reading: FilePath(path)) }, path)
    }

    private init(reading file: borrowing OpenFile, _ path: String) throws(TrainingError) {
        let (tensors, metadata) = try Safetensors.readAll(file, path)
        func bad(_ reason: String) -> TrainingError { .cannotRead(path: path, reason: Reason(reason)) }
        guard let version = metadata[Self.format], let base = metadata[Self.baseKey], let text = metadata[Self.weightsKey] else {
            throw bad("it is no adapter of ours: its metadata lack \(Self.format), \(Self.baseKey) or \(Self.weightsKey)")
        }
        guard version == Self.newest else { throw bad("it is an adapter of format \(version), and this version reads \(Self.newest)") }
        guard let weights = try? JSONDecoder().decode([Weight].self, from: Data(text.utf8)) else {
            throw bad("its list of weights is not to be read")
        }
        let byName = Dictionary(tensors.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        guard byName.count == 2 * weights.count else { throw bad("it has \(byName.count) tensors for \(weights.count) weights") }
        var factors: [LowRankAdapter.Factors] = []
        for weight in weights {
            guard let down = byName[weight.name + "/down"], let up = byName[weight.name + "/up"] else {
                throw bad("it lacks the factors of '\(weight.name)'")
            }
            factors.append(.init(weight: weight.name, down: down, up: up, scale: weight.scale, isTransposed: weight.transposed))
        }
        adapter = LowRankAdapter(factors)
        self.base = base
        facts = metadata.filter { ![Self.format, Self.baseKey, Self.weightsKey].contains($0.key) }
    }

    /// Reads the adapter of one model, and throws where it belongs to another one.
    /// - Parameters:
    ///   - path: the path of the adapter, for messages where it is open already.
    ///   - descriptor: the adapter where it is open already; it stays the caller's.
    ///   - model: the path of the model, for messages.
    ///   - digest: the digest of the model's own file.
    package init(
        reading path: String, open descriptor: FileDescriptor? = nil, beside model: String, digest: String
    ) throws(TrainingError) {
        if let descriptor {
            let copy = try onDisk { () throws(FileSystemError) in try Disk.duplicate(descriptor, FilePath(path)) }
            try self.init(reading: OpenFile(copy, named: FilePath(path)), path)
        } else {
            try self.init(reading: path)
        }
        guard base == digest else {
            throw .cannotRead(
                path: path, reason: "it was trained beside another model (\(base.prefix(12))) than \(model) (\(digest.prefix(12)))")
        }
    }

    /// Writes the file, whole under the name or not at all; the same adapter gives the same bytes.
    package func write(to path: String) throws(TrainingError) {
        try Safetensors.write(tensors, metadata: metadata(path), to: path)
    }

    /// Writes a file of a folder as above.
    package func write(as name: String, in folder: any GivenFolder) throws(TrainingError) {
        try Safetensors.write(tensors, metadata: metadata(folder.path(of: name).string), as: name, in: folder)
    }

    private var tensors: [(name: String, tensor: Tensor)] {
        adapter.factors.flatMap { [(name: $0.weight + "/down", tensor: $0.down), (name: $0.weight + "/up", tensor: $0.up)] }
    }

    private func metadata(_ path: String) throws(TrainingError) -> [String: String] {
        let weights = adapter.factors.map { Weight(name: $0.weight, scale: $0.scale, transposed: $0.isTransposed) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var metadata = facts
        metadata[Self.format] = Self.newest
        metadata[Self.baseKey] = base
        do { metadata[Self.weightsKey] = String(decoding: try encoder.encode(weights), as: UTF8.self) } catch {
            throw .cannotWrite(path: path, reason: "\(error)")
        }
        return metadata
    }
}
