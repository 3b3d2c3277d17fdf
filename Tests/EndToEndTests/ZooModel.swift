import Foundation
import PipelineConfig
import Recipes
import TestSupport
import Testing

/// One model of the zoo (`Zoo/EXPORTER/index.json`): what an exporter made of a small model, with what its own framework predicts.
struct ZooModel: Decodable, Sendable, CustomTestStringConvertible {
    /// `EXPORTER/NAME`.
    let name: String
    /// The exporter's name for the model, such as the class of an estimator.
    let subject: String
    /// The table in `Zoo/rows`.
    let rows: String
    /// `schema` and `forward.outputs` of the pipeline, in YAML.
    let schema: String
    let outputs: String?
    /// How far a number may be from the framework's, absolutely or in proportion, whichever allows more.
    let tolerance: Double
    /// How the exported model differs from its framework in ONNX Runtime for Python too: an exporter's fault.
    let differs: String?

    var testDescription: String { name }

    static let folder = ProjectScript.repository + "/Tests/EndToEndTests/Zoo"
    var path: String { "\(Self.folder)/\(name).onnx" }
    var rowsPath: String { "\(Self.folder)/rows/\(rows).csv" }

    func pipeline() throws -> Pipeline {
        let forward = outputs.map { "{ outputs: \($0) }" } ?? "{}"
        let text = """
            name: zoo
            spool: { models: spool/models, data: spool/data }
            schema: \(schema)
            stages: [ deserialize, { forward: \(forward) } ]
            land: { models: { path: out/models }, outputs: { path: out/outputs, format: csv } }
            """
        return try PipelineFile.read(Array(text.utf8), source: name, root: "/")
    }

    /// The columns that the framework has predictions for.
    func predictions() throws -> ZooTable { try ZooTable(path: "\(Self.folder)/\(name).csv") }
}

/// Lists the models that an exporter made, and those that it could not make.
struct ZooIndex: Decodable {
    struct Unwritten: Decodable {
        let subject: String
        let reason: String
    }
    /// The exporter's own list of what it writes, where it has one.
    let subjects: [String]
    let unwritten: [Unwritten]
    let models: [ZooModel]

    static let all: [String: ZooIndex] = {
        let exporters = (try? FileManager.default.contentsOfDirectory(atPath: ZooModel.folder)) ?? []
        var found: [String: ZooIndex] = [:]
        for exporter in exporters {
            guard let bytes = FileManager.default.contents(atPath: "\(ZooModel.folder)/\(exporter)/index.json") else { continue }
            found[exporter] = try! JSONDecoder().decode(ZooIndex.self, from: bytes)
        }
        return found
    }()
}

/// A CSV file whose cells hold neither commas nor quotes, read by nothing of the product.
struct ZooTable {
    let names: [String]
    let columns: [String: [String]]
    let rowCount: Int

    init(path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        names = lines[0]
        rowCount = lines.count - 1
        columns = Dictionary(uniqueKeysWithValues: lines[0].enumerated().map { place, name in (name, lines.dropFirst().map { $0[place] }) })
    }

    /// The cells that a model input takes by the zoo's rules, row after row.
    func cells(_ input: String, _ selector: ColumnSelector?, isAlone: Bool) -> [String] {
        let features = names.filter { $0 != "id" }
        let taken =
            switch selector {
            case .list(let listed): listed
            case .pattern(let pattern): features.filter { $0.hasPrefix(pattern.dropLast()) }
            case nil: isAlone && !features.contains(input) ? features : [input]
            }
        return (0..<rowCount).flatMap { row in taken.map { columns[$0]![row] } }
    }
}
