import Foundation
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct CheckpointTests {
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
        var store = CheckpointStore(directory: directory.path, fingerprint: "a")
        var checkpoint = Checkpoint(fingerprint: "")
        #expect(try store.latest() == nil)
        try save(1, best: true, &store, &checkpoint)
        try save(2, &store, &checkpoint)
        checkpoint.history = [EpochRecord(epoch: 1, trainingLoss: .infinity, validation: ["auc": .nan], learningRate: 0.1, seconds: 1)]
        try save(3, &store, &checkpoint)
        let found = try #require(try CheckpointStore(directory: directory.path, fingerprint: "a").latest())
        #expect(found.checkpoint.batches == 3)
        #expect(found.checkpoint.history[0].trainingLoss == .infinity)
        #expect(found.state[0].tensor.values(as: Float.self) == [3, -3])
        #expect(try store.best(of: found.checkpoint)?[0].tensor.values(as: Float.self) == [-1, 1])
        // Two are kept, with what they name.
        #expect(
            directory.files() == [
                "best-1.safetensors", "checkpoint-2.json", "checkpoint-3.json", "state-2.safetensors", "state-3.safetensors",
            ])
        #expect(try CheckpointStore(directory: directory.path, fingerprint: "another run").latest() == nil)
    }

    @Test(arguments: ["checkpoint-2.json", "state-2.safetensors", "best-2.safetensors"])
    func damageFallsBackToTheOneBefore(name: String) throws {
        let directory = try TemporaryDirectory("checkpoints")
        var store = CheckpointStore(directory: directory.path, fingerprint: "a")
        var checkpoint = Checkpoint(fingerprint: "")
        try save(1, best: true, &store, &checkpoint)
        try save(2, best: true, &store, &checkpoint)
        var bytes = try directory.read(name)
        bytes[bytes.count - 1] ^= 1
        try directory.write(bytes, to: name)
        #expect(try store.latest()?.checkpoint.batches == 1)
        try FileManager.default.removeItem(atPath: directory(name))
        #expect(try store.latest()?.checkpoint.batches == 1)
    }

    /// What a kill leaves half-written is neither read nor in the way.
    @Test func halfWrittenFilesAreNothing() throws {
        let directory = try TemporaryDirectory("checkpoints")
        var store = CheckpointStore(directory: directory.path, fingerprint: "a")
        var checkpoint = Checkpoint(fingerprint: "")
        try save(1, &store, &checkpoint)
        for name in ["state-2.safetensors.part", "state-2.safetensors", "checkpoint-2.json.part"] { try directory.write("half", to: name) }
        #expect(try store.latest()?.checkpoint.batches == 1)
        try save(2, &store, &checkpoint)
        try save(3, &store, &checkpoint)
        #expect(directory.files() == ["checkpoint-2.json", "checkpoint-3.json", "state-2.safetensors", "state-3.safetensors"])
    }
}
