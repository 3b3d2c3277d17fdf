import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct SafetensorsTests {
    private static let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Fixtures/python.safetensors"
    ).path

    @Test func readsWhatTheSafetensorsPackageWrote() throws {
        let tensors = Dictionary(uniqueKeysWithValues: try Safetensors.read(Self.fixture).map { ($0.name, $0.tensor) })
        #expect(tensors["conv.weight"]?.values(as: Float.self) == [0, 1, 2, 3, 4, 5])
        #expect(tensors["conv.weight"]?.shape == [2, 3])
        #expect(tensors["half"]?.values(as: Float16.self) == [1.5, -2])
        #expect(tensors["step"]?.values(as: Int64.self) == [7])
        #expect(tensors["step"]?.shape == [])
        #expect(tensors["näme \"quoted\"/slash"]?.values(as: Bool.self) == [true, false])
        #expect(tensors.count == 4)
    }

    @Test func writesTheBytesOfTheSafetensorsPackage() throws {
        let directory = try TemporaryDirectory("safetensors")
        // The package sorts by alignment, then by name.
        let tensors = try Safetensors.read(Self.fixture)
        try Safetensors.write(tensors, metadata: ["made": "by the safetensors package"], to: directory("ours.safetensors"))
        #expect(try directory.read("ours.safetensors") == Array(Data(contentsOf: URL(fileURLWithPath: Self.fixture))))
        #expect(directory.files() == ["ours.safetensors"])
    }

    @Test func damageIsNamed() throws {
        let directory = try TemporaryDirectory("safetensors")
        let whole = try Array(Data(contentsOf: URL(fileURLWithPath: Self.fixture)))
        let cases: [(String, [UInt8])] = [
            ("empty", []), ("short", Array(whole.prefix(7))), ("header", Array(whole.prefix(40))), ("cut", Array(whole.dropLast())),
            ("length", [255, 255, 255, 255, 255, 255, 255, 127] + whole.dropFirst(8)),
        ]
        for (name, bytes) in cases {
            let path = try directory.write(bytes, to: name)
            #expect(throws: TrainingError.self, "\(name)") { try Safetensors.read(path) }
        }
    }
}
