import ArgumentParser
import Foundation
import ONNX
import Reports
import Training
import TrainingGraph

struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make one plain model of a model and an adapter that was trained beside it.",
        discussion: """
            OUT is MODEL with the products of the adapter's factors added to its weights, and nothing else changed; it loads wherever MODEL does. \
            OUT appears whole or not at all.
            """)

    @Argument(help: "The model that the adapter was trained beside.", completion: .file()) var model: String
    @Argument(help: "The adapter, as optimize and pipelines with merge: false write it.", completion: .file()) var adapter: String
    @Argument(help: "Where the merged model goes. Above 2 GiB the weights go beside it as OUT.data.", completion: .file()) var out: String
    @Flag(name: .long, help: "Replace OUT where it is there.") var force = false

    func run() throws {
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
