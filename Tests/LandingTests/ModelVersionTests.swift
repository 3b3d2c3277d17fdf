import FileSystem
import Foundation
import Landing
import SystemPackage
import TestSupport
import Testing

@Suite struct ModelVersionTests {
    private struct Bench {
        let scene: Scene
        let models: ModelVersionDirectory

        init() throws {
            scene = try Scene("versions")
            models = ModelVersionDirectory(path: scene.root.appending("models"), area: scene.area)
        }

        func card(_ version: Int, arrival: Int64? = nil) -> Card {
            var card = Card(
                pipeline: "digits", version: version, revision: "r", verdict: .ungated, arrival: arrival ?? Int64(version),
                arrivalPath: "m.onnx", arrivalDigest: "d", tool: .init(name: "millrace", version: "0.1"))
            card.opset = ["ai.onnx": 17]
            card.decisions = ["batch_size": .integer(64), "frozen": .flag(true), "note": .text("x"), "share": .number(0.5)]
            card.lossPerEpoch = [1.5, .nan]
            return card
        }

        func stage(_ version: Int, weights: String = "w", arrival: Int64? = nil) throws -> ModelVersionDirectory.Staged {
            let directory = try scene.area.directory(run: Int64(version), attempt: 1)
            for (name, text) in [("model.onnx", "graph \(version)"), ("model.onnx.data", weights)] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: directory.appending(name).string))
            }
            return try models.stage(
                run: Int64(version), attempt: 1,
                files: ["model.onnx", "model.onnx.data"].map { .init(name: $0, staged: directory.appending($0)) },
                card: card(version, arrival: arrival))
        }

        func publish(_ version: Int) throws { #expect(try models.land(try stage(version))) }
    }

    @Test func aVersionAppearsWholeWithItsCard() throws {
        let bench = try Bench()
        let staged = try bench.stage(1)
        #expect(try bench.models.versions().isEmpty)
        #expect(try bench.models.land(staged))
        #expect(try bench.models.versions() == [1])
        let card = try bench.models.card(1)
        #expect(card.files.map(\.path) == ["model.onnx.data", "model.onnx"])
        #expect(card.files.first { $0.path == "model.onnx" }?.digest == digest("graph 1"))
        #expect(card.decisions == bench.card(1).decisions && card.opset == ["ai.onnx": 17] && card.lossPerEpoch?[1].isNaN == true)
        #expect(try bench.models.differences(in: 1).isEmpty)
        #expect(try bench.models.isPublished(version: 1, arrival: 1) && !bench.models.isPublished(version: 1, arrival: 2))
        #expect(try !bench.models.isPublished(version: 2, arrival: 1))
        try bench.scene.folder.write("W", to: "root/models/1/model.onnx.data")
        #expect(try bench.models.differences(in: 1) == ["model.onnx.data does not have the digest on its card"])
    }

    @Test func theSameFactsGiveTheSameBytesAndLeaveOutWhatIsNotKnown() throws {
        let one = try Bench()
        let two = try Bench()
        let first = try one.stage(1)
        #expect(try first.cardDigest == two.stage(1).cardDigest)
        let text = try String(contentsOfFile: first.directory.appending("card.json").string, encoding: .utf8)
        #expect(!text.contains("\"gate\"") && !text.contains("null") && text.contains("\"arrival_digest\" : \"d\""))
    }

    @Test func landingAgainIsDoneAndAnotherModelIsRefused() throws {
        let bench = try Bench()
        try bench.publish(1)
        #expect(try !bench.models.land(try bench.stage(1)))
        #expect(throws: FileSystemError.versionTaken(bench.models.directory(of: 1))) {
            try bench.models.land(try bench.stage(1, weights: "others"))
        }
        #expect(throws: FileSystemError.versionTaken(bench.models.directory(of: 1))) {
            try bench.models.land(try bench.stage(1, arrival: 9))
        }
        #expect(try bench.models.differences(in: 1).isEmpty)
    }

    @Test func activeIsReplacedAsAWholeAndOnlyForWhatIsThere() throws {
        let bench = try Bench()
        #expect(try bench.models.active() == nil)
        try bench.publish(1)
        try bench.publish(2)
        try bench.models.activate(2)
        #expect(try bench.models.active() == 2 && bench.scene.folder.read("root/models/ACTIVE") == Array("2\n".utf8))
        try bench.models.activate(1)
        #expect(try bench.models.active() == 1)
        #expect(throws: FileSystemError.noSuchVersion(bench.models.path, version: 7)) { try bench.models.activate(7) }
        try bench.scene.folder.write("latest", to: "root/models/ACTIVE")
        #expect(throws: FileSystemError.self) { try bench.models.active() }
    }

    @Test func pruningSparesTheActiveAndWhatIsNotOurs() throws {
        let bench = try Bench()
        for version in [1, 2, 3, 9, 10, 11] { try bench.publish(version) }
        try bench.models.activate(2)
        try bench.scene.folder.write("x", to: "root/models/4/model.onnx")
        try bench.scene.folder.write("x", to: "root/models/config.pbtxt")
        #expect(try bench.models.remove([1, 2, 9]) == [1, 9])
        #expect(try bench.models.versions() == [2, 3, 10, 11])
        #expect(bench.scene.folder.files().contains("root/models/4/model.onnx"))
        #expect(bench.scene.staged.isEmpty)
        #expect(try bench.models.remove(bench.models.versions()) == [3, 10, 11])
        #expect(try bench.models.versions() == [2])
    }
}

extension ModelVersionDirectory {
    /// The versions that are whole, in rising order.
    fileprivate func versions() throws(FileSystemError) -> [Int] { try PublishedModels(path: path).versions() }
}
