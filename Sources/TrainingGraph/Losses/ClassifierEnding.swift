import ONNX
import Passes
import Tensors

/// Describes how a model that uses operators of `ai.onnx.ml` ends: whether its scores are probabilities, and which class names its label
/// output gives. Such models give probabilities where other models give logits. The value is valid until the graph's nodes
/// change.
struct ClassifierEnding {
    /// Tells whether the model uses such operators. For other models all functions return false or nil.
    let isClassifier: Bool
    private let graph: Graph
    private let index: GraphIndex
    private let stored: [String: StoredTensor]

    init(_ model: Model) {
        isClassifier = model.operatorSetVersion(LowerClassicOperators.domain) != nil
        graph = model.graph
        index = graph.index
        stored = Dictionary(graph.initializers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private func producer(_ value: String) -> Node? { index.producers[value].map { graph.nodes[$0] } }

    private func constant(_ value: String) -> Tensor? {
        guard
            let tensor = stored[value] ?? producer(value).flatMap({ $0.operatorType == "Constant" ? $0.attribute("value")?.tensor : nil }),
            !tensor.isExternal
        else { return nil }
        do throws(ONNXError) { return try tensor.tensor() } catch { return nil }
    }

    /// The operators whose result has no negative elements where the first input has none.
    private static let movers: Set<String> = [
        "Identity", "Cast", "Reshape", "Transpose", "Slice", "Gather", "Squeeze", "Unsqueeze", "Flatten", "LpNormalization", "ReduceSum",
        "ReduceMean", "ReduceMax", "ReduceMin", "Reciprocal",
    ]
    /// The operators that give true or false, or a count.
    private static let tests: Set<String> = [
        "Not", "And", "Or", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsNaN", "IsInf", "Shape", "Size", "ArgMax",
        "ArgMin",
    ]
    private static let combining: Set<String> = ["Concat", "Add", "Sum", "Mean", "Mul", "Div", "Max", "Min"]

    func comesFromSoftmax(_ value: String) -> Bool {
        var value = value
        while let node = producer(value), ["Identity", "Cast", "Softmax"].contains(node.operatorType) {
            if node.operatorType == "Softmax" { return true }
            value = node.inputs[0]
        }
        return false
    }

    // MARK: Probabilities

    /// Returns whether the operators that make a value show that it has no negative elements.
    func isNeverNegative(_ value: String) -> Bool {
        var known: [String: Bool] = [:]
        return isClassifier && isNeverNegative(value, depth: 0, &known)
    }

    /// - Parameter known: the answers so far. A value that many nodes use is looked at once.
    private func isNeverNegative(_ value: String, depth: Int, _ known: inout [String: Bool]) -> Bool {
        guard depth < 64 else { return false }
        if let answer = known[value] { return answer }
        let answer = isNeverNegativeByItsNode(value, depth: depth, &known)
        known[value] = answer
        return answer
    }

    private func isNeverNegativeByItsNode(_ value: String, depth: Int, _ known: inout [String: Bool]) -> Bool {
        if let tensor = constant(value) { return tensor.isNeverNegative }
        guard let node = producer(value) else { return false }
        if node.makesProbabilities { return true }
        switch node.operatorType {
        case "Softmax", "Sigmoid", "Exp", "Abs": return true
        case let type where Self.tests.contains(type): return true
        case let type where Self.movers.contains(type): return isNeverNegative(node.inputs[0], depth: depth + 1, &known)
        case let type where Self.combining.contains(type): return node.inputs.allSatisfy { isNeverNegative($0, depth: depth + 1, &known) }
        case "Where": return node.inputs.dropFirst().allSatisfy { isNeverNegative($0, depth: depth + 1, &known) }
        // This is 1 minus a probability.
        case "Sub": return constant(node.inputs[0])?.isNeverNegative ?? false && isProbability(node.inputs[1])
        default: return false
        }
    }

    private func isProbability(_ value: String) -> Bool {
        var value = value
        while let node = producer(value) {
            if node.makesProbabilities || node.operatorType == "Sigmoid" || node.operatorType == "Softmax" { return true }
            guard ["Identity", "Cast", "Slice", "Gather", "Reshape", "Squeeze", "Unsqueeze"].contains(node.operatorType)
            else { return false }
            value = node.inputs[0]
        }
        return false
    }

    // MARK: Names of classes

    /// Returns the classes that the label outputs pick from, if there are `count` of them; `nil` if they are the numbers from 0 on, which
    /// are indices already.
    func classes(count: Int) -> [StepGraph.ClassLabel]? {
        guard isClassifier else { return nil }
        var found: [[StepGraph.ClassLabel]] = []
        for output in graph.outputs {
            guard let labels = labels(behind: output.name), labels.count == count, !found.contains(labels) else { continue }
            found.append(labels)
        }
        guard found.count == 1, let labels = found.first, Set(labels).count == count else { return nil }
        return labels == (0..<count).map { .number(Int64($0)) } ? nil : labels
    }

    private func labels(behind output: String) -> [StepGraph.ClassLabel]? {
        var value = output
        while let node = producer(value) {
            switch node.operatorType {
            case "Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten": value = node.inputs[0]
            case "Gather": return constant(node.inputs[0])?.classLabels
            default: return nil
            }
        }
        return nil
    }
}

extension Tensor {
    fileprivate var isNeverNegative: Bool {
        switch elementType {
        case .float32: values(as: Float.self)?.allSatisfy { $0 >= 0 } ?? false
        case .float64: values(as: Double.self)?.allSatisfy { $0 >= 0 } ?? false
        case .int64: values(as: Int64.self)?.allSatisfy { $0 >= 0 } ?? false
        case .int32: values(as: Int32.self)?.allSatisfy { $0 >= 0 } ?? false
        default: false
        }
    }

    fileprivate var classLabels: [StepGraph.ClassLabel]? {
        if let strings { return strings.map(StepGraph.ClassLabel.name) }
        switch elementType {
        case .int64: return values(as: Int64.self)?.map(StepGraph.ClassLabel.number)
        case .int32: return values(as: Int32.self)?.map { .number(Int64($0)) }
        default: return nil
        }
    }
}
