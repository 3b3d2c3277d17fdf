package import Tensors

/// Appends nodes and constants to a graph, under names that nothing in it has. Equal small constants are made once.
package struct GraphBuilder {
    package private(set) var nodes: [Node] = []
    package private(set) var initializers: [StoredTensor] = []
    private var names: Set<String>
    private var constants: [ConstantKey: String] = [:]
    private let prefix: String

    private struct ConstantKey: Hashable {
        let type: ElementType
        let shape: Shape
        let bytes: [UInt8]
    }

    /// - Parameter prefix: the beginning of every new name, such as `grad/`.
    package init(extending graph: Graph, prefix: String) {
        names = graph.usedNames
        self.prefix = prefix
    }

    /// Returns a name that is not yet in use, and marks it as used.
    package mutating func name(_ stem: String) -> String {
        var name = prefix + stem
        var number = 1
        while !names.insert(name).inserted {
            name = "\(prefix)\(stem)_\(number)"
            number += 1
        }
        return name
    }

    /// Appends a node with one output and returns that output's name. An empty input stands for an optional one that is left out.
    package mutating func add(_ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [], stem: String? = nil) -> String {
        add(operatorType, inputs, outputs: 1, attributes, stem: stem)[0]
    }

    /// Appends a node with `outputs` outputs and returns their names.
    package mutating func add(
        _ operatorType: String, _ inputs: [String], outputs: Int, _ attributes: [Attribute] = [], stem: String? = nil
    ) -> [String] {
        let made = (0..<outputs).map { _ in name(stem ?? operatorType) }
        append(Node(operatorType, inputs, made, attributes))
        return made
    }

    /// Appends a node whose output names are already chosen.
    package mutating func append(_ node: Node) {
        names.formUnion(node.outputs)
        nodes.append(node)
    }

    package mutating func constant<Scalar: BitwiseCopyable>(
        _ elementType: ElementType, _ shape: Shape, _ values: [Scalar], stem: String = "constant"
    ) -> String {
        constant(Tensor(elementType, shape, values), stem: stem)
    }

    package mutating func constant(_ tensor: Tensor, stem: String = "constant") -> String {
        guard tensor.bytes.count <= 256, tensor.elementType != .string else { return initializer(tensor, stem: stem) }
        let key = withExtendedLifetime(tensor) { ConstantKey(type: tensor.elementType, shape: tensor.shape, bytes: Array(tensor.bytes)) }
        if let known = constants[key] { return known }
        let made = initializer(tensor, stem: stem)
        constants[key] = made
        return made
    }

    /// Adds an `int64` list `[n]`, the form of axes and shapes, and returns its name.
    package mutating func integers(_ values: [Int]) -> String { constant(.int64, [values.count], values.map(Int64.init), stem: "integers") }

    /// Adds a scalar of a floating point type that the engine computes with (`float32` or `float64`), and returns its name.
    package mutating func scalar(_ value: Double, _ elementType: ElementType = .float32) -> String {
        elementType == .float64
            ? constant(.float64, [], [value], stem: "scalar") : constant(.float32, [], [Float(value)], stem: "scalar")
    }

    private mutating func initializer(_ tensor: Tensor, stem: String) -> String {
        let made = name(stem)
        initializers.append(StoredTensor(made, tensor))
        return made
    }
}
