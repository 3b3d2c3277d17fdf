/// Describes a way to compute a layer by minimal filters, with an estimate of its work.
struct WinogradPlan: CustomStringConvertible {
    let filters: [MinimalFilter]
    /// Tells whether one matrix transforms all axes; otherwise they are transformed one after another.
    let isJoint: Bool
    let layer: ConvolutionLayer

    var description: String {
        if layer.taps == 1 { return "products of selected places" }
        return "winograd F(" + (filters.map { "\($0.tile)" } + layer.kernel.map { "\($0)" }).joined(separator: ", ") + ")"
    }

    /// Returns the cheapest plan; nil if it is not clearly cheaper than the convolution with both its gradients.
    @Sendable static func best(for layer: ConvolutionLayer) -> WinogradPlan? {
        guard min(layer.channels, layer.filters) >= 32, (layer.kernel + layer.strides).contains(where: { $0 > 1 }) else { return nil }
        let plans = (layer.taps > 1 ? [2, 4] : [1]).flatMap { tile -> [WinogradPlan] in
            guard let filters = layer.filters(tile: tile) else { return [] }
            return [true, false].map { WinogradPlan(filters: filters, isJoint: $0, layer: layer) }
        }
        guard let best = plans.min(by: { $0.work < $1.work }), best.work * 1.2 < directWork(layer, outputs: best.filters.map(\.outputs))
        else {
            return nil
        }
        return best
    }

    /// Returns the number of multiplications and additions of the layer and its two gradients for a batch. With a stride it counts more,
    /// since gradients are transposed convolutions and products of slices.
    private static func directWork(_ layer: ConvolutionLayer, outputs: [Int]) -> Double {
        let factor = layer.strides.allSatisfy { $0 == 1 } ? 1 : layer.taps == 1 ? 3 : 1.4
        return factor * 3 * product([layer.images, layer.channels, layer.filters] + outputs + layer.kernel)
    }

    /// The number of multiplications and additions of this plan, weighted by the measured time of such products in comparison with those of
    /// large matrices (ONNX Runtime 1.32, two threads): 1.5 for transforms, more for few rows, and more for transforms of weights, which
    /// wait for memory.
    var work: Double {
        let places = filters.map(\.products), tiles = filters.map(\.tiles)
        let rows = Double(layer.images * (isJoint ? tiles.reduce(1, *) : tiles.last ?? 1))
        let products = 3 * Self.product([layer.images, layer.channels, layer.filters] + places + tiles) * (1 + 16 / rows)
        let weights = 2 * 60 * Self.product(places + [layer.channels, layer.filters])
        return products + weights
            + 2 * 1.5 * (transform(layer.channels, filters.map(\.extent)) + transform(layer.filters, filters.map(\.outputs)))
    }

    /// Returns the work of transforming images of this number of channels in one direction.
    private func transform(_ channels: Int, _ extents: [Int]) -> Double {
        let sizes = filters.map { $0.products * $0.tiles }
        let images = layer.images * channels
        if isJoint { return Self.product([images] + sizes + extents) }
        return extents.indices.reversed().reduce(0) { sum, axis in
            sum + Self.product([images] + extents[0...axis] + sizes[axis...])
        }
    }

    private static func product(_ factors: [Int]) -> Double { factors.reduce(1) { $0 * Double($1) } }
}
