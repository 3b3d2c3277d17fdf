import ArgumentParser
import Foundation
import ONNX
import Reports
import Terminal
import Training
import TrainingGraph

extension Merge: Computes {
    func compute() throws {
        try reportingErrors {
            let target = try AtomicOutput.target(out, replacing: force)
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            let file = try loadedAdapter(adapter, of: model)
            var merged: Model
            do { merged = try file.adapter.merged(into: loaded) } catch { throw fail("\(adapter): \(error)") }
            for (key, value) in file.facts.sorted(by: { $0.key < $1.key }) { merged.metadata[key] = value }
            try AtomicOutput.model(merged, at: target)
            print("\(out): \(file.adapter.factors.count) weights changed")
        }
    }
}
