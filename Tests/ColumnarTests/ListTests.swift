import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

private let seq: [String?] = ["batch", "seq"]
private func ids(_ name: String, _ type: ElementType = .int64, _ dimensions: [Int?] = [nil, nil], _ symbols: [String?] = seq) -> ModelInput
{
    ModelInput(name: name, elementType: type, dimensions: dimensions, symbols: symbols)
}

/// Holds the rows of a file as the model is given them, for each input and in the file's order, padding included.
private struct Scored {
    var rows: [String: [[Double]]] = [:]
    var texts: [[String]] = []
    /// Rows and lengths of each run.
    var runs: [(rows: [Int], shape: [Int])] = []

    init(
        _ path: String, _ inputs: [ModelInput], _ rules: NameMap<InputRule>, batchRows: Int = 100, lists: ListLimits = ListLimits(),
        memory: NameMap<TensorBuffer> = [:]
    ) throws {
        let batches = try openInputs(path: path, inputs: inputs, rules: rules, batchRows: batchRows, memory: memory, lists: lists)
        while let batch = try batches.next() {
            let before = rows[inputs[0].name]?.count ?? texts.count
            for input in inputs { rows[input.name, default: []] += Array(repeating: [], count: batch.rowCount) }
            texts += Array(repeating: [], count: batch.rowCount)
            for group in batch.groups {
                runs.append((group.rows.map { before + $0 }, group.tensors[inputs[0].name]!.shape.dimensions))
                for (name, tensor) in group.tensors {
                    let width = tensor.elementCount / max(group.rows.count, 1)
                    for (place, row) in group.rows.enumerated() {
                        let range = place * width..<(place + 1) * width
                        if let strings = tensor.strings {
                            texts[before + row] = Array(strings[range])
                        } else {
                            rows[name]![before + row] = range.map(tensor.value)
                        }
                    }
                }
            }
        }
    }
}

extension Tensor {
    fileprivate func value(_ index: Int) -> Double {
        switch elementType {
        case .float32: Double(values(as: Float.self)![index])
        case .bool, .uint8: Double(values(as: UInt8.self)![index])
        case .int32: Double(values(as: Int32.self)![index])
        default: Double(values(as: Int64.self)![index])
        }
    }
}

@Suite struct ListTests {
    private static let lengths = [2, 5, 0, 2, 1, 5, 3, 1, 2, 5, 4, 3]
    static let files =
        ["lists.jsonl"] + ["list", "large-list", "list-view", "large-list-view"].flatMap { [$0 + ".arrow", $0 + ".parquet"] }
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("lists") }

    private func json(_ lines: String...) throws -> String {
        try directory.write(lines.joined(separator: "\n") + "\n", to: "\(UUID()).jsonl")
    }

    /// The values that make-fixtures.py wrote.
    private func ids(_ row: Int) -> [Double] { (0..<Self.lengths[row]).map { Double(100 * row + $0) } }

    @Test(arguments: files)
    func rowsOfOneLengthShareARunAndNothingIsPadded(file: String) throws {
        let input = [ColumnarTests.ids("ids")]
        let got = try Scored(fixture(file), input, ["ids": InputRule(pad: .integer(0))])
        #expect(got.rows["ids"] == (0..<12).map(ids))
        #expect(got.runs.count == Set(Self.lengths).count)
        for run in got.runs { #expect(Set(run.rows.map { Self.lengths[$0] }) == [run.shape[1]]) }
    }

    @Test(arguments: files)
    func withAMaskAllLengthsShareARun(file: String) throws {
        let inputs = [ColumnarTests.ids("ids"), ColumnarTests.ids("mask", .bool)]
        let got = try Scored(fixture(file), inputs, ["ids": InputRule(pad: .integer(-1), mask: "mask")])
        #expect(got.runs.map(\.shape) == [[12, 5]])
        #expect(got.rows["ids"] == (0..<12).map { ids($0) + Array(repeating: -1, count: 5 - Self.lengths[$0]) })
        #expect(got.rows["mask"] == Self.lengths.map { length in (0..<5).map { $0 < length ? 1 : 0 } })
    }

    @Test(arguments: files)
    func listsOfListsFillTwoAxes(file: String) throws {
        let input = [ModelInput(name: "frames", elementType: .float32, dimensions: [nil, nil, 3])]
        let frames = (0..<12).map { row in (0..<Self.lengths[row]).flatMap { [Double(row), Double($0), Double(row * $0) / 4] } }
        #expect(try Scored(fixture(file), input, ["frames": InputRule(pad: .integer(0))]).rows["frames"] == frames)
        let fixed = try Scored(fixture(file), input, ["frames": InputRule(scale: 2, pad: .number(0.5), length: 6)])
        #expect(fixed.runs.map(\.shape) == [[12, 6, 3]])
        #expect(fixed.rows["frames"] == frames.map { $0.map { $0 * 2 } + Array(repeating: 1, count: 18 - $0.count) })
    }

    @Test(arguments: files)
    func listsOfTexts(file: String) throws {
        let input = [ColumnarTests.ids("texts", .string)]
        let got = try Scored(fixture(file), input, ["texts": InputRule(pad: .text("-"), length: 5)])
        #expect(got.texts == (0..<12).map { row in (0..<5).map { $0 < Self.lengths[row] ? "t\(row).\($0)" : "-" } })
    }

    /// The rows of a run are at most as many as asked for, and take no more room than asked for, but at least one goes.
    @Test func runsAreBounded() throws {
        let inputs = [ColumnarTests.ids("ids"), ColumnarTests.ids("mask")]
        let rule: NameMap<InputRule> = ["ids": InputRule(pad: .integer(0), mask: "mask")]
        let three = try Scored(fixture("list.arrow"), inputs, rule, batchRows: 3)
        #expect(three.runs.map(\.rows.count) == [3, 3, 3, 3])
        #expect(three.rows["ids"]!.enumerated().allSatisfy { Array($1.prefix(Self.lengths[$0])) == ids($0) })
        let small = try Scored(fixture("list.arrow"), inputs, rule, lists: ListLimits(places: 8))
        #expect(small.runs.allSatisfy { $0.rows.count == 1 || $0.shape[0] * $0.shape[1] <= 8 })
        #expect(small.runs.flatMap(\.rows).sorted() == Array(0..<12))
        // An output that does not say whose its axis is keeps rows of other lengths away.
        let apart = try Scored(fixture("list.arrow"), inputs, rule, lists: ListLimits(mixesLengths: false))
        #expect(apart.rows["ids"] == (0..<12).map { $0 == 2 ? [0] : ids($0) } || apart.rows["ids"] == (0..<12).map(ids))
        #expect(apart.runs.allSatisfy { run in Set(run.rows.map { Self.lengths[$0] }).count == 1 })
    }

    /// Rows of very different lengths share long runs only with rows of about their own length, so that little of a run is padding.
    @Test func longRunsHaveLittlePadding() throws {
        var generator = SeededGenerator(seed: 11)
        let lengths = (0..<600).map { _ in
            Int.random(in: 3...40, using: &generator) * (Int.random(in: 0..<8, using: &generator) == 0 ? 3 : 1)
        }
        let lines = lengths.enumerated().map { row, length in "{\"ids\":[\((0..<length).map { "\(row + $0)" }.joined(separator: ","))]}" }
        let path = try directory.write(lines.joined(separator: "\n"), to: "uneven.jsonl")
        let inputs = [ColumnarTests.ids("ids"), ColumnarTests.ids("mask")]
        let rules: NameMap<InputRule> = ["ids": InputRule(pad: .integer(0), mask: "mask")]
        let got = try Scored(path, inputs, rules, batchRows: 256, lists: ListLimits(places: 8192))
        #expect(
            got.rows["ids"]!.enumerated().allSatisfy { row, ids in
                Array(ids.prefix(lengths[row])) == (0..<lengths[row]).map { Double(row + $0) }
            })
        #expect(got.rows["mask"]!.enumerated().allSatisfy { row, mask in mask.reduce(0, +) == Double(lengths[row]) })
        var places = 0
        for run in got.runs {
            let all = run.shape[0] * run.shape[1], padding = all - run.rows.reduce(0) { $0 + lengths[$1] }
            places += all
            #expect(padding <= all / 16 || all - run.shape[1] < 512 + run.rows.count, "\(padding) of \(all)")
        }
        // Runs of 256 rows would take half as many places again.
        #expect(Double(places) < 1.1 * Double(lengths.reduce(0, +)), "\(places) of \(lengths.reduce(0, +))")
        #expect(got.runs.count < 40, "\(got.runs.count)")
    }

    /// More rows than a window holds, in the file's order afterwards.
    @Test func longFilesAreReadWindowByWindow() throws {
        var lines: [String] = []
        for row in 0..<500 { lines.append("{\"x\":[\((0..<(row * 7) % 11).map { "\(row + $0)" }.joined(separator: ","))]}") }
        let path = try directory.write(lines.joined(separator: "\n"), to: "long.jsonl")
        let got = try Scored(path, [ColumnarTests.ids("x", .float32)], ["x": InputRule(pad: .integer(0))], batchRows: 4)
        #expect(got.rows["x"] == (0..<500).map { row in (0..<(row * 7) % 11).map { Double(row + $0) } })
        #expect(got.runs.allSatisfy { $0.rows.count <= 4 && ($0.rows.max()! - $0.rows.min()!) < 64 })
        #expect(got.runs.count < 250)
    }

    /// Where the model fixes all axes, what is filled up lies in the engine's memory.
    @Test func fixedAxesAreFilledUpInTheEnginesMemory() throws {
        let memory: NameMap<TensorBuffer> = ["ids": TensorBuffer(byteCount: 16 * 5 * 8), "mask": TensorBuffer(byteCount: 16 * 5 * 4)]
        memory["ids"]!.mutableBytes.initializeMemory(as: UInt8.self, repeating: 0xA5)
        let inputs = [
            ColumnarTests.ids("ids", .int64, [nil, 5], ["N", nil]), ColumnarTests.ids("mask", .float32, [nil, 5], ["N", nil]),
        ]
        let got = try Scored(
            fixture("list.arrow"), inputs, ["ids": InputRule(pad: .integer(7), mask: "mask")], batchRows: 16, memory: memory)
        #expect(got.rows["ids"] == (0..<12).map { ids($0) + Array(repeating: 7, count: 5 - Self.lengths[$0]) })
        #expect(got.rows["mask"] == Self.lengths.map { length in (0..<5).map { $0 < length ? 1 : 0 } })
        let held = Tensor(elementType: .int64, shape: [12, 5], buffer: memory["ids"]!)
        #expect(held.values(as: Int64.self)!.map(Double.init) == got.rows["ids"]!.flatMap { $0 })
    }

    /// A tensor column, as pyarrow and Hugging Face write embeddings and pictures, is the lists that it is stored in.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func tensorColumns() throws {
        let script = """
            import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
            x = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
            tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(x)
            pq.write_table(pa.table({"x": tensors}), sys.argv[1] + "/x.parquet")
            turned = pa.FixedShapeTensorArray.from_numpy_ndarray(x.transpose(0, 2, 1))
            pq.write_table(pa.table({"x": turned}), sys.argv[1] + "/turned.parquet")
            with pa.ipc.new_file(sys.argv[1] + "/x.arrow", tensors_schema := pa.schema([("x", tensors.type)])) as out:
                out.write_table(pa.table({"x": tensors}, schema=tensors_schema))
            """
        _ = try Oracle.run(script, [directory.path])
        func values(_ name: String, _ axes: Int...) throws -> [Float] {
            let input = ModelInput(name: "x", elementType: .float32, dimensions: [nil] + axes)
            let batch = try #require(try openInputs(path: directory(name), inputs: [input], batchRows: 9).next())
            return Array(try #require(batch.tensors["x"]?.values(as: Float.self)))
        }
        for name in ["x.parquet", "x.arrow"] { #expect(try values(name, 2, 3) == (0..<12).map(Float.init), "\(name)") }
        let refusal = #expect(throws: ColumnarError.self) { try values("turned.parquet", 3, 2) }
        #expect("\(refusal!)".contains("axes are not stored in their own order"))
    }

    @Test func arraysAreFilledUpAndMasked() throws {
        guard Oracle.isAvailable else { return }
        _ = try Oracle.run("import numpy, sys; numpy.savez(sys.argv[1], ids=numpy.arange(6).reshape(2, 3))", [directory("a.npz")])
        let inputs = [ColumnarTests.ids("ids"), ColumnarTests.ids("mask")]
        let got = try Scored(directory("a.npz"), inputs, ["ids": InputRule(pad: .integer(9), mask: "mask", length: 5)])
        #expect(got.rows == ["ids": [[0, 1, 2, 9, 9], [3, 4, 5, 9, 9]], "mask": [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]])
    }

    @Test func aMaskThatTheFileHasIsTaken() throws {
        let path = try json("{\"ids\":[1,2,3],\"mask\":[1,0,1]}", "{\"ids\":[4],\"mask\":[1]}")
        let got = try Scored(
            path, [ColumnarTests.ids("ids"), ColumnarTests.ids("mask")], ["ids": InputRule(pad: .integer(0), mask: "mask")])
        #expect(got.rows == ["ids": [[1, 2, 3], [4, 0, 0]], "mask": [[1, 0, 1], [1, 0, 0]]])
        #expect(got.runs.count == 1)
    }

    @Test func whatIsMissingInAListIsFilledIn() throws {
        let path = try json("{\"x\":[1,null,3]}", "{\"x\":[null,2,3]}")
        #expect(try Scored(path, [ColumnarTests.ids("x")], ["x": InputRule(missing: .value(7))]).rows["x"] == [[1, 7, 3], [7, 2, 3]])
        let error = message { _ = try Scored(path, [ColumnarTests.ids("x")], [:]) }
        #expect(error.contains("row 1, column \"x\", model input \"x\": there is no value"))
    }

    /// Rows that are shorter along two axes stand in the corner of their block, from files and for a mask of both axes.
    @Test func twoAxesAreFilledUp() throws {
        let lines = ["{\"x\":[[1,2],[3,4],[5,6]]}", "{\"x\":[[7,8,9]]}", "{\"x\":[[1,2],[3,4]]}", "{\"x\":[]}"]
        let path = try directory.write(lines.joined(separator: "\n"), to: "blocks.jsonl")
        let blocks: [[[Double]]] = [
            [[1, 2, 0], [3, 4, 0], [5, 6, 0]], [[7, 8, 9], [0, 0, 0], [0, 0, 0]], [[1, 2, 0], [3, 4, 0], [0, 0, 0]],
            [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        ]
        let x = ModelInput(name: "x", elementType: .float32, dimensions: [nil, 3, 3])
        #expect(try Scored(path, [x], ["x": InputRule(pad: .integer(0))]).rows["x"] == blocks.map { $0.flatMap { $0 } })
        let open = ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil, nil], symbols: ["N", "h", "w"])
        let mask = ModelInput(name: "mask", elementType: .int64, dimensions: [nil, nil, nil], symbols: ["N", "h", "w"])
        let got = try Scored(path, [open, mask], ["x": InputRule(pad: .integer(0), mask: "mask")])
        #expect(got.runs.map(\.shape) == [[4, 3, 3]])
        #expect(got.rows["x"] == blocks.map { $0.flatMap { $0 } })
        #expect(got.rows["mask"] == blocks.map { $0.flatMap { row in row.map { $0 > 0 ? 1 : 0 } } })
    }

    /// Few models run on an axis of no places, so that what is all padding has one.
    @Test func emptyListsAloneAreOnePlaceOfPadding() throws {
        let path = try json("{\"ids\":[]}", "{\"ids\":[]}")
        let inputs = [ColumnarTests.ids("ids"), ColumnarTests.ids("mask")]
        let got = try Scored(path, inputs, ["ids": InputRule(pad: .integer(9), mask: "mask")])
        #expect(got.rows == ["ids": [[9], [9]], "mask": [[0], [0]]])
    }

    @Test func refusals() throws {
        let open = [ColumnarTests.ids("x")]
        let ragged = try json("{\"x\":[1,2,3]}", "{\"x\":[4,5,6]}", "{\"x\":[7]}")
        func refusal(_ path: String, _ inputs: [ModelInput], _ rules: NameMap<InputRule> = [:]) -> String {
            message { _ = try Scored(path, inputs, rules) }
        }
        #expect(
            refusal(ragged, open).contains(
                """
                row 3, column "x", model input "x": the list has 1 element, those of the rows before it 3: \
                give the input `pad: 0` (schema.inputs.x.pad)
                """))
        #expect(
            refusal(ragged, open, ["x": InputRule(pad: .integer(0), length: 2)]).contains(
                "row 1, column \"x\", model input \"x\": the list has 3 elements, schema.inputs.x.length is 2"))
        #expect(
            refusal(ragged, open, ["x": InputRule(pad: .number(0.5))]).contains(
                "schema.inputs.x.pad: 0.5 does not fit the model input, which is of type int64"))
        #expect(
            refusal(ragged, open, ["x": InputRule(pad: .integer(0), mask: "m")]).contains(
                "schema.inputs.x.mask: the model has no input \"m\""))
        #expect(
            refusal(ragged, [ColumnarTests.ids("x", .int64, [nil, 3], ["N", nil])]).contains(
                "row 3, column \"x\", model input \"x\": the list has 1 elements, the input takes 3"))
        let mixed = try json("{\"x\":[[1,2],[3]]}")
        #expect(
            refusal(mixed, [ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil, nil])]).contains(
                "all lists of a row must be of one length"))
        #expect(refusal(mixed, open).contains("lists in 2 levels do not fit the shape [N, ?]"))
        let apart = try json("{\"a\":[1,2],\"b\":[1,2]}", "{\"a\":[1,2],\"b\":[1]}")
        let both: NameMap<InputRule> = ["a": InputRule(pad: .integer(0)), "b": InputRule(pad: .integer(0))]
        #expect(
            refusal(apart, [ColumnarTests.ids("a"), ColumnarTests.ids("b")], both).contains(
                "row 2, model input \"b\": it has 1 elements along the axis \"seq\", and model input \"a\" has 2"))
        let texts = try json("{\"x\":[\"a\"]}")
        #expect(refusal(texts, open).contains("row 1, column \"x\", model input \"x\": \"a\" is no number"))
        #expect(refusal(try json("{\"x\":[1]}", "{\"x\":null}"), open).contains("row 2, column \"x\", model input \"x\": there is no list"))
    }
}
