import Autodiff
import ONNX
import Tensors

/// Builds a BatchNormalization in training whose batch is cut into shares: mean and variance are those of all shares together.
///
/// Two sums over the shares are needed for that, one after the other: of the values, and of the squares of their distances to the mean of
/// all. A sum reaches the values behind it as an input of its own. Its gradient is the sum of what each share has for it, and reaches the
/// values before it as another input: the cotangent.
struct ExchangedStatistics {
    /// Describes one value of which the sum over all shares is needed.
    struct Exchange {
        /// The value that a share has.
        let part: String
        /// The input that takes the sum of these.
        let total: String
        /// The input that takes the gradient by the sum, which is that by each part.
        let cotangent: String
        let extent: Int

        init(_ part: String, extent: Int, _ builder: inout GraphBuilder) {
            self.part = part
            self.extent = extent
            total = builder.name("total")
            cotangent = builder.name("cotangent")
        }
    }

    let mean: StoredTensor
    let variance: StoredTensor
    private let momentum: Double
    /// The sums of the channels, and behind them the number of values in one.
    private let sums: Exchange
    private let squares: Exchange
    let elementType: ElementType

    var exchanges: [Exchange] { [sums, squares] }

    /// Replaces each BatchNormalization that `BatchStatistics.activate` would.
    /// - Throws: `invalid` also for one of which the number of axes is not known.
    static func activate(in model: inout Model, frozen: [String]) throws(AutodiffError) -> [ExchangedStatistics] {
        let types: InferredTypes
        do { types = try model.inferTypes() } catch { throw .invalid(place: "the model", reason: "\(error)") }
        let made = try BatchStatistics.replace(in: &model, frozen: frozen) { (node, mean, variance, builder) throws(AutodiffError) in
            guard let type = types[node.inputs[0]], let rank = type.dimensions?.count, rank > 1,
                let channels = variance.shape.dimensions.first, type.elementType == variance.elementType
            else {
                throw .invalid(
                    place: node.place,
                    reason: "the shape or the type of its input is not known, so that its statistics cannot be those of all shares; "
                        + "leave it frozen, or leave out shares")
            }
            return ExchangedStatistics(
                node, mean, variance, rank: rank, channels: channels, type.elementType ?? .float32, &builder)
        }
        for exchange in made.flatMap({ made in made.exchanges.map { ($0, made.elementType) } }) {
            for input in [exchange.0.total, exchange.0.cotangent] {
                model.graph.inputs.append(Value(input, .tensor(exchange.1, [.fixed(exchange.0.extent)])))
            }
        }
        return made
    }

    private init(
        _ node: Node, _ mean: StoredTensor, _ variance: StoredTensor, rank: Int, channels: Int, _ type: ElementType,
        _ builder: inout GraphBuilder
    ) {
        self.mean = mean
        self.variance = variance
        elementType = type
        momentum = Double(node.attribute("momentum")?.float ?? 0.9)
        let x = node.inputs[0]
        let axes = builder.integers([0] + Array(2..<rank)), keep = [Attribute("keepdims", .int(0))]
        let shape = builder.integers([-1] + [Int](repeating: 1, count: rank - 2))
        func perChannel(_ value: String, _ builder: inout GraphBuilder) -> String {
            rank == 2 ? value : builder.add("Reshape", [value, shape])
        }
        let size = builder.add("Div", [builder.add("Size", [x]), builder.add("Size", [variance.name])])
        let count = builder.add(
            "Reshape", [builder.add("Cast", [size], [Attribute("to", .int(Int64(type.rawValue)))]), builder.integers([1])])
        sums = Exchange(
            builder.add("Concat", [builder.add("ReduceSum", [x, axes], keep), count], [Attribute("axis", .int(0))], stem: "sums"),
            extent: channels + 1, &builder)
        let parts = builder.add(
            "Split", [sums.total, builder.integers([channels, 1])], outputs: 2, [Attribute("axis", .int(0))])
        let centered = builder.add("Sub", [x, perChannel(builder.add("Div", parts), &builder)])
        squares = Exchange(
            builder.add("ReduceSum", [builder.add("Mul", [centered, centered]), axes], keep, stem: "squares"), extent: channels, &builder)
        let epsilon = builder.scalar(Double(node.attribute("epsilon")?.float ?? 1e-5), type)
        let deviation = builder.add("Sqrt", [builder.add("Add", [builder.add("Div", [squares.total, parts[1]]), epsilon])])
        let factor = perChannel(builder.add("Div", [node.inputs[1], deviation]), &builder)
        let scaled = builder.add("Mul", [centered, factor])
        builder.append(Node("Add", [scaled, perChannel(node.inputs[2], &builder)], [node.outputs[0]], name: node.name))
    }

    /// Returns the next running statistics, computed from the sums over all shares. The running variance moves towards the variance with
    /// the denominator `n - 1`, as in `BatchStatistics`.
    func next(_ graph: GradientGraph) -> (mean: Symbol, variance: Symbol) {
        let channels = sums.extent - 1
        let parts = graph.emit(
            "Split", [graph.symbol(sums.total), graph.integers([channels, 1])], outputs: 2, [Attribute("axis", .int(0))],
            types: [.tensor(elementType, [.fixed(channels)]), .tensor(elementType, [.fixed(1)])])
        let count = parts[1]
        let others = (count - 1).apply("Max", [graph.scalar(1, elementType)], extents: [.fixed(1)])
        func moved(_ running: StoredTensor, _ batch: Symbol) -> Symbol { graph.symbol(running.name) * momentum + batch * (1 - momentum) }
        return (moved(mean, parts[0] / count), moved(variance, graph.symbol(squares.total) / others))
    }
}
