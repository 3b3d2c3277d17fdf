import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Passes

/// Runs models without inputs in ONNX Runtime, as the caller of the passes does it.
let evaluateInEngine: ConstantEvaluator = { model in
    guard let session = try? Session(model: model.serialized(), options: SessionOptions(optimization: .none)),
        let values = try? session.run([] as [(name: String, value: EngineValue)])
    else { return nil }
    let tensors = values.compactMap { value -> Tensor? in
        guard case .tensor(let tensor) = value else { return nil }
        return tensor
    }
    return tensors.count == values.count ? tensors : nil
}

/// A model before and after some passes for deployment.
struct Deployed {
    let before: Model
    private(set) var after: Model
    let changes: GraphChanges

    init(_ model: Model, _ passes: [GraphPass], limits: FoldingLimits = FoldingLimits()) throws {
        before = model
        after = model
        changes = try DeploymentForm(passes, limits: limits, evaluate: evaluateInEngine).apply(to: &after)
    }

    init(_ small: SmallModel, _ passes: GraphPass..., limits: FoldingLimits = FoldingLimits()) throws {
        try self.init(small.model, passes, limits: limits)
    }

    /// The operators of the outermost graph, in order.
    var operators: [String] { after.graph.nodes.map(\.qualifiedType) }
    var isUnchanged: Bool { after == before && changes.isEmpty }

    /// What differs between the outputs of both; nil where nothing does but rounding.
    func difference(_ inputs: [(String, Tensor)], exact: Bool = false) throws -> String? {
        let wanted = try run(before, inputs), got = try run(after, inputs)
        guard wanted.count == got.count else { return "\(got.count) outputs for \(wanted.count)" }
        for (position, (got, wanted)) in zip(got, wanted).enumerated() {
            if exact, !ValueComparison.identical(got, wanted) { return "output \(position) differs in its bits" }
            if let difference = ValueComparison.difference(got, wanted) { return "output \(position): \(difference)" }
        }
        return nil
    }
}

extension Attribute {
    static func int(_ name: String, _ value: Int64) -> Attribute { Attribute(name, .int(value)) }
    static func ints(_ name: String, _ values: Int64...) -> Attribute { Attribute(name, .ints(values)) }
}

func floats(_ values: Float...) -> Tensor { Tensor(.float32, [values.count], values) }
func scalar(_ value: Float) -> Tensor { Tensor(.float32, [], [value]) }

extension SmallModel {
    /// Makes an initializer one that a caller may override.
    func overriding(_ name: String) -> SmallModel {
        var copy = self
        let tensor = copy.model.graph.initializer(name)!
        copy.model.graph.inputs.append(Value(name, .tensor(tensor.elementType, tensor.shape.dimensions.map(Dimension.fixed))))
        return copy
    }

    /// Gives a value a second use.
    func alsoGiving(_ name: String, _ type: ElementType = .float32) -> SmallModel {
        var copy = self
        copy.model.graph.outputs.append(Value(name, .tensor(type, nil)))
        return copy
    }

    /// Adds a branch that reads an outer value by its name.
    func alsoReadingInBranch(_ name: String) -> SmallModel {
        func branch(_ result: String) -> AttributeValue {
            .graph(Graph(name: result, nodes: [Node("Neg", [name], [result])], outputs: [Value(result, .tensor(.float32, nil))]))
        }
        var copy = self
        copy.model.graph.initializers.append(StoredTensor("always", .bool, [], [UInt8(1)]))
        copy.model.graph.nodes.append(
            Node(
                "If", ["always"], ["branched"],
                [Attribute("then_branch", branch("inner_then")), Attribute("else_branch", branch("inner_else"))]))
        return copy.alsoGiving("branched")
    }
}
