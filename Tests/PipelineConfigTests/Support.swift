import PipelineConfig
import TestSupport

/// A small pipeline that is right, four lines long; tests add lines below it.
let base = """
    name: digits
    spool: { models: in/models, data: in/data }
    stages: [deserialize, forward]
    land: { models: out/models, outputs: out/rows }

    """

func read(_ text: String, root: String = "/srv") throws(PipelineError) -> Pipeline {
    try PipelineFile.read(Array(text.utf8), source: "p.yaml", root: root)
}

/// The problems of `text`, as an operator sees them; empty where it is right.
func problems(_ text: String) -> [String] { problems(bytes: Array(text.utf8)) }

func problems(bytes: [UInt8]) -> [String] {
    do {
        _ = try PipelineFile.read(bytes, source: "p.yaml", root: "/srv")
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

extension PipelineSet {
    subscript(name: String) -> Pipeline? { pipelines.first { $0.name == name } }
}

extension DataColumn {
    init(name: String, isNumeric: Bool) { self.init(name: name, kind: isNumeric ? .number : .text) }
}

extension ModelSignature.Value {
    /// - Parameter dimensions: the extents with the batch axis first; nil is free.
    init(name: String, elementType: String, dimensions: [Int?]) {
        self.init(name: name, elementType: elementType, axes: dimensions.map { $0.map(Axis.fixed) ?? .open })
    }
}
