/// How a layer is computed by minimal filters, and what that is worth.
struct WinogradPlan: CustomStringConvertible {
    let filters: [MinimalFilter]
    /// All axes are transformed by one matrix, or one after another.
    let isJoint: Bool
    let layer: ConvolutionLayer

    var description: String {
        if layer.taps == 1 { return "products of selected places" }
        return "winograd F(" + (filters.map { "\($0.tile)" } + layer.kernel.map { "\($0)" }).joined(separator: ", ") + ")"
    }

    /// The cheapest, if it is clearly cheaper than the convolution with both its gradients.
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

    /// Multiplications and additions of the layer and its two gradients, for a batch. With a stride they take longer, since
    /// gradients are transposed convolutions and products of slices.
    private static func directWork(_ layer: ConvolutionLayer, outputs: [Int]) -> Double {
        let factor = layer.strides.allSatisfy { $0 == 1 } ? 1 : layer.taps == 1 ? 3 : 1.4
        return factor * 3 * product([layer.images, layer.channels, layer.filters] + outputs + layer.kernel)
    }

    /// The same of this plan, weighed by what such products were measured to take beside those of large matrices (ONNX Runtime 1.32, two
    /// threads): half as much again for transforms, more for few rows; transforms of weights wait for memory.
    var work: Double {
        let places = filters.map(\.products), tiles = filters.map(\.tiles)
        let rows = Double(layer.images * (isJoint ? tiles.reduce(1, *) : tiles.last ?? 1))
        let products = 3 * Self.product([layer.images, layer.channels, layer.filters] + places + tiles) * (1 + 16 / rows)
        let weights = 2 * 60 * Self.product(places + [layer.channels, layer.filters])
        return products + weights
            + 2 * 1.5 * (transform(layer.channels, filters.map(\.extent)) + transform(layer.filters, filters.map(\.outputs)))
    }

    /// Of images with so many channels, one way.
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
