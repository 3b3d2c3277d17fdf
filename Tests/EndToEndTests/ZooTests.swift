import Attempts
import ConformanceSupport
import Engine
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Reasons
import Recipes
import Runner
import SystemPackage
import Tensors
import TestSupport
import Testing

/// Models as exporters write them today: each is admitted by the decision that the daemon makes, and scored, and what lands is what its
/// framework predicts and what ONNX Runtime's plain run gives.
@Suite struct ZooTests {
    /// The lines of `Zoo/exceptions.txt`, by model: a part of the message with which the model is refused.
    private static let exceptions: [String: String] = {
        let text = (try? String(contentsOfFile: ZooModel.folder + "/exceptions.txt", encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            uniqueKeysWithValues: lines.map { line in
                let place = line.firstIndex(of: ":")!
                return (String(line[..<place]), line[line.index(after: place)...].trimmingCharacters(in: .whitespaces))
            })
    }()
    private static let models = ZooIndex.all.values.flatMap(\.models).sorted { $0.name < $1.name }

    /// Nothing that an exporter lists is left out without a reason, and the exporters that users run are all included.
    @Test func nothingIsLeftOut() throws {
        let exporters = [
            "catboost", "jax2onnx", "keras", "lightgbm", "paddle", "skl2onnx", "spox", "tf2onnx", "torch-dynamo", "torch-torchscript",
            "xgboost",
        ]
        #expect(ZooIndex.all.keys.sorted() == exporters)
        for (exporter, index) in ZooIndex.all {
            let accounted = Set(index.models.map(\.subject) + index.unwritten.map(\.subject))
            for subject in index.subjects where !accounted.contains(subject) {
                Issue.record("\(exporter): \(subject) has no model and no reason")
            }
            for unwritten in index.unwritten { #expect(!unwritten.reason.isEmpty, "\(exporter): \(unwritten.subject)") }
            let files = Set(
                try FileManager.default.contentsOfDirectory(atPath: "\(ZooModel.folder)/\(exporter)").filter { $0.hasSuffix(".onnx") })
            #expect(files == Set(index.models.map { ($0.path as NSString).lastPathComponent }))
        }
        let estimators = Set(ZooIndex.all["skl2onnx"]?.models.map(\.subject) ?? [])
        #expect(estimators.count >= 130)
        for name in Self.exceptions.keys { #expect(Self.models.contains { $0.name == name }, "exceptions.txt: \(name)") }
    }

    @Test(arguments: models) func isAdmittedAndAgrees(model: ZooModel) throws {
        let outcome = try score(model)
        if let refusal = Self.exceptions[model.name] {
            #expect(
                outcome.failure?.statement.sentence.contains(refusal) ?? false,
                "\(outcome.failure?.statement.sentence ?? "it is admitted: take it off exceptions.txt")")
            return
        }
        #expect(outcome.failure == nil, "\(outcome.failure?.statement.sentence ?? "")")
        guard let landed = outcome.landed else { return }
        try expectPlainRun(model, landed)
        if model.differs == nil { expectPredictions(try model.predictions(), landed, within: model.tolerance) }
    }

    /// Whatever a model is made of, `gradients` has an answer for it, or names what it refuses.
    @Test(arguments: models) func gradientsAnswer(model: ZooModel) throws {
        let result = try DaemonProcess.command(["gradients", model.path, "--list"])
        #expect(result.status == 0 || result.status == 1, "\(result.status): \(result.error)")
        #expect(result.status != 0 || result.output.contains("trained"), "it ends with 0 and nothing is trained: \(result.output)")
        #expect(result.status != 1 || !(result.output + result.error).isEmpty)
        #expect(!(result.output + result.error).contains("back to : "), "an empty list of names: \(result.error)")
    }

    // MARK: The product

    private func score(_ model: ZooModel) throws -> (landed: ZooTable?, failure: Failure?) {
        let pipeline = try model.pipeline()
        let scratch = try TemporaryDirectory("zoo")
        func file(_ path: String) throws -> AttemptSpec.InputFile { .init(path: path, digest: try FileDigest.of(FilePath(path)).digest) }
        func run(_ work: AttemptSpec.Work) -> AttemptResult {
            let spec = AttemptSpec(
                run: 1, attempt: 1, pipeline: "zoo", work: work, schema: pipeline.schema, stages: pipeline.stages)
            return LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
        }
        let decided = run(.validateModel(.init(model: try file(model.path), directory: scratch("decided")), training: nil))
        if let failure = decided.failure { return (nil, failure) }
        let scored = run(
            .score(
                .init(
                    model: try file(scratch("decided/model.onnx")), data: try file(model.rowsPath), output: scratch("out.csv"),
                    format: .csv)))
        if let failure = scored.failure { return (nil, failure) }
        return (try ZooTable(path: scratch("out.csv")), nil)
    }

    // MARK: What must hold

    private func expectPredictions(_ expected: ZooTable, _ landed: ZooTable, within tolerance: Double) {
        #expect(landed.rowCount == expected.rowCount)
        for name in expected.names {
            guard let found = landed.columns[name], let wanted = expected.columns[name] else {
                Issue.record("there is no column \(name) but \(landed.names.prefix(8))")
                continue
            }
            for (row, (found, wanted)) in zip(found, wanted).enumerated() where found != wanted {
                guard let found = Double(found), let wanted = Double(wanted), abs(found - wanted) <= tolerance * max(1, abs(wanted)) else {
                    Issue.record("\(name), row \(row): \(found) landed, the framework says \(wanted)")
                    break
                }
            }
        }
    }

    /// Every output, bit for bit, in the order of the model's outputs.
    private func expectPlainRun(_ model: ZooModel, _ landed: ZooTable) throws {
        let pipeline = try model.pipeline()
        let session = try Session(model: try Self.withEverywhereLocale(model.path), options: SessionOptions(threads: 1))
        let rows = try ZooTable(path: model.rowsPath)
        let cells = session.inputs.map { input in
            rows.cells(input.name, pipeline.schema[input: input.name]?.columns, isAlone: session.inputs.count == 1)
        }
        // A model of a fixed batch runs as often as that takes.
        let batch = session.inputs[0].dimensions?.first?.value ?? rows.rowCount
        for first in stride(from: 0, to: rows.rowCount, by: batch) {
            let tensors = try zip(session.inputs, cells).map { input, cells in
                let width = cells.count / rows.rowCount
                let taken = Array(cells[first * width..<(first + batch) * width])
                return try #require(Self.tensor(input.elementType, input.dimensions?.map(\.value), taken, rows: batch), "\(input)")
            }
            let values = try session.run(tensors)
            try expect(landed, rows: first..<first + batch, toBe: zip(session.outputs.map(\.name), values), of: pipeline)
        }
    }

    private func expect(
        _ landed: ZooTable, rows: Range<Int>, toBe outputs: Zip2Sequence<[String], [EngineValue]>, of pipeline: Pipeline
    ) throws {
        let mapped = pipeline.forward?.outputs.map { Set($0.map(\.output)) }
        for (name, value) in outputs where mapped?.contains(name) ?? true {
            let table: (suffixes: [String], tensor: Tensor, isMap: Bool)
            if let map = MapColumns(value) {
                let keys = map.keys.strings ?? map.keys.values(as: Int64.self)!.map(String.init)
                table = (keys.map { "_" + $0 }, map.values, true)
            } else {
                let tensor = try #require(value.tensor)
                var axes = tensor.shape.dimensions
                // Where the rows stand on another axis, there is nothing before it in these models.
                axes.remove(at: pipeline.forward?.outputs?.first { $0.output == name }?.batchAxis ?? 0)
                table = (Self.suffixes(axes), tensor, false)
            }
            let values = try #require(CellValues(table.tensor, isWidened: table.isMap))
            for (place, suffix) in table.suffixes.enumerated() {
                let column = try #require(landed.columns[name + suffix], "no column \(name + suffix) but \(landed.names.prefix(8))")
                for row in rows {
                    let position = (row - rows.lowerBound) * table.suffixes.count + place
                    if !values.equals(column[row], at: position) {
                        Issue.record("\(name + suffix), row \(row): \(column[row]) landed, a plain run gives \(values.text(position))")
                        return
                    }
                }
            }
        }
    }

    private static func suffixes(_ axes: [Int]) -> [String] {
        if axes.allSatisfy({ $0 == 1 }) { return [""] }
        return axes.reduce([""]) { names, extent in names.flatMap { name in (0..<extent).map { "\(name)_\($0)" } } }
    }

    private static func tensor(_ type: ElementType?, _ dimensions: [Int?]?, _ cells: [String], rows: Int) -> Tensor? {
        guard let type, let dimensions else { return nil }
        var shape = [rows] + dimensions.dropFirst().map { $0 ?? -1 }
        if let open = shape.firstIndex(of: -1) { shape[open] = cells.count / max(1, shape.reduce(1) { $1 < 0 ? $0 : $0 * $1 }) }
        switch type {
        case .string: return Tensor(strings: cells, shape: Shape(shape))
        case .float32: return Tensor(type, Shape(shape), cells.map { $0.isEmpty ? Float.nan : Float($0)! })
        case .float64: return Tensor(type, Shape(shape), cells.map { $0.isEmpty ? Double.nan : Double($0)! })
        case .int64: return Tensor(type, Shape(shape), cells.map { Int64($0)! })
        default: return nil
        }
    }

    /// ONNX Runtime asks the system for the locale that a text model names; C.UTF-8 does the same for these rows, and is everywhere.
    private static func withEverywhereLocale(_ path: String) throws -> Data {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        var model = try Model(serialized: Data(bytes))
        let places = model.graph.nodes.indices.filter { model.graph.nodes[$0].operatorType == "StringNormalizer" }
        if places.isEmpty { return bytes }
        for place in places { model.graph.nodes[place][attribute: "locale"] = .string("C.UTF-8") }
        return try model.serialized()
    }
}

/// The elements of a tensor beside the text in which they landed.
private struct CellValues {
    let equals: (String, Int) -> Bool
    let text: (Int) -> String

    func equals(_ cell: String, at position: Int) -> Bool { equals(cell, position) }

    /// - Parameter isWidened: a ZipMap's float32 values land as float64.
    init?(_ tensor: Tensor, isWidened: Bool) {
        if let strings = tensor.strings {
            equals = { cell, place in Array(cell.utf8) == Array(strings[place].utf8) }
            text = { strings[$0] }
            return
        }
        switch tensor.elementType {
        case .float32:
            let values = tensor.values(as: Float.self)!
            equals = { cell, place in
                if isWidened { return Double(cell)?.bitPattern == Double(values[place]).bitPattern }
                return Float(cell)?.bitPattern == values[place].bitPattern || values[place].isNaN && cell.lowercased() == "nan"
            }
            text = { "\(values[$0])" }
        case .float64:
            let values = tensor.values(as: Double.self)!
            equals = { cell, place in
                Double(cell)?.bitPattern == values[place].bitPattern || values[place].isNaN && cell.lowercased() == "nan"
            }
            text = { "\(values[$0])" }
        case .int64:
            let values = tensor.values(as: Int64.self)!
            (equals, text) = ({ $0 == "\(values[$1])" }, { "\(values[$0])" })
        case .int32:
            let values = tensor.values(as: Int32.self)!
            (equals, text) = ({ $0 == "\(values[$1])" }, { "\(values[$0])" })
        case .bool:
            let values = tensor.values(as: UInt8.self)!
            (equals, text) = ({ $0 == (values[$1] != 0 ? "true" : "false") }, { "\(values[$0] != 0)" })
        default: return nil
        }
    }
}
