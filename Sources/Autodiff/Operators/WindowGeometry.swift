import ONNX
import Tensors

/// Describes how a window moves over the spatial axes of `[N, C, ...]`, as attributes of Conv, ConvTranspose and the pools state it.
struct WindowGeometry {
    let kernel: [Int]
    let strides: [Int]
    let dilations: [Int]
    /// The padding before each axis.
    var before: [Int]
    var after: [Int]

    var axes: Range<Int> { 2..<(2 + kernel.count) }
    var taps: Int { kernel.reduce(1, *) }
    /// The number of elements from the first to the last one under a window, for each axis.
    var spans: [Int] { zip(kernel, dilations).map { ($0 - 1) * $1 + 1 } }
    var isUnpadded: Bool { (before + after).allSatisfy { $0 == 0 } }
    var hasUnitStrides: Bool { strides.allSatisfy { $0 == 1 } }

    /// - Parameters:
    ///   - kernel: the extents of the weights, which count if the attribute is left out.
    ///   - input: the extents of the input, needed for automatic padding with a stride.
    ///   - isTransposed: tells whether automatic padding follows from the output's extents, which is left to the caller.
    init(_ c: RuleContext, kernel given: [Int]?, input: [Dimension]?, isTransposed: Bool = false) throws(AutodiffError) {
        guard let kernel = c.ints("kernel_shape") ?? given else { throw c.refused("its kernel shape is not known") }
        let ones = kernel.map { _ in 1 }
        self.kernel = kernel
        strides = c.ints("strides") ?? ones
        dilations = c.ints("dilations") ?? ones
        let count = kernel.count
        let pads = c.ints("pads") ?? [Int](repeating: 0, count: 2 * count)
        before = Array(pads.prefix(count))
        after = Array(pads.suffix(count))
        let automatic = c.string("auto_pad", "NOTSET")
        if automatic == "VALID" { (before, after) = (kernel.map { _ in 0 }, kernel.map { _ in 0 }) }
        guard automatic.hasPrefix("SAME"), !isTransposed else { return }
        for axis in 0..<count {
            let span = (kernel[axis] - 1) * dilations[axis] + 1
            let total: Int
            if strides[axis] == 1 {
                total = span - 1
            } else if let extent = input.flatMap({ $0.count == count + 2 ? $0[axis + 2].value : nil }) {
                let outputs = (extent + strides[axis] - 1) / strides[axis]
                total = max((outputs - 1) * strides[axis] + span - extent, 0)
            } else {
                throw c.refused(
                    "its padding (auto_pad) depends on an extent that is not known; export the model with a fixed size or explicit pads")
            }
            let smaller = total / 2
            before[axis] = automatic == "SAME_LOWER" ? total - smaller : smaller
            after[axis] = total - before[axis]
        }
    }

    /// Returns the attributes of a Conv or ConvTranspose that moves in the same way.
    func attributes(group: Int, padded: Bool = true, outputPadding: [Int]? = nil) -> [Attribute] {
        var made = [
            Attribute("kernel_shape", .ints(kernel.map(Int64.init))), Attribute("strides", .ints(strides.map(Int64.init))),
            Attribute("dilations", .ints(dilations.map(Int64.init))), Attribute("group", .int(Int64(group))),
        ]
        if padded { made.append(Attribute("pads", .ints((before + after).map(Int64.init)))) }
        if let outputPadding, outputPadding.contains(where: { $0 != 0 }) {
            made.append(Attribute("output_padding", .ints(outputPadding.map(Int64.init))))
        }
        return made
    }

    /// Returns the transpose of the convolution by `weights` `[M, C / group, ...]`: a value of the extents of `target`, to which each
    /// window adds its part. If the extents of `target` are not known, the full extent is computed and then cut or filled up with zeros.
    func spread(_ cotangent: Symbol, by weights: Symbol, over target: Symbol, group: Int) -> Symbol {
        var missing: [Int]? = []
        for axis in 0..<kernel.count {
            if strides[axis] == 1 { missing?.append(0); continue }
            guard let whole = target.extents?[axis + 2].value, let steps = cotangent.extents?[axis + 2].value else {
                missing = nil
                break
            }
            missing?.append(whole - ((steps - 1) * strides[axis] - before[axis] - after[axis] + spans[axis]))
        }
        // The engine only takes an output padding below the stride.
        if let missing, zip(missing, strides).allSatisfy({ $0 >= 0 && $0 < $1 }) {
            return cotangent.apply("ConvTranspose", [weights], attributes(group: group, outputPadding: missing), extents: target.extents)
        }
        let full = cotangent.apply("ConvTranspose", [weights], attributes(group: group, padded: false))
        let graph = cotangent.graph
        let start = graph.integers(before.map { -$0 })
        let wanted = target.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
        let found = full.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
        let end = wanted - found + graph.integers(before)
        return full.apply("Pad", [start.concatenated([end]), nil, graph.integers(Array(axes))], extents: target.extents)
    }

    /// Returns, for each element of the kernel in order, the part of the padded input that it is multiplied with.
    func windows(of padded: Symbol, axes: [Int]) -> [Symbol] {
        var positions: [[Int]] = [[]]
        for extent in kernel { positions = positions.flatMap { head in (0..<extent).map { head + [$0] } } }
        return positions.map { position in
            let start = zip(position, dilations).map { $0 * $1 }
            let left = zip(zip(kernel, position), dilations).map { ($0.0 - 1 - $0.1) * $1 }
            return padded.sliced(axes, from: start, to: left.map { $0 == 0 ? Int(Int32.max) : -$0 }, steps: strides)
        }
    }
}
