import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

private func floats(_ path: String, _ inputs: [ModelInput], rules: NameMap<InputRule> = [:], keep: [String] = [], batchRows: Int = 3) throws
    -> (values: [String: [Float]], strings: [String: [String]], shapes: [[Int]], kept: Int)
{
    let batches = try openInputs(path: path, inputs: inputs, rules: rules, schema: TableSchemaRule(keep: keep), batchRows: batchRows)
    var values: [String: [Float]] = [:], strings: [String: [String]] = [:], shapes: [[Int]] = [], kept = 0
    while let batch = try batches.next() {
        for (name, tensor) in batch.tensors {
            shapes.append(tensor.shape.dimensions)
            if let text = tensor.strings {
                strings[name, default: []] += text
            } else {
                values[name, default: []] += tensor.values(as: Float.self)!
            }
        }
        kept += batch.kept.rowCount
    }
    return (values, strings, shapes, kept)
}

private func input(_ name: String, _ type: ElementType = .float32, _ dimensions: Int?...) -> ModelInput {
    ModelInput(name: name, elementType: type, dimensions: dimensions)
}

@Suite struct ArrayTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("columnar") }

    @Test(arguments: ["f4.npy", "fortran.npy"])
    func rowsOfAnArray(name: String) throws {
        let read = try floats(fixture(name), [input("x", .float32, nil, 3)])
        #expect(read.values["x"] == (0..<12).map(Float.init))
        #expect(read.shapes == [[3, 3], [1, 3]])
        #expect(try floats(fixture(name), [input("x", .float32, nil, 3, 1)]).shapes == [[3, 3, 1], [1, 3, 1]])
        #expect(try floats(fixture(name), [input("x", .float32, nil, nil)]).shapes == [[3, 3], [1, 3]])
    }

    @Test func everyNumberTypeBecomesTheInputs() throws {
        for name in ["f8.npy", "f2.npy", "big.npy"] {
            #expect(try floats(fixture(name), [input("x", .float32, nil)]).values["x"] == [0, 1, 2, 3], "\(name)")
        }
        #expect(try floats(fixture("bool.npy"), [input("x", .float32, nil, 1)]).values["x"] == [1, 0, 1, 1])
        #expect(try floats(fixture("u1.npy"), [input("x", .float32, nil, 2, 2)]).values["x"] == (0..<8).map(Float.init))
        #expect(try floats(fixture("unicode.npy"), [input("x", .string, nil)]).strings["x"] == ["é", "longer", "", "x"])
        #expect(try floats(fixture("bytes.npy"), [input("x", .string, nil, 1)]).strings["x"] == ["a", "bcd", "", "z"])
        #expect(try floats(fixture("f8.npy"), [input("x", .string, nil)]).strings["x"] == ["0.0", "1.0", "2.0", "3.0"])
        #expect(
            message { _ = try floats(fixture("i8.npy"), [input("x", .int32, nil)]) }.hasSuffix(
                "model input \"x\": the value 4611686018427387904 does not fit int32"))
    }

    @Test(arguments: ["stored.npz", "deflated.npz"], [1, 3, 100])
    func archives(name: String, batchRows: Int) throws {
        let read = try floats(
            fixture(name), [input("pixels", .float32, nil, 2, 2), input("word", .string, nil, 1)], keep: ["weight"], batchRows: batchRows)
        #expect(read.values["pixels"] == (0..<40).map(Float.init))
        #expect(read.strings["word"] == (0..<10).map { "w\($0)" })
        #expect(read.kept == 10)
        #expect(try floats(fixture("zip64.npz"), [input("x", .float32, nil, 4)]).values["x"] == (0..<40).map(Float.init))
        #expect(
            try floats(fixture(name), [input("x", .float32, nil, 4)], rules: ["x": InputRule(columns: .list(["pixels"]))]).values["x"]
                == (0..<40).map(Float.init))
    }

    /// Arrays of one value a row fill an input as the columns of a table do, in the order of the rule, or in that of the file.
    @Test func arraysAsColumns() throws {
        let path = directory("columns.npz")
        try NamedArrays.write(
            [
                ("id", Tensor(.int64, [3], [7, 8, 9] as [Int64])), ("b", Tensor(.int64, [3, 1], [4, 5, 6] as [Int64])),
                ("a", Tensor(.float64, [3], [1.5, 2.5, 3.5] as [Double])),
            ], to: path)
        let x = input("x", .float32, nil, 2)
        let mixed: [Float] = [4, 1.5, 5, 2.5, 6, 3.5]
        #expect(try floats(path, [x], keep: ["id"], batchRows: 2).values["x"] == mixed)
        #expect(try floats(path, [x], rules: ["x": InputRule(columns: .list(["a", "b"]))]).values["x"] == [1.5, 4, 2.5, 5, 3.5, 6])
        #expect(message { _ = try floats(path, [x]) }.hasSuffix("its shape [N, 2] does not fit 3 arrays: id, b, a"))
        #expect(
            message { _ = try floats(path, [x], rules: ["x": InputRule(columns: .list(["a", "c"]))]) }.contains("no array of this name"))
        func bound(_ pins: [String: [String]]) throws -> [String: [String]] {
            let schema = TableSchemaRule(keep: ["id"])
            return try openInputs(path: path, inputs: [x], schema: schema, batchRows: 9, pinned: pins).columnsInFileOrder
        }
        #expect(try bound([:]) == ["x": ["b", "a"]])
        #expect(try bound(["x": ["b", "a"]]) == ["x": ["b", "a"]])
        #expect(message { _ = try bound(["x": ["a", "b"]]) }.contains("column 1 is now \"b\" and was \"a\""))
        #expect(
            message { _ = try floats(fixture("stored.npz"), [x], rules: ["x": InputRule(columns: .list(["weight", "pixels"]))]) }
                .contains("several arrays fill an input only where each has one value a row, and this one has 4"))
    }

    @Test func refusals() throws {
        let x = [input("x", .float32, nil, 3)]
        #expect(
            message { _ = try floats(fixture("scalar.npy"), x) }.hasSuffix("the array is a single value: its first axis must be the rows"))
        #expect(try floats(fixture("empty.npy"), x).values["x"] == nil, "no rows are no error")
        #expect(message { _ = try floats(fixture("object.npy"), x) }.contains("an array of Python objects"))
        #expect(message { _ = try floats(fixture("c8.npy"), x) }.contains("the array's type c8 is not one that a model takes"))
        #expect(message { _ = try floats(fixture("unicode.npy"), [input("x", .float32, nil)]) }.contains("is no number"))
        #expect(
            message { _ = try floats(fixture("f8.npy"), x) }.hasSuffix("model input \"x\": its shape [N, 3] does not fit the array's [4]"))
        #expect(
            message { _ = try floats(fixture("f4.npy"), x + [input("y", .float32, nil)]) }.contains(
                "an .npy file holds one array, and the model has 2 inputs"))
        #expect(
            message { _ = try floats(fixture("ragged.npz"), [input("pixels", .float32, nil, 4), input("weight", .float32, nil)]) }
                .hasSuffix(
                    "the array has 9 rows, \"pixels\" has 10"))
        #expect(
            message { _ = try floats(fixture("stored.npz"), [input("x", .float32, nil, 4)]) }.contains(
                "no array of this name: its arrays are \"pixels\", \"weight\", \"word\""))
        #expect(
            message { _ = try floats(fixture("stored.npz"), [input("pixels", .float32, nil, 4)], keep: ["wight"]) }.contains(
                "did you mean \"weight\"?"))
    }

    /// No prefix and no flipped byte of an array file crashes, and no prefix passes for the whole.
    @Test(arguments: ["f4.npy", "unicode.npy", "stored.npz", "deflated.npz", "zip64.npz"])
    func damage(name: String) throws {
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture(name))))
        let inputs = [name == "unicode.npy" ? input("x", .string, nil) : input(name.hasSuffix("npz") ? "pixels" : "x", .float32, nil, nil)]
        let path = directory("damaged." + name.split(separator: ".")[1])
        for count in 0..<whole.count {
            try Data(whole[..<count]).write(to: URL(fileURLWithPath: path))
            #expect(throws: ColumnarError.self) { _ = try floats(path, inputs) }
        }
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<1500 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            do { _ = try floats(path, inputs) } catch is ColumnarError {}
        }
        // A flipped bit of an archive's values is found by its checksum.
        if name == "stored.npz" {
            var bytes = whole
            let at = try #require(bytes.indices.first { bytes[$0...].starts(with: [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]) })
            bytes[at] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(message { _ = try floats(path, inputs) }.hasSuffix("the entry \"pixels.npy\" is damaged: its checksum is wrong"))
        }
    }
}

@Suite(.enabled(if: Oracle.isAvailable, Oracle.reason)) struct ArrayWriterTests {
    private func values(_ type: ElementType) -> Tensor {
        switch type {
        case .string: Tensor(strings: ["é", "", "longer text"], shape: [3])
        case .bool: Tensor(.bool, [3, 2], [1, 0, 0, 1, 1, 1] as [UInt8])
        case .float16: Tensor(.float16, [3, 2], [1.5, -2, 0, .infinity, 65504, -0.0] as [Float16])
        case .float32: Tensor(.float32, [3, 1, 2], [1.5, -2, 0, .infinity, .nan, 0.5] as [Float])
        case .float64: Tensor(.float64, [3], [1.5, -2, 1e300] as [Double])
        case .bfloat16: Tensor(.bfloat16, [3], [0x3fc0, 0xc000, 0x7f80] as [UInt16])
        case .int8: Tensor(.int8, [3], [1, -128, 127] as [Int8])
        case .uint8: Tensor(.uint8, [3], [1, 0, 255] as [UInt8])
        case .int64: Tensor(.int64, [3], [1, .min, .max] as [Int64])
        case .uint64: Tensor(.uint64, [3], [1, 0, .max] as [UInt64])
        case .int4: ([0x81, 0x07] as [UInt8]).withUnsafeBytes { Tensor(elementType: .int4, shape: [3], bytes: $0)! }
        default: Tensor(.float64, [3], [1, 2, 3] as [Double])
        }
    }

    @Test func numpyReadsWhatIsWritten() throws {
        let directory = try TemporaryDirectory("columnar")
        let path = directory("out.npz")
        let writer = try ArrayWriter(path: path, format: .npz)
        let types: [ElementType] = [.string, .bool, .float16, .float32, .float64, .bfloat16, .int8, .uint8, .int64, .uint64, .int4]
        for _ in 0..<2 { for type in types { try writer.append("\(type)", values(type)) } }
        let written = try writer.finish()
        #expect(written.rowCount == 6)
        let answer = try Oracle.run(
            """
            import sys, zipfile, numpy as np
            assert zipfile.ZipFile(sys.argv[1]).testzip() is None
            z = np.load(sys.argv[1])
            for name in z.files: print(name, z[name].dtype.str, z[name].shape, z[name][3:].ravel().tolist())
            """, [path])
        #expect(
            answer.split(separator: "\n").map(String.init) == [
                "string <U11 (6,) ['é', '', 'longer text']", "bool |b1 (6, 2) [True, False, False, True, True, True]",
                "float16 <f2 (6, 2) [1.5, -2.0, 0.0, inf, 65504.0, -0.0]", "float32 <f4 (6, 1, 2) [1.5, -2.0, 0.0, inf, nan, 0.5]",
                "float64 <f8 (6,) [1.5, -2.0, 1e+300]", "bfloat16 <f4 (6,) [1.5, -2.0, inf]", "int8 |i1 (6,) [1, -128, 127]",
                "uint8 |u1 (6,) [1, 0, 255]", "int64 <i8 (6,) [1, -9223372036854775808, 9223372036854775807]",
                "uint64 <u8 (6,) [1, 0, 18446744073709551615]", "int4 |i1 (6,) [1, -8, 7]",
            ])
        // Ours reads it too, and the same rows give the same bytes.
        let back = try floats(
            path, [input("float32", .float32, nil, 2), input("string", .string, nil)], rules: ["float32": InputRule(missing: .nan)])
        #expect(back.strings["string"]?.suffix(3) == ["é", "", "longer text"])
        let again = try ArrayWriter(path: directory("again.npz"), format: .npz)
        for _ in 0..<2 { for type in types { try again.append("\(type)", values(type)) } }
        _ = try again.finish()
        #expect(try directory.read("out.npz") == directory.read("again.npz"))
    }

    @Test func largeArraysSpillAndLeaveNothing() throws {
        let directory = try TemporaryDirectory("columnar")
        let writer = try ArrayWriter(path: directory("out.npz"), format: .npz)
        let rows = Tensor(.float32, [1000, 100], (0..<100_000).map(Float.init))
        let words = Tensor(strings: (0..<1000).map { "word \($0)" }, shape: [1000])
        for _ in 0..<20 {
            try writer.append("x", rows)
            try writer.append("w", words)
        }
        _ = try writer.finish()
        #expect(directory.files() == ["out.npz"])
        let answer = try Oracle.run(
            """
            import sys, numpy as np
            z = np.load(sys.argv[1]); x, w = z['x'], z['w']
            assert x.shape == (20000, 100) and (x.reshape(20, 1000, 100) == np.arange(100000, dtype='f4').reshape(1000, 100)).all()
            assert w.shape == (20000,) and w[19999] == 'word 999' and w[1000] == 'word 0'
            print('ok')
            """, [directory("out.npz")])
        #expect(answer == "ok")
        let single = try ArrayWriter(path: directory("out.npy"), format: .npy)
        for _ in 0..<20 { try single.append("x", rows) }
        _ = try single.finish()
        #expect(
            try Oracle.run(
                "import sys, numpy as np; x = np.load(sys.argv[1], mmap_mode='r'); print(x.shape, x.sum(dtype='f8'))",
                [directory("out.npy")]) == "(20000, 100) 99999000000.0")
    }
}
