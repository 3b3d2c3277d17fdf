internal import Names
internal import Recipes
internal import Tensors

/// Says which axes of a model's inputs vary with the rows, which of them are the same axis, what fills them up and which masks mark
/// padding.
struct LengthPlan {
    enum Source: Equatable {
        /// Each row has extents of its own.
        case lists
        /// The input is filled by columns or an array: every row has these extents.
        case block([Int])
        /// No column fills it: it is the mask of another input.
        case mask
    }

    struct Axis {
        /// The number of the axis. Axes with one number have one extent in every row.
        let number: Int
        /// The extent that the model or the pipeline's `length` gives; nil means the length of the longest row of a run.
        var extent: Int?
        let name: String?
    }

    struct Input {
        let modelInput: ModelInput
        let rule: InputRule
        let source: Source
        /// The axes after the axis of the rows.
        var axes: [Axis]
        let pad: PadElement?
        /// Tells for each axis of a mask whether it follows the rows' lengths; an axis that does not has the model's extent.
        var follows: [Bool]
    }

    private(set) var inputs: [Input] = []
    /// The axes along which rows of different lengths may share a run, since a mask tells them apart.
    private(set) var masked: Set<Int> = []

    init(_ given: [(input: ModelInput, rule: InputRule, source: Source)], mixesLengths: Bool) throws(ColumnarError) {
        var numbers: NameMap<Int> = [:]
        var next = 0
        for (input, rule, source) in given {
            var axes: [Axis] = []
            for (extent, name) in zip(input.dimensions, input.symbols).dropFirst() {
                if let name, let known = numbers[name] {
                    axes.append(Axis(number: known, extent: extent, name: name))
                    continue
                }
                if let name { numbers[name] = next }
                axes.append(Axis(number: next, extent: extent, name: name))
                next += 1
            }
            if case .block(let shape) = source, shape.count != axes.count {
                throw .badRule(
                    "the model does not state the shape of its input \"\(input.name)\", beside which nothing can be filled up: "
                        + "leave `pad`, "
                        + "`mask` and `length` out")
            }
            let isMask = given.contains { $0.rule.mask?.isName(input.name) == true }
            inputs.append(
                Input(
                    modelInput: input, rule: rule, source: source, axes: axes, pad: try Self.pad(input, rule, isMask: isMask),
                    follows: axes.map { $0.extent == nil }))
        }
        for index in inputs.indices { try join(maskOf: index) }
        try setLengths()
        if !mixesLengths { masked = [] }
    }

    /// Tells whether rows may be run in an order other than the file's.
    var mayReorder: Bool {
        inputs.contains { $0.source == .lists && $0.pad != nil && $0.axes.contains { $0.extent == nil } }
    }

    /// The axes that lists fill and that the model leaves open.
    var listAxes: (names: NameSet, isEmpty: Bool) {
        var names: NameSet = []
        var isEmpty = true
        for input in inputs where input.source == .lists {
            for (axis, extent) in zip(input.axes, input.modelInput.dimensions.dropFirst()) where extent == nil {
                isEmpty = false
                if let name = axis.name { names.insert(name) }
            }
        }
        return (names, isEmpty)
    }

    private static func pad(_ input: ModelInput, _ rule: InputRule, isMask: Bool) throws(ColumnarError) -> PadElement? {
        guard let pad = rule.pad else { return isMask ? PadElement(0, input.elementType) : nil }
        guard let element = PadElement(pad, rule, input.elementType) else {
            throw .badRule(
                "schema.inputs.\(input.name).pad: \(pad.text) does not fit the model input, which is of type \(input.elementType.name)")
        }
        return element
    }

    /// Makes the axes of the mask that an input names the same axes as the input's own.
    private mutating func join(maskOf index: Int) throws(ColumnarError) {
        let input = inputs[index]
        guard let name = input.rule.mask else { return }
        func refuse(_ reason: String) -> ColumnarError { .badRule("schema.inputs.\(input.modelInput.name).mask: \(reason)") }
        guard let maskIndex = inputs.firstIndex(where: { $0.modelInput.name.isName(name) }) else {
            throw refuse(
                "the model has no input \"\(name)\"; its inputs are " + inputs.map { "\"\($0.modelInput.name)\"" }.joined(separator: ", "))
        }
        let mask = inputs[maskIndex]
        if mask.modelInput.elementType == .string { throw refuse("model input \"\(name)\" takes text, and a mask is numbers") }
        let wide = mask.axes.filter { $0.extent != 1 }
        for axis in mask.axes.indices {
            let own = mask.axes[axis]
            var found: Int?
            if let symbol = own.name { found = input.axes.firstIndex { $0.name == symbol } }
            if found == nil, mask.axes.count == input.axes.count, own.extent == input.axes[axis].extent, own.extent != 1 { found = axis }
            if found == nil, own.extent != 1, wide.count == 1 {
                found = input.axes.indices.first.flatMap { own.extent == nil || own.extent == input.axes[$0].extent ? $0 : nil }
            }
            guard let found else {
                if own.extent == 1 { continue }
                throw refuse("the shape \(mask.modelInput.description) of \"\(name)\" does not follow from \(input.modelInput.description)")
            }
            inputs[maskIndex].axes[axis] = Axis(
                number: input.axes[found].number, extent: own.extent, name: input.axes[found].name ?? own.name)
            inputs[maskIndex].follows[axis] = true
            masked.insert(input.axes[found].number)
        }
        guard inputs[maskIndex].follows.contains(true) else {
            throw refuse("the shape \(mask.modelInput.description) of \"\(name)\" has no axis along the lists")
        }
    }

    /// Sets the extents that `length` gives, which hold for all inputs with the same axis.
    private mutating func setLengths() throws(ColumnarError) {
        var lengths: [Int: (extent: Int, input: String)] = [:]
        for input in inputs {
            guard let length = input.rule.length else { continue }
            let key = "schema.inputs.\(input.modelInput.name).length"
            let open = input.axes.filter { $0.extent == nil }
            guard open.count == 1 else {
                let fault = open.isEmpty ? "no open axis" : "more than one open axis"
                throw .badRule("\(key): its shape \(input.modelInput.description) has \(fault), and a length is that of one")
            }
            if let known = lengths[open[0].number], known.extent != length {
                throw .badRule("\(key): \(length) for the same axis that is \(known.extent) long by schema.inputs.\(known.input).length")
            }
            lengths[open[0].number] = (length, input.modelInput.name)
        }
        for index in inputs.indices {
            for axis in inputs[index].axes.indices where inputs[index].axes[axis].extent == nil {
                inputs[index].axes[axis].extent = lengths[inputs[index].axes[axis].number]?.extent
            }
        }
    }
}

extension Pad {
    var text: String {
        switch self {
        case .integer(let value): String(value)
        case .number(let value): value.description
        case .text(let text): "\"\(text)\""
        }
    }
}
