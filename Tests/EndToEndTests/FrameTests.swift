import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

/// The frame of Tests/ColumnarTests/make-frames.py through one model, from every file of it: the same output, byte for byte, or the same
/// error.
@Suite struct FrameTests {
    private static let frames =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path + "/ColumnarTests/Frames"
    private static let types: [(name: String, type: ElementType)] = [
        ("f", .float32), ("d", .float64), ("i", .int64), ("u", .uint64), ("s", .string), ("b", .bool),
    ]

    private struct Frame: Decodable {
        let files: [String]
        let cannot: [String: [String: String]]
    }

    private func world() throws -> (TemporaryDirectory, Frame) {
        let directory = try TemporaryDirectory("frame")
        let column = [Dimension.symbolic("N"), .fixed(1)]
        let graph = Graph(
            name: "g", nodes: Self.types.map { Node("Identity", [$0.name], [$0.name + "_out"]) },
            inputs: Self.types.map { Value($0.name, .tensor($0.type, column)) },
            outputs: Self.types.map { Value($0.name + "_out", .tensor($0.type, column)) })
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        try directory.write(Array(try model.serialized()), to: "m.onnx")
        return (directory, try JSONDecoder().decode(Frame.self, from: Data(contentsOf: URL(fileURLWithPath: Self.frames + "/frame.json"))))
    }

    /// - Parameter columns: of the inputs, in their order.
    @Test(arguments: [
        ["whole", "i32", "wide", "u32", "text", "flag"], ["u8", "wide", "whole", "u16", "colour", "flag"],
        ["digits", "code", "code", "code", "code", "flag"],
        // Refused: a number that float32 cannot hold, a negative one, a word, booleans as text, a time among numbers, a missing value.
        ["huge", "i32", "wide", "u32", "text", "flag"], ["whole", "i32", "wide", "i8", "text", "flag"],
        ["whole", "words", "wide", "u32", "text", "flag"],
        ["whole", "i32", "wide", "u32", "flag", "flag"], ["whole", "stamp", "wide", "u32", "text", "flag"],
        ["whole", "i32", "gaps", "u32", "text", "flag"],
    ])
    func everyFileGivesTheSame(columns: [String]) throws {
        let (directory, frame) = try world()
        let options = zip(Self.types, columns).flatMap { ["--columns", "\($0.name)=\($1)"] }
        func outcome(_ file: String) throws -> String {
            let path = Self.frames + "/" + file
            let answer = try DaemonProcess.command(["forward", directory("m.onnx"), path, directory("out.csv"), "--force"] + options)
            if answer.status == 0 { return String(decoding: try directory.read("out.csv"), as: UTF8.self) }
            return answer.error.replacingOccurrences(of: path, with: "FILE")
        }
        let expected = try outcome("pyarrow.arrow")
        var compared = 0
        for file in frame.files where !columns.contains(where: { frame.cannot[file]?[$0] != nil }) {
            #expect(try outcome(file) == expected, "\(file)")
            compared += 1
        }
        #expect(compared >= 15, "\(compared) files")
    }
}
