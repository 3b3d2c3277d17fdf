import Arrivals
import Attempts
import FileSystem
import Foundation
import Ledger
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import TestSupport
import Testing

@testable import Daemon

/// What the daemon writes beside outputs and models, field by field.
@Suite struct DiskPublisherTests {
    private func digest(_ text: String) -> String { FileDigest.of(bytes: text.utf8) }

    private func timestamp(_ text: Any?) -> Bool {
        (text as? String)?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil
    }

    /// - Parameter trial: what the executor found when it ran the model.
    @Test(arguments: [
        (AttemptResult.Trial.noRowsKnown, "ungated: no rows are known", "ungated"),
        (.ran(rows: 3, of: "abc"), "ran on 3 rows of abc", "passed"),
    ])
    func aModelsCardSaysWhatItIs(trial: AttemptResult.Trial, wording: String, verdict: String) throws {
        let world = try DiskWorld()
        try world.drop(.model, "sub/m.onnx", "graph")
        let files = ["model.onnx": "graph", "w.bin": "weights"]
        let specs = try world.round { try world.wrote(files, $0, trial: trial, operatorSets: ["ai.onnx": 17, "ai.onnx.ml": 3]) }
        try #require(specs.count == 1)
        var card = try world.json("out/models/1/card.json")
        #expect(timestamp(card.removeValue(forKey: "published_at")))
        let engine = try #require(card.removeValue(forKey: "engine") as? [String: String])
        #expect(engine == ["name": "ONNX Runtime", "version": "1.2.3"])
        #expect(card.removeValue(forKey: "processor") as? String == "Abacus: beads")
        expect(
            card,
            is: [
                "pipeline": "p", "version": 1, "revision": world.pipeline.revision.full, "verdict": verdict, "arrival": 1,
                "arrival_path": "sub/m.onnx",
                "arrival_digest": digest("graph"), "tool": ["name": "millrace", "version": toolVersion], "run": specs[0].run,
                "opset": ["ai.onnx": 17, "ai.onnx.ml": 3], "decisions": ["trial": wording],
                // Weights first, then the graph.
                "files": [
                    ["path": "w.bin", "digest": digest("weights"), "bytes": 7],
                    ["path": "model.onnx", "digest": digest("graph"), "bytes": 5],
                ] as [[String: any Sendable]],
            ])
        #expect(try world.directory.read("out/models/ACTIVE") == Array("1\n".utf8))
        #expect(world.leftovers.isEmpty, "\(world.leftovers)")
        try world.drop(.model, "n.onnx", "other")
        try world.round { try world.wrote(["model.onnx": "other"], $0) }
        #expect(try world.directory.read("out/models/ACTIVE") == Array("2\n".utf8))
    }

    /// A card goes where its model goes, so that it has no values of cells, also where the pipeline shows them.
    @Test func aCardHasNoValues() throws {
        let world = try DiskWorld(
            """
            name: p
            spool: { models: spool/models, labelled: spool/labelled }
            schema: { key: [id], label: y }
            stages: [ deserialize: {}, optimize: { gradient: { loss: mean_squared_error } } ]
            land: { models: out/models }
            privacy: { show_values: true }
            """)
        try world.drop(.model, "m.onnx", "graph")
        let failure = Failure(.badInput, what: "\(cell: "Zoe1987") is no number", place: "l.csv", remedy: "Mend it.")
        try world.round { spec in
            var answer = try world.wrote(["model.onnx": "graph"], spec)
            answer.training = TrainingReport(rejection: failure, wait: failure, unusable: [.init(arrival: 7, failure: failure)])
            return answer
        }
        let card = String(decoding: try world.directory.read("out/models/1/card.json"), as: UTF8.self)
        #expect(!card.contains("Zoe1987") && card.contains("not tuned: l.csv: the value is no number"), "\(card)")
    }

    /// Values that were stored while they were shown are in no reason that is written after that.
    @Test(arguments: [false, true]) func aReasonHasWhatThePipelineShows(isShown: Bool) throws {
        let world = try DiskWorld(DiskWorld.yaml + (isShown ? "\nprivacy: { show_values: true }\n" : ""))
        let why = Explanation(reason: "\(cell: "Zoe1987") is no number", rule: .dataValue, remedy: "Mend it.")
        let place = SpoolPlace(pipeline: "p", role: .data, path: "a.csv")
        try world.publisher.quarantine(
            .unread(place, digest: nil), QuarantineReport(explanation: why, arrival: 1, run: nil, attempts: []), pipeline: world.pipeline)
        let file = try #require(world.directory.files().first { $0.hasSuffix("a.csv.reason.json") })
        #expect(String(decoding: try world.directory.read(file), as: UTF8.self).contains("Zoe1987") == isShown)
    }

    @Test func aTrainedModelsCardSaysWhatItCameFrom() throws {
        let world = try DiskWorld(
            """
            name: p
            spool: { models: spool/models, labelled: spool/labelled }
            schema: { key: [id], label: y }
            stages:
              - deserialize: {}
              - optimize: { gradient: { loss: mean_squared_error }, gate: { metric: mae, drop_at_most: 0 } }
            land: { models: out/models }
            """)
        try world.drop(.model, "m.onnx", "graph")
        try world.round { try world.wrote(["model.onnx": "graph"], $0, trial: .noRowsKnown) }
        try world.drop(.labelled, "l.csv", "id,x,y\n")
        let specs = try world.round { spec in
            var answer = try world.wrote(["model.onnx": "tuned"], spec)
            answer.training = TrainingReport(
                gate: .init(metric: "mae", before: 2, after: 0.5, dropAtMost: 0, rows: 40), lossPerEpoch: [3, 1],
                trainingData: [.init(path: "l.csv", digest: digest("id,x,y\n"), rows: 200)], hyperParameters: ["epochs": .integer(2)],
                decisions: ["gradient_forms": .table(["node": .text("product")])],
                unusable: [.init(arrival: 7, failure: Failure(.badInput, what: "no number", place: "bad.csv", remedy: "Mend it."))])
            return answer
        }
        try #require(specs.map(\.goal) == [.fineTune])
        var card = try world.json("out/models/2/card.json")
        card["published_at"] = nil
        card["engine"] = nil
        card["processor"] = nil
        expect(
            card,
            is: [
                "pipeline": "p", "version": 2, "revision": world.pipeline.revision.full, "verdict": "passed", "arrival": 2,
                "arrival_path": "l.csv",
                "arrival_digest": digest("id,x,y\n"), "tool": ["name": "millrace", "version": toolVersion], "run": specs[0].run,
                "opset": [:] as [String: Int], "parent": ["version": 1, "digest": digest("graph")] as [String: any Sendable],
                "float_parent": ["digest": digest("tuned")],
                "gate": ["metric": "mae", "before": 2, "after": 0.5, "drop_at_most": 0, "rows": 40] as [String: any Sendable],
                "loss_per_epoch": [3, 1], "hyper_parameters": ["epochs": 2],
                "training_data": [["path": "l.csv", "digest": digest("id,x,y\n"), "rows": 200]] as [[String: any Sendable]],
                "decisions": [
                    "gradient_forms": ["node": "product"],
                    "unusable_labels": [["arrival": 7, "place": "bad.csv", "reason": "no number", "remedy": "Mend it."]]
                        as [[String: any Sendable]],
                ] as [String: any Sendable],
                "files": [["path": "model.onnx", "digest": digest("tuned"), "bytes": 5]] as [[String: any Sendable]],
            ])
        // What training starts from next time is kept.
        #expect(try world.directory.read(".millrace/training/p/models/\(digest("tuned"))/model.onnx") == Array("tuned".utf8))
        #expect(try world.directory.read("out/models/ACTIVE") == Array("2\n".utf8))
    }

    /// What workers have prepared of a model goes with its last version; what is unfinished goes at the next start.
    @Test func preparedModelsGoWithTheirVersions() throws {
        let world = try DiskWorld(DiskWorld.yaml.replacing("models: out/models", with: "models: { path: out/models, keep: 1 }"))
        let folder = FilePath(world.directory(".millrace/prepared"))
        func there() throws -> Set<String> { Set(try Disk.names(in: folder).map(\.string)) }
        func prepare(_ name: String) throws { try world.directory.write("x", to: ".millrace/prepared/\(name)/model.onnx") }
        let (one, two, unfinished) = (digest("one") + "-0", digest("two") + "-0", ".\(digest("one"))-0")
        for name in [one, digest("none") + "-0", unfinished] { try prepare(name) }
        try world.publishModel("m.onnx", "one")
        #expect(try there() == [one, unfinished])
        try prepare(two)
        try world.publishModel("n.onnx", "two")
        #expect(try there() == [two, unfinished])
        try world.restart()
        #expect(try there() == [two])
    }

    @Test func anOutputsManifestLineSaysWhatItCameFrom() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "sub/a.csv", "id,x\na,1\n")
        let specs = try world.round { spec in
            var answer = try world.wrote(["": "id,y\na,2\n"], spec, rows: 1)
            answer.columns = ["x": ["x"]]
            answer.types = ["id": "string"]
            return answer
        }
        try world.drop(.data, "b.csv", "id,x\nb,1\n")
        try world.round { try world.wrote(["": "id,y\nb,2\n"], $0, rows: 1) }
        let manifest = try #require(world.directory.files().first { $0.hasPrefix("out/outputs/_millrace/manifest-") })
        #expect(manifest.hasSuffix("-p.jsonl"))
        let lines = String(decoding: try world.directory.read(manifest), as: UTF8.self).split(separator: "\n")
        try #require(lines.count == 2 && specs.count == 1)
        var line = try world.json(text: String(lines[0]))
        #expect(timestamp(line.removeValue(forKey: "published_at")))
        expect(
            line,
            is: [
                "path": "sub/a.csv", "output_digest": digest("id,y\na,2\n"), "bytes": 9, "rows": 1, "pipeline": "p", "input": "sub/a.csv",
                "input_digest": digest("id,x\na,1\n"), "model_version": 1, "model_digest": digest("graph"),
                "revision": world.pipeline.revision.full, "arrival": 2, "run": specs[0].run,
                "pins": ["columns": ["x": ["x"]], "types": ["id": "string"]] as [String: any Sendable],
            ])
        // The file that came second has pinned nothing.
        let second = try world.json(text: String(lines[1]))
        #expect(second["pins"] == nil && second["input"] as? String == "b.csv" && second["arrival"] as? Int == 3)
        #expect(try world.directory.read("out/outputs/sub/a.csv") == Array("id,y\na,2\n".utf8))
        #expect(world.leftovers.isEmpty, "\(world.leftovers)")
    }

}
