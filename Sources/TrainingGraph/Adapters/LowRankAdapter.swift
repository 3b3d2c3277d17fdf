package import Autodiff
package import ONNX
import Passes
package import Recipes
package import Tensors

/// Holds low-rank factors for weights of a model that itself stays unchanged: the model computes with `W + scale A B` instead of `W [K,
/// M]`.
package struct LowRankAdapter: Sendable {
    package struct Factors: Sendable {
        /// The name of the weight.
        package var weight: String
        /// The factor `A`, of shape `[K, rank]`.
        package var down: Tensor
        /// The factor `B`, of shape `[rank, M]`.
        package var up: Tensor
        package var scale: Double
        /// Tells whether the initializer holds `W` transposed, `[M, K]`.
        package var isTransposed: Bool

        package init(weight: String, down: Tensor, up: Tensor, scale: Double, isTransposed: Bool) {
            self.weight = weight
            self.down = down
            self.up = up
            self.scale = scale
            self.isTransposed = isTransposed
        }
    }

    package var factors: [Factors]

    package init(_ factors: [Factors]) { self.factors = factors }

    /// Returns the model with the products added to its weights and nothing else changed.
    /// - Throws: `invalid` if the model has no such weight, or one of another shape or type.
    package func merged(into model: Model) throws(AutodiffError) -> Model {
        let known = Set(ParameterHomes(model).homes.map(\.name))
        var merged: [String: Tensor] = [:]
        for factors in factors {
            guard known.contains(factors.weight) else {
                throw .invalid(
                    place: "the adapter", reason: "the model has no weight '\(factors.weight)': the adapter was made for another one")
            }
            merged[factors.weight] = try factors.merged(into: model)
        }
        var result = model
        try result.write(merged)
        return result
    }

    /// Returns the factors that a recipe can train further, since rank, scale and weight are the same, and the rest, which must be merged
    /// into the model before.
    package func divided(
        by adapters: GradientDescent.Adapters?, in model: Model
    ) throws(AutodiffError) -> (continued: LowRankAdapter, rest: LowRankAdapter) {
        guard let adapters else { return (LowRankAdapter([]), self) }
        var source = try model.inTrainingForm()
        let adapted = try AdaptedWeight.attach(adapters, seed: 0, to: &source)
        let continued = factors.filter { factors in adapted.contains { $0.takes(factors, rank: adapters.rank) } }
        let names = Set(continued.map(\.weight))
        return (LowRankAdapter(continued), LowRankAdapter(factors.filter { !names.contains($0.weight) }))
    }
}

extension LowRankAdapter.Factors {
    /// Returns the weight of `model` with the product added to it, in the stored type.
    package func merged(into model: Model) throws(AutodiffError) -> Tensor {
        let stored = try model.initialValue(weight)
        return try merged(into: stored.widened()).narrowed(to: stored.elementType)
    }

    /// Returns `W + scale A B` in the layout of `stored`, summed in float64.
    func merged(into stored: Tensor) throws(AutodiffError) -> Tensor {
        func refuse(_ reason: String) -> AutodiffError { .invalid(place: "the adapter of '\(weight)'", reason: reason) }
        guard down.shape.rank == 2, up.shape.rank == 2, down.shape.dimensions[1] == up.shape.dimensions[0] else {
            throw refuse("its factors have the shapes \(down.shape) and \(up.shape), which have no product")
        }
        let extents = [down.shape.dimensions[0], up.shape.dimensions[1]]
        guard stored.shape == Shape(isTransposed ? extents.reversed() : extents) else {
            throw refuse("its product is \(Shape(extents)), the weight \(isTransposed ? "(transposed) " : "")\(stored.shape)")
        }
        guard let a = down.doubles, let b = up.doubles else { throw refuse("factors are float32 or float64") }
        let rank = down.shape.dimensions[1]
        // It goes through the stored tensor row by row: `left [rows, rank]` times `right [rank, columns]`.
        let left = isTransposed ? Self.transposed(b, rank, extents[1]) : a
        let right = isTransposed ? Self.transposed(a, extents[0], rank) : b
        let rows = stored.shape.dimensions[0], columns = stored.shape.dimensions[1]
        func sum<Scalar: BinaryFloatingPoint & BitwiseCopyable>(_ type: Scalar.Type) throws(AutodiffError) -> Tensor {
            guard let result = Tensor(zeros: stored.elementType, shape: stored.shape), case .buffer(let buffer) = result.storage else {
                throw refuse("the weight is too large")
            }
            let source = stored.bytes.bindMemory(to: Scalar.self), target = buffer.mutableBytes.bindMemory(to: Scalar.self)
            right.withUnsafeBufferPointer { right in
                var row = [Double](repeating: 0, count: columns)
                for r in 0..<rows {
                    for column in 0..<columns { row[column] = Double(source[r * columns + column]) }
                    for inner in 0..<rank {
                        let factor = scale * left[r * rank + inner]
                        if factor == 0 { continue }
                        for column in 0..<columns { row[column] += factor * right[inner * columns + column] }
                    }
                    for column in 0..<columns { target[r * columns + column] = Scalar(row[column]) }
                }
            }
            withExtendedLifetime((stored, buffer)) {}
            return result
        }
        switch stored.elementType {
        case .float32: return try sum(Float.self)
        case .float64: return try sum(Double.self)
        default: throw refuse("the weight is \(stored.elementType.name); adapters can be merged into floating point weights only")
        }
    }

    private static func transposed(_ values: [Double], _ rows: Int, _ columns: Int) -> [Double] {
        (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
    }
}

extension Tensor {
    fileprivate var doubles: [Double]? {
        elementType == .float64 ? values(as: Double.self) : elementType == .float32 ? values(as: Float.self)?.map(Double.init) : nil
    }
}
