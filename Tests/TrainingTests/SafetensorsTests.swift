import Foundation
import Glibc
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

    @Test func onlyARegularFileIsRead() throws {
        let directory = try TemporaryDirectory("safetensors")
        #expect(mkfifo(directory("pipe"), 0o644) == 0)
        for name in ["pipe", ".", "none"] { #expect(throws: TrainingError.self, "\(name)") { try Safetensors.read(directory(name)) } }
    }

    /// A header may not make more of a file than there is, nor less.
    @Test(arguments: [
        ("the same twice", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#),
        ("overlapping", #"{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#),
        ("a gap", #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#),
        ("bytes after the end", #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#),
        ("more than there is", #"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#),
        ("a shape that overflows", #"{"a":{"dtype":"U8","shape":[4611686018427387904,4,8],"data_offsets":[0,8]}}"#),
        ("a negative shape", #"{"a":{"dtype":"U8","shape":[-2,-4],"data_offsets":[0,8]}}"#),
    ])
    func tensorsShareNoBytesAndLeaveNone(name: String, header: String) throws {
        let directory = try TemporaryDirectory("safetensors")
        let path = try directory.write([UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0] + header.utf8 + [1, 2, 3, 4, 5, 6, 7, 8], to: "a")
        #expect(throws: TrainingError.self, "\(name)") { try Safetensors.read(path) }
        let honest = #"{"a":{"dtype":"U8","shape":[2,4],"data_offsets":[0,8]}}"#
        try directory.write([UInt8(honest.utf8.count), 0, 0, 0, 0, 0, 0, 0] + honest.utf8 + [1, 2, 3, 4, 5, 6, 7, 8], to: "b")
        #expect(try Safetensors.read(directory("b")).count == 1)
    }
}
