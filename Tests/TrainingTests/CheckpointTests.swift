import Foundation
import Machine
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct CheckpointTests {
    private static let machine = AttemptMachine(processor: "one: avx2", engine: "engine", engineVersion: "1.0")

    private func tensors(_ value: Float) -> CheckpointStore.NamedTensors {
        [("w", Tensor(.float32, [2], [value, -value])), ("step", Tensor(.int64, [], [Int64(value)]))]
    }

    private func save(_ number: Int, best: Bool = false, _ store: inout CheckpointStore, _ checkpoint: inout Checkpoint) throws {
        checkpoint.batches = number
        if best { checkpoint.bestEpoch = number }
        try store.save(&checkpoint, state: tensors(Float(number)), best: best ? tensors(Float(-number)) : nil)
    }

    @Test func theLastOneComesBack() throws {
        let directory = try TemporaryDirectory("checkpoints")
        var store = CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: Self.machine)
        var checkpoint = Checkpoint(fingerprint: "")
        #expect(store.whole == nil)
        try save(1, best: true, &store, &checkpoint)
        try save(2, &store, &checkpoint)
        checkpoint.history = [EpochRecord(epoch: 1, trainingLoss: .infinity, validation: ["auc": .nan], learningRate: 0.1, seconds: 1)]
        try save(3, &store, &checkpoint)
        let found = try #require(CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: Self.machine).whole)
        #expect(found.checkpoint.batches == 3)
        #expect(found.checkpoint.history[0].trainingLoss == .infinity)
        #expect(found.state[0].tensor.values(as: Float.self) == [3, -3])
        #expect(try store.best(of: found.checkpoint)?[0].tensor.values(as: Float.self) == [-1, 1])
        // Two are kept, with what they name.
        #expect(
            directory.files() == [
                "best-1.safetensors", "checkpoint-2.json", "checkpoint-3.json", "state-2.safetensors", "state-3.safetensors",
            ])
        #expect(CheckpointStore(try heldFolder(directory.path), fingerprint: "another run", machine: Self.machine).whole == nil)
    }

    @Test(arguments: ["checkpoint-2.json", "state-2.safetensors", "best-2.safetensors"])
    func damageFallsBackToTheOneBefore(name: String) throws {
        let directory = try TemporaryDirectory("checkpoints")
        var store = CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: Self.machine)
        var checkpoint = Checkpoint(fingerprint: "")
        try save(1, best: true, &store, &checkpoint)
        try save(2, best: true, &store, &checkpoint)
        var bytes = try directory.read(name)
        bytes[bytes.count - 1] ^= 1
        try directory.write(bytes, to: name)
        #expect(store.whole?.checkpoint.batches == 1)
        try FileManager.default.removeItem(atPath: directory(name))
        #expect(store.whole?.checkpoint.batches == 1)
    }

    /// What a kill leaves half-written is neither read nor in the way.
    @Test func halfWrittenFilesAreNothing() throws {
        let directory = try TemporaryDirectory("checkpoints")
        var store = CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: Self.machine)
        var checkpoint = Checkpoint(fingerprint: "")
        try save(1, &store, &checkpoint)
        for name in ["state-2.safetensors.part", "state-2.safetensors", "checkpoint-2.json.part"] { try directory.write("half", to: name) }
        #expect(store.whole?.checkpoint.batches == 1)
        try save(2, &store, &checkpoint)
        try save(3, &store, &checkpoint)
        #expect(directory.files() == ["checkpoint-2.json", "checkpoint-3.json", "state-2.safetensors", "state-3.safetensors"])
    }

    /// Another processor or engine, or one that nobody knows, may compute other last bits.
    @Test func aCheckpointOfAnotherMachineIsNotGoneOnFrom() throws {
        let directory = try TemporaryDirectory("checkpoints")
        var store = CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: Self.machine)
        var checkpoint = Checkpoint(fingerprint: "")
        checkpoint.steps = 7
        try save(1, &store, &checkpoint)
        var other = Self.machine
        other.processor = "two: avx2 avx512f"
        var newer = Self.machine
        newer.engineVersion = "1.1"
        for machine in [other, newer] {
            guard
                case .ofAnotherMachine(let why) = CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: machine)
                    .latest()
            else { Issue.record("\(machine)"); continue }
            #expect(why == "the checkpoint at step 7 was computed on \(Self.machine); this is \(machine)")
        }
        // One of this machine that is older counts.
        store = CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: other)
        try save(2, &store, &checkpoint)
        #expect(CheckpointStore(try heldFolder(directory.path), fingerprint: "a", machine: Self.machine).whole?.checkpoint.batches == 1)
        // The releases before did not write it, and had another fingerprint.
        for name in ["checkpoint-1.json", "checkpoint-2.json"] {
            var object = try #require(try JSONSerialization.jsonObject(with: Data(directory.read(name))) as? [String: Any])
            object["machine"] = nil
            object["fingerprint"] = "older"
            try directory.write(Array(try JSONSerialization.data(withJSONObject: object)), to: name)
        }
        guard case .ofAnotherMachine(let why) = store.latest() else { Issue.record("it is gone on from"); return }
        #expect(why == "the checkpoint at step 7 does not say on what it was computed; this is \(other)")
    }
}

extension CheckpointStore {
    fileprivate var whole: (checkpoint: Checkpoint, state: NamedTensors)? {
        if case .whole(let checkpoint, let state) = latest() { (checkpoint, state) } else { nil }
    }
}
