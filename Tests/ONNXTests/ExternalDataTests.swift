import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors
import TestSupport
import Testing

@testable import ONNX

/// The attacks of published advisories, and their innocent neighbours.
@Suite struct ExternalDataTests {
    struct Attack: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let entries: [(String, String)]
        let problem: ExternalDataProblem

        init(_ name: String, _ entries: [(String, String)], _ problem: ExternalDataProblem) {
            testDescription = name
            self.entries = entries
            self.problem = problem
        }

        init(_ name: String, at location: String, _ problem: ExternalDataProblem) { self.init(name, [("location", location)], problem) }
    }

    /// What lies around: `model/w.bin` and `model/sub/w.bin` (24 bytes), `secret` beside the model's directory, and links to both.
    private func directory() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory("external")
        let bytes = (1...6).map { Float($0) }.withUnsafeBytes(Array.init)
        try directory.write(bytes, to: "model/w.bin")
        try directory.write(bytes, to: "model/sub/w.bin")
        try directory.write(bytes, to: "model/twice.bin")
        try directory.write(bytes, to: "secret")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: directory("model/link.bin"), withDestinationPath: "w.bin")
        try files.createSymbolicLink(atPath: directory("model/out.bin"), withDestinationPath: "../secret")
        try files.createSymbolicLink(atPath: directory("model/dangling.bin"), withDestinationPath: "nowhere")
        try files.createSymbolicLink(atPath: directory("model/linked"), withDestinationPath: "sub")
        try files.linkItem(atPath: directory("model/twice.bin"), toPath: directory("hard"))
        #expect(mkfifo(directory("model/pipe"), 0o644) == 0)
        return directory
    }

    private func model(_ entries: [(String, String)], in directory: TemporaryDirectory) throws -> Model {
        var proto = matrixModel().proto
        proto.graph.initializer[0].clearRawData()
        proto.graph.initializer[0].dataLocation = 1
        proto.graph.initializer[0].externalData = entries.map { key, value in
            .with {
                $0.key = key; $0.value = value
            }
        }
        try directory.write(try proto.serializedData(partial: true), to: "model/model.onnx")
        return try Model.load(path: directory("model/model.onnx"))
    }

    static let attacks: [Attack] = [
        Attack("parent", at: "../secret", .parentDirectory),
        Attack("parent inside", at: "sub/../../secret", .parentDirectory),
        Attack("parent that stays inside", at: "sub/../w.bin", .parentDirectory),
        Attack("parent with backslashes", at: "..\\secret", .parentDirectory),
        Attack("absolute", at: "/etc/passwd", .absolutePath),
        Attack("absolute with drive", at: "C:\\w.bin", .absolutePath),
        Attack("link within", at: "link.bin", .symbolicLink),
        Attack("link outward", at: "out.bin", .symbolicLink),
        Attack("dangling link", at: "dangling.bin", .symbolicLink),
        Attack("linked directory", at: "linked/w.bin", .symbolicLink),
        Attack("hard link", at: "twice.bin", .hardLink(count: 2)),
        Attack("directory", at: "sub", .notARegularFile),
        Attack("directory with slash", at: "w.bin/", .notARegularFile),
        Attack("the directory itself", at: "./", .notARegularFile),
        Attack("pipe", at: "pipe", .notARegularFile),
        Attack("missing", at: "other.bin", .missing),
        Attack("below a file", at: "w.bin/w.bin", .missing),
        Attack("memory address", at: "*/_ORT_MEM_ADDR_/*", .memoryAddressMarker),
        Attack("no location", [], .emptyLocation),
        Attack("empty location", at: "", .emptyLocation),
        Attack("zero byte", at: "w.bin\0.txt", .unprintableLocation),
        Attack("newline", at: "w\n.bin", .unprintableLocation),
        Attack("unknown key", [("location", "w.bin"), ("mode", "w")], .unknownKey("mode")),
        Attack("two locations", [("location", "w.bin"), ("location", "../secret")], .repeatedKey("location")),
        Attack("negative offset", [("location", "w.bin"), ("offset", "-8")], .badNumber(key: "offset", value: "-8")),
        Attack("signed offset", [("location", "w.bin"), ("offset", "+0")], .badNumber(key: "offset", value: "+0")),
        Attack("hexadecimal", [("location", "w.bin"), ("length", "0x18")], .badNumber(key: "length", value: "0x18")),
        Attack(
            "offset of 2^64 - 8", [("location", "w.bin"), ("offset", "18446744073709551608")],
            .badNumber(key: "offset", value: "18446744073709551608")),
        Attack(
            "offset and length overflow", [("location", "w.bin"), ("offset", "9223372036854775800"), ("length", "24")],
            .outOfRange(offset: 9_223_372_036_854_775_800, length: 24, fileSize: 24)),
        Attack("length of 2^50", [("location", "w.bin"), ("length", "1125899906842624")], .wrongLength(stated: 1 << 50, needed: 24)),
        Attack("length too short", [("location", "w.bin"), ("length", "20")], .wrongLength(stated: 20, needed: 24)),
        Attack(
            "offset past the end", [("location", "w.bin"), ("offset", "4")], .outOfRange(offset: 4, length: 24, fileSize: 24)),
    ]

    @Test(arguments: attacks)
    func eachAttackIsRefusedByTheCheckAndByReading(_ attack: Attack) throws {
        let directory = try directory()
        let model = try model(attack.entries, in: directory)
        let expected = ONNXError.externalData(
            tensor: "w", location: attack.entries.first { $0.0 == "location" }?.1 ?? "", problem: attack.problem)
        #expect(throws: expected) { try model.safetyCheck() }
        #expect(throws: expected) { try model.embeddingExternalData() }
        #expect(throws: expected) { try model.write(to: directory("copy.onnx")) }
        #expect(!FileManager.default.fileExists(atPath: directory("copy.onnx")))
        #expect(!FileManager.default.fileExists(atPath: directory("copy.onnx.data")))
    }

    @Test(arguments: ["w.bin", "./w.bin", "sub/w.bin", "sub//w.bin"])
    func innocentLocationsAreRead(_ location: String) throws {
        let directory = try directory()
        let model = try model([("location", location), ("offset", "0"), ("length", "24"), ("checksum", "00")], in: directory)
        try model.safetyCheck()
        #expect(model.externalDataLocations == [location])
        let embedded = try model.embeddingExternalData()
        #expect(try embedded.graph.initializers[0].tensor().values(as: Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(embedded.externalDataLocations.isEmpty)
    }

    @Test func offsetsAreHonoured() throws {
        let directory = try directory()
        try directory.write([9, 9, 9, 9] + (1...6).map { Float($0) }.withUnsafeBytes(Array.init) + [9], to: "model/padded.bin")
        let model = try model([("location", "padded.bin"), ("offset", "4")], in: directory)
        #expect(try model.graph.initializers[0].tensor(externalData: model.externalData()).values(as: Float.self) == [1, 2, 3, 4, 5, 6])
    }

    @Test func aModelFromBytesAloneHasNoDirectory() throws {
        let directory = try directory()
        let model = try Model(serialized: model([("location", "w.bin")], in: directory).serialized())
        let expected = ONNXError.externalData(tensor: "w", location: "w.bin", problem: .noDirectory)
        #expect(throws: expected) { try model.safetyCheck() }
        #expect(throws: expected) { try model.embeddingExternalData() }
        try model.safetyCheck(checksFiles: false)
    }

    @Test func stringsAreNeverExternal() throws {
        let directory = try directory()
        var proto = try model([("location", "w.bin")], in: directory).proto
        proto.graph.initializer[0].dataType = 8
        try directory.write(try proto.serializedData(partial: true), to: "model/model.onnx")
        let model = try Model.load(path: directory("model/model.onnx"))
        #expect(throws: ONNXError.externalData(tensor: "w", location: "w.bin", problem: .stringTensor)) { try model.safetyCheck() }
    }

    @Test func aModelFileThatIsAPipeOrDirectoryIsRefused() throws {
        let directory = try directory()
        #expect(throws: ONNXError.self) { try Model.load(path: directory("model/pipe")) }
        #expect(throws: ONNXError.self) { try Model.load(path: directory("model")) }
        #expect(throws: ONNXError.self) { try Model.load(path: directory("model/none.onnx")) }
    }
}
