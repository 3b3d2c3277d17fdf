import FileSystem
import Foundation
import Machine
import Reasons
import Recipes
import SystemPackage
import Tensors

/// Holds the state of a run between two batches.
struct Checkpoint: Codable, Equatable {
    /// The digest of the run's inputs. A checkpoint with another digest is not used.
    var fingerprint: String
    /// The machine that computed it; nil where the checkpoint does not name one.
    var machine: AttemptMachine?
    /// The number of batches run since the beginning.
    var batches = 0
    /// The number of optimization steps taken.
    var steps = 0
    /// The number of the current epoch, from 1. `batchesOfEpoch` is the number of its batches that are done.
    var epoch = 1
    var batchesOfEpoch = 0
    /// The sums of the current epoch: of the losses, each times its weight, and of the weights.
    var lossSum = 0.0
    var lossWeight = 0.0
    var history: [EpochRecord] = []
    var bestEpoch = 0
    var bestValue: Double?
    var epochsSinceBest = 0
    var seconds = 0.0
    var state: File?
    var best: File?

    struct File: Codable, Equatable {
        var name: String
        var digest: String
    }
}

/// Keeps the checkpoints of one run in its folder: the newest two, each of them a JSON file that names its tensors, which were durable
/// before it was written. Files that no checkpoint names are removed.
struct CheckpointStore {
    typealias NamedTensors = [(name: String, tensor: Tensor)]

    private let folder: any GivenFolder
    private let fingerprint: String
    private let machine: AttemptMachine

    init(_ folder: any GivenFolder, fingerprint: String, machine: AttemptMachine) {
        self.folder = folder
        self.fingerprint = fingerprint
        self.machine = machine
    }

    /// Tells what a run may go on from.
    enum Latest {
        case whole(Checkpoint, NamedTensors)
        /// There is a checkpoint that another machine has computed, or that names no machine: other last bits would result. The text says
        /// which of the two.
        case ofAnotherMachine(String)
        case none
    }

    /// - Parameter best: the parameters of the best epoch so far, where they have changed since the last checkpoint.
    mutating func save(_ checkpoint: inout Checkpoint, state: NamedTensors, best: NamedTensors?) throws(TrainingError) {
        checkpoint.fingerprint = fingerprint
        checkpoint.machine = machine
        let stateName = "state-\(checkpoint.batches).safetensors"
        checkpoint.state = .init(name: stateName, digest: try Safetensors.write(state, as: stateName, in: folder))
        FaultPoint.reach(.checkpointState)
        if let best {
            let name = "best-\(checkpoint.bestEpoch).safetensors"
            checkpoint.best = .init(name: name, digest: try Safetensors.write(best, as: name, in: folder))
            FaultPoint.reach(.checkpointBest)
        }
        let name = name(of: checkpoint.batches)
        try onDisk { [checkpoint, folder] () throws(FileSystemError) in
            let bytes = try JSONFile.encode(checkpoint, for: folder.path(of: name))
            try folder.writeDurably(name) { file throws(FileSystemError) in try file.write(bytes) }
        }
        FaultPoint.reach(.checkpointWritten)
        prune()
        FaultPoint.reach(.checkpointPruned)
    }

    /// Returns the last whole checkpoint of this run and machine.
    func latest() -> Latest {
        var another: String?
        for number in numbers() {
            guard let checkpoint = try? folder.decode(Checkpoint.self, from: name(of: number)) else { continue }
            guard let made = checkpoint.machine else {
                another = another ?? "the checkpoint at step \(checkpoint.steps) does not say on what it was computed; this is \(machine)"
                continue
            }
            guard checkpoint.fingerprint == fingerprint else { continue }
            guard made == machine else {
                another = another ?? "the checkpoint at step \(checkpoint.steps) was computed on \(made); this is \(machine)"
                continue
            }
            guard let file = checkpoint.state, let state = try? tensors(file) else { continue }
            if let file = checkpoint.best, (try? reading(file) { (_, _) throws(TrainingError) in }) == nil { continue }
            return .whole(checkpoint, state)
        }
        return another.map { .ofAnotherMachine($0) } ?? .none
    }

    /// Returns the parameters of the best epoch that a checkpoint names.
    func best(of checkpoint: Checkpoint) throws(TrainingError) -> NamedTensors? {
        guard let file = checkpoint.best else { return nil }
        return try tensors(file)
    }

    private func tensors(_ file: Checkpoint.File) throws(TrainingError) -> NamedTensors {
        try reading(file) { file, path throws(TrainingError) in try Safetensors.readAll(file, path).tensors }
    }

    /// Opens a file, which must be whole.
    private func reading<Result>(
        _ file: Checkpoint.File, _ body: (borrowing OpenFile, _ path: String) throws(TrainingError) -> Result
    ) throws(TrainingError) -> Result {
        let path = folder.path(of: file.name)
        let descriptor = try onDisk { () throws(FileSystemError) in try folder.open(file.name) }
        let opened = OpenFile(descriptor, named: path)
        guard try onDisk({ () throws(FileSystemError) in try FileDigest.of(descriptor, named: path).digest }) == file.digest else {
            throw .cannotRead(path: path.string, reason: "it is damaged")
        }
        return try body(opened, path.string)
    }

    private func name(of number: Int) -> String { "checkpoint-\(number).json" }

    private func names() -> [String] { (try? folder.names()) ?? [] }

    /// Returns the numbers of the checkpoints, the newest first.
    private func numbers() -> [Int] {
        names().compactMap { name in
            name.hasPrefix("checkpoint-") && name.hasSuffix(".json") ? Int(name.dropFirst(11).dropLast(5)) : nil
        }.sorted(by: >)
    }

    private func prune() {
        let kept = numbers().prefix(2)
        var named: Set<String> = []
        for number in kept {
            named.insert("checkpoint-\(number).json")
            guard let checkpoint = try? folder.decode(Checkpoint.self, from: name(of: number)) else { continue }
            for file in [checkpoint.state, checkpoint.best] { if let file { named.insert(file.name) } }
        }
        for name in names() where !named.contains(name) {
            let isOurs = ["checkpoint-", "state-", "best-"].contains { name.hasPrefix($0) || name.hasPrefix("." + $0) }
            // A file that cannot be removed now is removed the next time.
            if isOurs { try? folder.remove(name) }
        }
    }
}
