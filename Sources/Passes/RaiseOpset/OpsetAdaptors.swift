import ONNX
import Tensors

/// Holds the changes in the form of operators from version to version of the default domain, up to 21 (ONNX's operator changelog). There is
/// no entry for new element types, new optional parts, and new defaults with the old meaning.
enum OpsetAdaptors {
    typealias Adapt = @Sendable (inout NodeRewriting) throws(Refusal) -> Void

    /// Returns the first change of an operator's form after `version`.
    static func next(_ operatorType: String, after version: Int64, upTo target: Int64) -> (version: Int64, adapt: Adapt)? {
        table[operatorType]?.first { $0.version > version && $0.version <= target }
    }

    /// The changes of each operator, the oldest first.
    static let table: [String: [(version: Int64, adapt: Adapt)]] = [
        "Add": broadcasting,
        "And": broadcasting,
        "BatchNormalization": [(7, inferenceOnly), (9, perChannel), (14, runningStatistics)],
        "Cast": [(6, typeByNumber)],
        "Clip": [(11, boundsToInputs)],
        "Concat": [(4, keepDefault("axis", .int(1)))],
        "DFT": [(20, transformAxisToInput)],
        "Div": broadcasting,
        "Dropout": [(7, drop("is_test")), (10, booleanMask), (12, ratioToInput)],
        "Equal": broadcasting,
        "GRU": [(7, drop("output_sequence"))],
        "Gemm": [(7, drop("broadcast"))],
        "Greater": broadcasting,
        "GridSample": [(20, linearByName)],
        "GroupNormalization": [(21, scalePerChannel)],
        "Hardmax": [(13, alongOneAxis)],
        "LSTM": [(7, drop("output_sequence"))],
        "Less": broadcasting,
        "LogSoftmax": [(13, alongOneAxis)],
        "Mul": broadcasting,
        "Or": broadcasting,
        "PRelu": [(7, slopePerChannel)],
        "Pad": [(2, padsByName), (11, padsToInputs)],
        "Pow": broadcasting,
        "RNN": [(7, drop("output_sequence"))],
        "ReduceL1": axesToInput(18),
        "ReduceL2": axesToInput(18),
        "ReduceLogSum": axesToInput(18),
        "ReduceLogSumExp": axesToInput(18),
        "ReduceMax": axesToInput(18),
        "ReduceMean": axesToInput(18),
        "ReduceMin": axesToInput(18),
        "ReduceProd": axesToInput(18),
        "ReduceSum": axesToInput(13),
        "ReduceSumSquare": axesToInput(18),
        "Reshape": [(5, shapeToInput)],
        "Resize": [(11, fromUpsampling)],
        "RoiAlign": [(16, keepDefault("coordinate_transformation_mode", .string("output_half_pixel")))],
        "Scan": [(9, refuse("Scan of operator set 8 runs over batches, which no newer form does"))],
        "Scatter": [(11, rename("ScatterElements"))],
        "Selu": [(6, roundedConstants)],
        "Slice": [(10, boundsOfSliceToInputs)],
        "Softmax": [(13, alongOneAxis)],
        "Split": [(13, partsToInput), (18, partsByNumber)],
        "Squeeze": axesToInput(13),
        "Sub": broadcasting,
        "Tile": [(6, refuse("Tile of operator set 1 repeats along one axis by an input"))],
        "TopK": [(10, countToInput)],
        "Unsqueeze": axesToInput(13),
        "Upsample": [(7, spatialScales), (9, scalesToInput), (10, rename("Resize"))],
        "Xor": broadcasting,
    ]

    private static func rename(_ operatorType: String) -> Adapt {
        { (it) throws(Refusal) in it.node.operatorType = operatorType }
    }

    private static func refuse(_ reason: String) -> Adapt {
        { (_) throws(Refusal) in throw Refusal(reason) }
    }

    private static func axesToInput(_ version: Int64) -> [(version: Int64, adapt: Adapt)] {
        [
            (
                version,
                { (it) throws(Refusal) in
                    // An empty list means all axes, as a missing list does.
                    if it.node.attribute("axes")?.ints?.isEmpty == true { it.node[attribute: "axes"] = nil }
                    try it.moveIntegersToInput("axes", 1)
                }
            )
        ]
    }
}

// This part is for reductions, softmax and layout.
extension OpsetAdaptors {
    /// Makes Softmax and the like work along one axis. Before 13, they took their input as a matrix: axes before `axis` are rows, those
    /// from `axis` on are columns.
    private static func alongOneAxis(_ it: inout NodeRewriting) throws(Refusal) {
        let axis = it.node.attribute("axis")?.int ?? 1
        if let rank = it.extents(0)?.count, axis == Int64(rank) - 1 || axis == -1 {
            it.node[attribute: "axis"] = .int(-1)
            return
        }
        if axis == -1 {
            it.node[attribute: "axis"] = .int(-1)
            return
        }
        let source = it.node.inputs[0]
        let shape = it.precede("Shape", [source], stem: "shape")
        it.node.inputs[0] = it.precede("Flatten", [source], [Attribute("axis", .int(axis))], stem: "matrix")
        it.node[attribute: "axis"] = .int(-1)
        it.follow(output: 0, by: "Reshape", [Attribute("allowzero", .int(1))], stem: "rows") { [$0, shape] }
    }

    private static func padsToInputs(_ it: inout NodeRewriting) throws(Refusal) {
        try it.moveIntegersToInput("pads", 1)
        if let value = it.node.attribute("value")?.float {
            it.node[attribute: "value"] = nil
            if value != 0 { it.setInput(2, try it.scalar(value, it.elementType(0), stem: "value")) }
        }
    }

    private static func padsByName(_ it: inout NodeRewriting) throws(Refusal) {
        guard let pads = it.node[attribute: "paddings"] else { return }
        it.node[attribute: "paddings"] = nil
        it.node[attribute: "pads"] = pads
    }

    private static func countToInput(_ it: inout NodeRewriting) throws(Refusal) { try it.moveIntegersToInput("k", 1) }
    private static func partsToInput(_ it: inout NodeRewriting) throws(Refusal) { try it.moveIntegersToInput("split", 1) }

    private static func boundsOfSliceToInputs(_ it: inout NodeRewriting) throws(Refusal) {
        try it.moveIntegersToInput("starts", 1)
        try it.moveIntegersToInput("ends", 2)
        try it.moveIntegersToInput("axes", 3)
    }

    /// States the number of equal parts, as is required since 18.
    private static func partsByNumber(_ it: inout NodeRewriting) throws(Refusal) {
        if !it.isGiven(1) { it.node[attribute: "num_outputs"] = .int(Int64(it.node.outputs.count)) }
    }

    private static func transformAxisToInput(_ it: inout NodeRewriting) throws(Refusal) {
        let axis = it.node.attribute("axis")?.int ?? 1
        it.node[attribute: "axis"] = nil
        it.setInput(2, it.constant(Tensor(.int64, [], [axis]), stem: "axis"))
    }
}

// This part is for element-wise operators and normalization.
extension OpsetAdaptors {
    private static func boundsToInputs(_ it: inout NodeRewriting) throws(Refusal) {
        for (position, bound) in ["min", "max"].enumerated() {
            guard let value = it.node.attribute(bound)?.float else { continue }
            it.node[attribute: bound] = nil
            it.setInput(position + 1, try it.scalar(value, it.elementType(0), stem: bound))
        }
    }

    /// Casts the mask to the type of the data, which it had before 10.
    private static func booleanMask(_ it: inout NodeRewriting) throws(Refusal) {
        guard it.isTaken(output: 1) else { return }
        let type = try it.elementType(0)
        it.follow(output: 1, by: "Cast", [Attribute("to", .int(Int64(type.rawValue)))], stem: "mask") { [$0] }
    }

    private static func ratioToInput(_ it: inout NodeRewriting) throws(Refusal) {
        guard let ratio = it.node.attribute("ratio")?.float else { return }
        it.node[attribute: "ratio"] = nil
        it.setInput(1, try it.scalar(ratio, .float32, stem: "ratio"))
    }

    private static func perChannel(_ it: inout NodeRewriting) throws(Refusal) {
        if it.node.attribute("spatial")?.int == 0 {
            throw Refusal("it normalizes every activation by itself (spatial = 0), which no newer form does")
        }
        it.node[attribute: "spatial"] = nil
    }

    /// Sets the training mode. Before 14, a node with outputs for statistics was in training mode. The values saved for the gradient are no
    /// outputs any more.
    private static func runningStatistics(_ it: inout NodeRewriting) throws(Refusal) {
        guard it.node.outputs.count > 1 else { return }
        if it.isTaken(output: 3) || it.isTaken(output: 4) {
            throw Refusal("it gives out the statistics of the batch (saved_mean, saved_var), which the newer form does not have")
        }
        it.node.outputs = Array(it.node.outputs.prefix(3))
        it.node[attribute: "training_mode"] = .int(1)
    }

    /// Widens scale and bias, which are `[groups]` before 21 and `[C]` since then.
    private static func scalePerChannel(_ it: inout NodeRewriting) throws(Refusal) {
        guard let groups = it.node.attribute("num_groups")?.int, groups > 0 else { throw Refusal("it has no num_groups") }
        guard let extents = it.extents(0), extents.count > 1, let channels = extents[1].value else {
            throw Refusal("the number of its channels does not follow from the model")
        }
        guard channels % Int(groups) == 0 else { throw Refusal("\(channels) channels do not make \(groups) groups") }
        let wide = it.integers([groups, Int64(channels) / groups], stem: "groups")
        let flat = it.integers([Int64(channels)], stem: "channels")
        let column = it.integers([groups, 1], stem: "column")
        for position in 1...2 where it.isGiven(position) {
            let standing = it.precede("Reshape", [it.node.inputs[position], column], stem: "standing")
            let spread = it.precede("Expand", [standing, wide], stem: "spread")
            it.node.inputs[position] = it.precede("Reshape", [spread, flat], stem: "channelwise")
        }
    }
}

// This part is for sampling.
extension OpsetAdaptors {
    private static func scalesToInput(_ it: inout NodeRewriting) throws(Refusal) {
        guard let scales = it.node.attribute("scales")?.floats else { throw Refusal("it has no scales") }
        it.node[attribute: "scales"] = nil
        it.setInput(1, it.constant(Tensor(.float32, [scales.count], scales), stem: "scales"))
    }

    /// Sets the modes of Upsample, and of Resize of 10: they divide the coordinate of a point by the scale; upwards they take the nearest
    /// element before it.
    private static func fromUpsampling(_ it: inout NodeRewriting) throws(Refusal) {
        let scales = it.node.inputs.count > 1 ? it.node.inputs[1] : ""
        it.node.inputs = [it.node.inputs[0], "", scales]
        it.node[attribute: "coordinate_transformation_mode"] = .string("asymmetric")
        if (it.node.attribute("mode")?.string ?? "nearest") == "nearest" { it.node[attribute: "nearest_mode"] = .string("floor") }
    }

    private static func linearByName(_ it: inout NodeRewriting) throws(Refusal) {
        switch it.node.attribute("mode")?.string {
        case "bilinear": it.node[attribute: "mode"] = .string("linear")
        case "bicubic": it.node[attribute: "mode"] = .string("cubic")
        default: break
        }
    }
}
