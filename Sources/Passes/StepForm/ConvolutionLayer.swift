import ONNX
import Tensors

/// Holds the sizes of a Conv with one group, without dilation, in float32, whose extents are fixed except for that of the batch.
struct ConvolutionLayer {
    /// The number of images in a batch; the usual number if the model leaves it open.
    let images: Int
    let channels: Int
    let filters: Int
    /// The extents of the spatial axes of the input.
    let extents: [Int]
    let kernel: [Int]
    let strides: [Int]
    let before: [Int]
    let after: [Int]
    var taps: Int { kernel.reduce(1, *) }

    init?(_ node: Node, _ types: InferredTypes) {
        func fixed(_ dimensions: ArraySlice<Dimension>) -> [Int]? {
            let known = dimensions.compactMap(\.value)
            return known.count == dimensions.count ? known : nil
        }
        guard let images = types[node.inputs[0]], images.elementType == .float32, let weights = types[node.inputs[1]]?.dimensions,
            let input = images.dimensions, input.count > 2, input.count == weights.count, let shape = fixed(input.dropFirst()),
            let kernel = fixed(weights.dropFirst(2)), let filters = weights[0].value, weights[1].value == shape[0]
        else { return nil }
        let spatial = kernel.count
        func integers(_ name: String) -> [Int]? { node.attribute(name)?.ints.map { $0.map(Int.init) } }
        let pads = integers("pads") ?? [Int](repeating: 0, count: 2 * spatial)
        guard node.attribute("group")?.int ?? 1 == 1, (integers("dilations") ?? []).allSatisfy({ $0 == 1 }), pads.count == 2 * spatial,
            ["", "NOTSET"].contains(node.attribute("auto_pad")?.string ?? "")
        else { return nil }
        self.images = input[0].value ?? StepForm.images
        (channels, self.filters, extents, self.kernel) = (shape[0], filters, Array(shape.dropFirst()), kernel)
        strides = integers("strides") ?? [Int](repeating: 1, count: spatial)
        (before, after) = (Array(pads.prefix(spatial)), Array(pads.suffix(spatial)))
    }

    func filters(tile: Int) -> [MinimalFilter]? {
        let filters = kernel.indices.compactMap { axis in
            MinimalFilter(
                kernel: kernel[axis], stride: strides[axis], extent: extents[axis], before: before[axis], after: after[axis], tile: tile)
        }
        return filters.count == kernel.count ? filters : nil
    }
}
