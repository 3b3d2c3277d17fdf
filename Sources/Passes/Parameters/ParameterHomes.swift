package import ONNX
import Tensors

/// Lists all places of a model that hold a parameter, and the floating point constants that cannot be one. They follow from the model
/// alone: the same model gives the same names, so that nothing has to be remembered between lifting and writing back.
///
/// Parameters are searched where gradients reach: in the outermost graph and in the branches of If, at any depth of nesting.
package struct ParameterHomes: Sendable {
    /// Names a floating point constant that is not trained because of its place or its form, with the reason.
    package struct Refused: Sendable, Equatable {
        package let name: String
        package let reason: String
    }

    /// The places. The initializers of the outermost graph come first, then the others in the order of the nodes.
    package private(set) var homes: [ParameterHome] = []
    package private(set) var refused: [Refused] = []

    /// The number of times that each name is given to a value, in all graphs together.
    private var definitions: [String: Int] = [:]
    private var taken: Set<String>
    private let arithmetic: Set<String>
    private let outputs: Set<String>

    package init(_ model: Model) {
        taken = model.graph.usedNames
        arithmetic = Self.inArithmetic(model.graph)
        outputs = Set(model.graph.outputs.map(\.name))
        countDefinitions(model.graph)
        for (position, tensor) in model.graph.initializers.enumerated() {
            guard let type = tensor.elementType, type.isTrainedFloat else { continue }
            homes.append(
                ParameterHome(name: tensor.name, path: [], storage: .initializer(position), elementType: type, shape: tensor.shape))
        }
        collect(model.graph, path: [], place: "")
        for function in model.functions {
            let reason = "it lies in the function \(function.name), whose constants are not trained: export the model without functions"
            for node in function.nodes { refuse(node, reason) }
        }
    }

    package subscript(name: String) -> ParameterHome? { homes.first { $0.name == name } }

    // MARK: Collecting

    private mutating func collect(_ graph: Graph, path: [ParameterHome.Step], place: String) {
        for sparse in graph.sparseInitializers where sparse.values.elementType?.isTrainedFloat ?? false {
            refused.append(Refused(name: sparse.name, reason: "it is stored sparsely, and sparse weights are not trained: export it dense"))
        }
        if !path.isEmpty {
            for (position, tensor) in graph.initializers.enumerated() {
                guard let type = tensor.elementType, type.isTrainedFloat else { continue }
                let name = uniqueName(tensor.name, place)
                homes.append(ParameterHome(name: name, path: path, storage: .initializer(position), elementType: type, shape: tensor.shape))
            }
        }
        for (position, node) in graph.nodes.enumerated() {
            if node.qualifiedType == "Constant" { collectConstant(node, position, path, place) }
            if path.isEmpty, let entries = AttributeParameters.sources[node.qualifiedType]?(node) {
                for entry in entries { collectAttribute(entry, node, position) }
            }
            let isIf = node.qualifiedType == "If"
            for attribute in node.attributes {
                for subgraph in attribute.graphs {
                    guard isIf, attribute.graphs.count == 1 else {
                        refuse(subgraph, "it lies inside of \(node.qualifiedType), whose body is not differentiated")
                        continue
                    }
                    let label = node.name.isEmpty ? node.outputs.first { !$0.isEmpty } ?? "If" : node.name
                    collect(
                        subgraph, path: path + [ParameterHome.Step(node: position, attribute: attribute.name)],
                        place: "\(place)\(label)/\(attribute.name)/")
                }
            }
        }
    }

    private mutating func collectConstant(_ node: Node, _ position: Int, _ path: [ParameterHome.Step], _ place: String) {
        guard let output = node.outputs.first, !output.isEmpty else { return }
        if case .sparseTensor(let sparse)? = node[attribute: "sparse_value"], sparse.values.elementType?.isTrainedFloat ?? false {
            refused.append(
                Refused(name: output, reason: "its Constant node has a sparse_value, and sparse weights are not trained: export it dense"))
            return
        }
        guard let attribute = node.attributes.first(where: { ["value", "value_float", "value_floats"].contains($0.name) }),
            let tensor = node.constantTensor, let type = tensor.elementType, type.isTrainedFloat
        else { return }
        // A single number that sets how an operator works (a bound, a ratio) is not a parameter; and a value that is an output of the graph
        // stays a node.
        guard tensor.elementCount ?? 0 > 1 || arithmetic.contains(output), !(path.isEmpty && outputs.contains(output)) else { return }
        let storage = ParameterHome.Storage.attribute(node: position, name: attribute.name)
        let name = uniqueName(output, place)
        homes.append(ParameterHome(name: name, path: path, storage: storage, elementType: type, shape: tensor.shape))
    }

    private mutating func collectAttribute(_ entry: AttributeParameters.Entry, _ node: Node, _ position: Int) {
        guard let output = node.outputs.first(where: { !$0.isEmpty }), let value = node[attribute: entry.attribute] else { return }
        let type: ElementType
        switch value {
        case .tensor(let tensor):
            guard let stored = tensor.elementType, stored.isTrainedFloat else { return }
            type = stored
        case .float, .floats: type = .float32
        default: return
        }
        let name = freshName("\(output)/\(entry.attribute)")
        let storage = ParameterHome.Storage.attribute(node: position, name: entry.attribute)
        homes.append(ParameterHome(name: name, path: [], storage: storage, elementType: type, shape: entry.shape))
    }

    private mutating func refuse(_ graph: Graph, _ reason: String) {
        for tensor in graph.initializers where tensor.isWeightBySize { refused.append(Refused(name: tensor.name, reason: reason)) }
        for node in graph.nodes {
            refuse(node, reason)
        }
    }

    private mutating func refuse(_ node: Node, _ reason: String) {
        if node.qualifiedType == "Constant", let tensor = node.constantTensor, tensor.isWeightBySize {
            refused.append(Refused(name: node.outputs.first ?? "", reason: reason))
        }
        for subgraph in node.subgraphs { refuse(subgraph, reason) }
    }

    // MARK: Names

    private mutating func countDefinitions(_ graph: Graph) {
        for name in graph.inputs.map(\.name) + graph.initializers.map(\.name) { definitions[name, default: 0] += 1 }
        for node in graph.nodes {
            for output in node.outputs where !output.isEmpty { definitions[output, default: 0] += 1 }
            for subgraph in node.subgraphs { countDefinitions(subgraph) }
        }
    }

    /// Returns the name, or, where another value has the same name, one with the place before it.
    private mutating func uniqueName(_ name: String, _ place: String) -> String {
        definitions[name] == 1 ? name : freshName(place + name)
    }

    private mutating func freshName(_ stem: String) -> String {
        var name = stem, number = 1
        while !taken.insert(name).inserted {
            name = "\(stem)_\(number)"
            number += 1
        }
        return name
    }

    private static let arithmeticOperators: Set<String> = [
        "Add", "Sub", "Mul", "Div", "Sum", "PRelu", "MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum",
    ]
    private static let movers: Set<String> = ["Cast", "CastLike", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Expand"]

    /// Returns the values that operators only add, multiply or take as weights; values that any other operator reads are left out.
    private static func inArithmetic(_ graph: Graph) -> Set<String> {
        var nodes: [Node] = []
        graph.forEachNode { nodes.append($0) }
        var names: Set<String> = [], elsewhere: Set<String> = []
        for node in nodes.reversed() {
            let type = node.qualifiedType
            let counts =
                arithmeticOperators.contains(type)
                || movers.contains(type) && names.contains(node.outputs[0]) && !elsewhere.contains(node.outputs[0])
            if counts { names.formUnion(node.inputs) } else { elsewhere.formUnion(node.inputs) }
        }
        return names.subtracting(elsewhere)
    }
}

extension ElementType {
    /// Tells whether the type is a floating point type whose values training changes; 16-bit types are widened for it.
    var isTrainedFloat: Bool { self == .float32 || self == .float64 || isHalf }
}

extension StoredTensor {
    fileprivate var isWeightBySize: Bool { elementType?.isTrainedFloat ?? false && elementCount ?? 0 > 1 }
}
