import Autodiff
package import ONNX
import Tensors

/// Decides which float initializers of a model are weights and which are constants, as far as the graph shows it. ONNX does not distinguish
/// them: exporters put masks, positions and factors among the weights.
///
/// - Initializers that are used only through sines and cosines are constants, and so are tables of sines and cosines (`CircleTables`): both
///   are position encodings.
/// - An initializer at an input where its operator has weights (`ReverseMode.weightInputs`) is a weight, whatever its values are, also if
///   operators that only move or cast elements lie between.
/// - A single number, on any number of axes, is a weight if it is added directly to the result of a product (`products`): the bias of one
///   output.
/// - Other initializers are constants if they are a single number, are not all finite, are a mask (on two axes or more, with 0 and one
///   other value, or 0 alone), or count (whole numbers at equal steps). The rest are weights: biases and scales.
///
/// The values of initializers of more than a million elements are not read.
package struct ParameterRoles {
    /// The initializers that are weights because of their place.
    private let weights: Set<String>
    private let onlyInSines: Set<String>
    /// The reasons why initializers are constants by their values.
    private var reasons: [String: String] = [:]

    /// The operators to whose results a bias is added, which may be a single number.
    private static let products: Set<String> = ["MatMul", "Gemm", "Conv", "ConvTranspose"]

    /// The operators whose result has elements of the first input, all or some of them (of all inputs for Concat).
    private static let movers: Set<String> = [
        "Identity", "Cast", "CastLike", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Concat", "Split",
        "Slice",
        "DequantizeLinear", "QuantizeLinear",
    ]

    /// - Parameter model: a model in training form.
    package init(_ model: Model) {
        onlyInSines = Self.onlyInSines(model.graph)
        var sources: [String: [String]] = [:]
        for tensor in model.graph.initializers { sources[tensor.name] = [tensor.name] }
        let singles = Set(model.graph.initializers.filter { $0.elementCount == 1 }.map(\.name))
        var found: Set<String> = [], multiplied: Set<String> = []
        // These are the results of a product, cast or not.
        var sums: Set<String> = []
        model.graph.forEachNode { node in
            let isOurs = canonicalDomain(node.domain).isEmpty
            let places = ReverseMode.weightInputs(of: node)
            for (position, input) in node.inputs.enumerated() where places.contains(position) {
                found.formUnion(sources[input] ?? [])
                if node.operatorType != "Gather" { multiplied.formUnion(sources[input] ?? []) }
            }
            if isOurs, Self.products.contains(node.operatorType) { sums.formUnion(node.outputs) }
            if isOurs, ["Cast", "Identity"].contains(node.operatorType), sums.contains(node.inputs[0]) { sums.formUnion(node.outputs) }
            if isOurs, node.operatorType == "Add", node.inputs.contains(where: sums.contains) {
                for input in node.inputs { found.formUnion((sources[input] ?? []).filter(singles.contains)) }
            }
            guard isOurs, Self.movers.contains(node.operatorType) else { return }
            let moved = (node.operatorType == "Concat" ? node.inputs : Array(node.inputs.prefix(1))).flatMap { sources[$0] ?? [] }
            if !moved.isEmpty { for output in node.outputs { sources[output, default: []] += moved } }
        }
        weights = found
        // An error while reading is reported by the code that needs the values.
        let directory = model.graph.initializers.contains(where: \.isExternal) ? (try? model.externalData()) ?? nil : nil
        var tables: [(name: String, rowLength: Int, values: [Double])] = []
        for tensor in model.graph.initializers where !multiplied.contains(tensor.name) {
            guard let values = tensor.fewValues(directory) else { continue }
            if !found.contains(tensor.name) { reasons[tensor.name] = Self.reason(values, tensor.shape) }
            if tensor.shape.isTable { tables.append((tensor.name, tensor.shape.dimensions.last ?? 1, values)) }
        }
        for name in CircleTables(tables).names { reasons[name] = "sines and cosines: a position encoding, not a weight" }
    }

    /// Returns the initializers that are combined only with constants, shapes and each other before a sine or cosine is taken of them.
    private static func onlyInSines(_ graph: Graph) -> Set<String> {
        var data = Set(graph.requiredInputs.map(\.name))
        // For each value that does not depend on the data, these hold the initializers in it, and those of which it is a sine.
        var bare: [String: Set<String>] = [:], waved: [String: Set<String>] = [:]
        for tensor in graph.initializers { bare[tensor.name] = [tensor.name] }
        var met: Set<String> = [], metInSines: Set<String> = []
        graph.forEachNode { node in
            let isShape = node.operatorType == "Shape" || node.operatorType == "Size"
            let dependsOnData = !isShape && (node.inputs.contains(where: data.contains) || !node.subgraphs.isEmpty)
            let inside = node.inputs.reduce(into: Set<String>()) { $0.formUnion(bare[$1] ?? []) }
            let sines = node.inputs.reduce(into: Set<String>()) { $0.formUnion(waved[$1] ?? []) }
            if dependsOnData {
                data.formUnion(node.outputs)
                met.formUnion(inside)
                metInSines.formUnion(sines)
            } else if !isShape {
                let isSine = node.operatorType == "Sin" || node.operatorType == "Cos"
                for output in node.outputs {
                    bare[output] = isSine ? [] : inside
                    waved[output] = isSine ? sines.union(inside) : sines
                }
            }
        }
        return metInSines.subtracting(met)
    }

    /// Returns the reason why an initializer is taken for a constant; nil for a weight.
    package func constantReason(_ tensor: StoredTensor) -> String? {
        if onlyInSines.contains(tensor.name) { return "only its sines and cosines are used: a position encoding, not a weight" }
        if let reason = reasons[tensor.name] { return reason }
        if !weights.contains(tensor.name), tensor.elementCount == 1 {
            return "a single number that is not added right behind a MatMul, Gemm or Conv, which is taken for a constant"
        }
        return nil
    }

    private static func reason(_ values: [Double], _ shape: Shape) -> String? {
        if values.contains(where: { !$0.isFinite }) { return "it has elements that are not finite: a mask, not a weight" }
        if shape.isTable, values.allSatisfy({ $0 == 0 }) { return "only 0 in it: a mask that hides nothing, not a weight" }
        if shape.isTable, let other = onlyOther(values) { return "only 0 and \(Float(other)) in it: a mask, not a weight" }
        if counts(values, rowLength: shape.dimensions.last ?? 1) { return "it counts in whole numbers: positions, not a weight" }
        return nil
    }

    /// Returns the one value that elements have besides 0; nil if there are several, or no zeros.
    private static func onlyOther(_ values: [Double]) -> Double? {
        guard let other = values.first(where: { $0 != 0 }), values.contains(0), values.allSatisfy({ $0 == 0 || $0 == other }) else {
            return nil
        }
        return other
    }

    /// Returns whether the elements along the last axis are at least three whole numbers at equal steps.
    private static func counts(_ values: [Double], rowLength: Int) -> Bool {
        // The positions may be on another axis than the last, as in [T, 1].
        let length = rowLength > 1 ? rowLength : values.count
        guard length >= 3, values.count % length == 0 else { return false }
        let step = values[1] - values[0]
        guard step != 0, values.allSatisfy({ $0 == $0.rounded() }) else { return false }
        return values.indices.allSatisfy { $0 % length == 0 || values[$0] - values[$0 - 1] == step }
    }
}

extension Shape {
    /// Tells whether it has two axes of more than one element.
    fileprivate var isTable: Bool { dimensions.count { $0 > 1 } >= 2 }
}

extension StoredTensor {
    /// Returns the elements of a float tensor; nil if there are more than a million.
    fileprivate func fewValues(_ directory: ExternalDataDirectory?) -> [Double]? {
        guard elementType == .float32 || elementType == .float64, let count = elementCount, count > 0, count <= 1 << 20 else { return nil }
        guard let tensor = try? tensor(externalData: directory) else { return nil }
        if elementType == .float64 { return tensor.values(as: Double.self) }
        return tensor.values(as: Float.self)?.map(Double.init)
    }
}
