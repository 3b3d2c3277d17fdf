package import ONNX
import Tensors

/// Replaces a convolution by products of fewer matrices (`winograd`, with `MinimalFilter`), if images are so small, or channels so many,
/// that this is less work (`WinogradPlan`).
///
/// Transforms are products with constant matrices that include padding, stride and tiles: `Gemm(P, x, transB)` transforms the last axis of
/// `[N, C, H, W]` and brings it to the front, and `Gemm(y, A, transA)` brings the first axis to the end, so that nothing is sliced, padded
/// or transposed. The gradients are again products with the same matrices, and values that were transformed forward are not transformed
/// again. The work of all three products of a layer shrinks equally: to a quarter with tiles of 4 x 4 outputs and 3 x 3 weights.
package struct WinogradConvolution: Pass {
    package let name = "winograd"
    private let plan: @Sendable (ConvolutionLayer) -> WinogradPlan?

    package init() { self.init(choosing: WinogradPlan.best) }

    init(choosing plan: @escaping @Sendable (ConvolutionLayer) -> WinogradPlan?) { self.plan = plan }

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        guard model.graph.nodes.contains(where: { $0.qualifiedType == "Conv" }) else { return false }
        let types = try model.inferTypes(for: name)
        var builder = GraphBuilder(extending: model.graph, prefix: "winograd/")
        var rewritten: [String: [Node]] = [:]
        var stated: [Value] = []
        for node in model.graph.nodes where node.qualifiedType == "Conv" {
            guard let layer = ConvolutionLayer(node, types), let plan = plan(layer) else { continue }
            let emitted = builder.nodes.count
            let sums = Emitter(node: node, layer: layer, plan: plan).emit(&builder)
            // Type inference cannot find the number of images from products.
            stated += Set([sums, node.outputs[0]]).sorted().map { Value($0, types[node.outputs[0]]) }
            rewritten[node.outputs[0]] = Array(builder.nodes[emitted...])
        }
        guard !rewritten.isEmpty else { return false }
        model.graph.values.removeAll { rewritten[$0.name] != nil }
        model.graph.values += stated
        model.graph.nodes = model.graph.nodes.flatMap { rewritten[$0.outputs.first ?? ""] ?? [$0] }
        model.graph.initializers += builder.initializers
        return true
    }
}

/// Makes the nodes of one layer.
private struct Emitter {
    let node: Node
    let layer: ConvolutionLayer
    let plan: WinogradPlan

    private var filters: [MinimalFilter] { plan.filters }

    /// Appends the nodes. Returns the name of the sums to which the bias is added, or of the output.
    func emit(_ builder: inout GraphBuilder) -> String {
        let images = reshape(toProducts(node.inputs[0], &builder), shape(ofImages: true, matrix: [-1, layer.channels]), &builder)
        var weights = node.inputs[1]
        if layer.taps > 1 {
            let transform = matrix(filters.jointKernel, columns: layer.taps, &builder)
            weights = gemm(transform, reshape(weights, [-1, layer.taps], &builder), "transB", &builder)
        }
        let weightShape = shape(ofImages: false, matrix: [layer.filters, layer.channels])
        let shaped = reshape(weights, weightShape, &builder)
        let rank = Int64(weightShape.count)
        let turned = builder.add("Transpose", [shaped], [Attribute("perm", .ints(Array(0..<rank - 2) + [rank - 1, rank - 2]))])
        let products = builder.name("products")
        var product = Node("MatMul", [images, turned], [products], name: node.name)
        product.metadata[StepForm.formKey] = plan.description
        product.metadata[StepForm.originKey] = node.place
        builder.append(product)
        let flat = fromProducts(products, &builder)
        let hasBias = node.inputs.count > 2 && !node.inputs[2].isEmpty
        let shape = builder.integers([-1, layer.filters] + filters.map(\.outputs))
        guard hasBias else {
            builder.append(Node("Reshape", [flat, shape], node.outputs))
            return node.outputs[0]
        }
        let sums = builder.add("Reshape", [flat, shape])
        let bias = reshape(node.inputs[2], [layer.filters] + filters.map { _ in 1 }, &builder)
        builder.append(Node("Add", [sums, bias], node.outputs))
        return sums
    }

    /// Returns the shape of the matrices for each place among the products. In those of images, tiles are further axes, or all of them are
    /// rows. Those of weights are the same for all tiles.
    private func shape(ofImages: Bool, matrix: [Int]) -> [Int] {
        if plan.isJoint { return [filters.map(\.products).reduce(1, *)] + matrix }
        let apart = filters.dropLast().flatMap { [$0.products, ofImages ? $0.tiles : 1] }
        return apart + filters.suffix(1).map(\.products) + matrix
    }

    /// Transforms `[N, C, ...]` to `[products and tiles, N C]`.
    private func toProducts(_ images: String, _ builder: inout GraphBuilder) -> String {
        if plan.isJoint {
            let positions = layer.extents.reduce(1, *)
            let transform = matrix(filters.joint(\.input, width: \.extent), columns: positions, &builder)
            return gemm(transform, reshape(images, [-1, positions], &builder), "transB", &builder)
        }
        return filters.reversed().reduce(images) { value, filter in
            let transform = matrix(filter.input, columns: filter.extent, &builder)
            return gemm(transform, reshape(value, [-1, filter.extent], &builder), "transB", &builder)
        }
    }

    /// Transforms `[products and tiles, N M]` to `[N M, ...]`.
    private func fromProducts(_ products: String, _ builder: inout GraphBuilder) -> String {
        if plan.isJoint {
            let positions = filters.map(\.outputs).reduce(1, *), rows = filters.map { $0.products * $0.tiles }.reduce(1, *)
            let transform = matrix(filters.joint(\.output, width: \.outputs), columns: positions, &builder)
            return gemm(reshape(products, [rows, -1], &builder), transform, "transA", &builder)
        }
        return filters.reduce(products) { value, filter in
            let transform = matrix(filter.output, columns: filter.outputs, &builder)
            return gemm(reshape(value, [filter.products * filter.tiles, -1], &builder), transform, "transA", &builder)
        }
    }

    private func reshape(_ value: String, _ shape: [Int], _ builder: inout GraphBuilder) -> String {
        let shape = builder.integers(shape)
        return builder.add("Reshape", [value, shape])
    }

    private func gemm(_ a: String, _ b: String, _ transposed: String, _ builder: inout GraphBuilder) -> String {
        builder.add("Gemm", [a, b], [Attribute(transposed, .int(1))])
    }

    private func matrix(_ values: [Double], columns: Int, _ builder: inout GraphBuilder) -> String {
        builder.constant(.float32, [values.count / columns, columns], values.map(Float.init), stem: "transform")
    }
}
