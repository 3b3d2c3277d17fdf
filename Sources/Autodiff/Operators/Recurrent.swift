import ONNX
import Tensors

/// Differentiates LSTM, GRU and RNN (ONNX operators of version 14 and 22).
///
/// The operators return states but no gates. Since every state is known, the gates of all steps are computed again at once, in a few large
/// products. Only recurrent values are computed step by step, in a Scan: the cells of an LSTM, and the cotangents of the states, from the
/// last step to the first. The gradients of weights and inputs are again one product over all steps.
///
/// In shapes, `T` is the number of steps, `B` of rows, `I` of inputs, `H` of hidden values, `D` of directions and `G` of gates. Steps from
/// the sequence length of a row on pass the state on.
enum Recurrent {
    static let operators: [OperatorGradient] = [
        .rule("LSTM", weights: [1, 2, 3, 5, 6, 7]) { (c) throws(AutodiffError) in
            try rule(c, gates: 4, activations: [.sigmoid, .tanh, .tanh], longShortTerm)
        },
        .rule("GRU", weights: [1, 2, 3, 5]) { (c) throws(AutodiffError) in try rule(c, gates: 3, activations: [.sigmoid, .tanh], gated) },
        .rule("RNN", weights: [1, 2, 3, 5]) { (c) throws(AutodiffError) in try rule(c, gates: 1, activations: [.tanh], simple) },
    ]

    /// Holds the values of one direction.
    struct Direction {
        let context: RuleContext
        /// Tells whether the direction goes from the last step to the first.
        let isReversed: Bool
        /// The activations in the operator's order: of the gates, the candidate and the cell. `clip` limits the arguments of all but the
        /// last.
        let activations: [GateActivation]
        /// The inputs `[T, B, I]`, the weights `[G H, I]` and the recurrent weights `[G H, H]`.
        let x, w, r: Symbol
        /// The biases, `[G H]` each.
        let inputBias, recurrentBias: Symbol?
        /// The state that each step starts from, `[T, B, H]`, and the one it leaves.
        let before, states: Symbol
        let firstCell: Symbol?
        /// The weights of the cell in the arguments of input, output and forget gate, `[H]` each.
        let peepholes: [Symbol]?
        /// Tells whether a step is within the length of its row, `[T, B, 1]`; nil if rows have no lengths of their own.
        let isLive: Symbol?
        /// The cotangents of the states, `[T, B, H]`, and of the last state and cell, `[B, H]`.
        let dStates, dLast: Symbol
        let dLastCell: Symbol?

        /// The parts of the inputs and of the states in the arguments of the gates, `[T, B, G H]`.
        var fromInputs: Symbol { with(inputBias, x.matrixProduct(w.transposed([1, 0]))) }
        var fromStates: Symbol { with(recurrentBias, before.matrixProduct(r.transposed([1, 0]))) }
        private func with(_ bias: Symbol?, _ value: Symbol) -> Symbol { bias.map { value + $0 } ?? value }

        func split(_ value: Symbol, _ count: Int) -> [Symbol] { Recurrent.split(value, count, axis: -1) }

        private static let matrix: [Dimension] = [.unknown, .unknown]

        /// Appends a Scan over the steps, in the order of the operator (`forwards`) or the reverse. `body` gets the states and the slices
        /// of a step.
        func scan(
            forwards: Bool, _ states: [Symbol], over sequences: [Symbol],
            _ body: (_ states: [Symbol], _ step: [Symbol], _ isLive: Symbol?) throws(AutodiffError) -> (states: [Symbol], results: [Symbol])
        ) throws(AutodiffError) -> (states: [Symbol], results: [Symbol]) {
            let sequences = sequences + (isLive.map { [$0] } ?? [])
            let graph = context.graph
            var inputs: [Value] = []
            func input(_ symbol: Symbol, dropping count: Int) -> Symbol {
                let name = graph.freshName("step")
                let type = ValueType.tensor(symbol.elementType, symbol.extents.map { Array($0.dropFirst(count)) } ?? Self.matrix)
                graph.declare(name, type)
                inputs.append(Value(name, .tensor(symbol.elementType, Self.matrix)))
                return graph.symbol(name)
            }
            let inner = states.map { input($0, dropping: 0) }, slices = sequences.map { input($0, dropping: 1) }
            var results: [ValueType?] = []
            var step = try graph.branch("step") { () throws(AutodiffError) -> [Symbol] in
                let live = isLive == nil ? nil : slices.last
                let made = try body(inner, live == nil ? slices : slices.dropLast(), live)
                let steps = sequences[0].extents?.first ?? .unknown
                results = made.results.map { .tensor($0.elementType, $0.extents.map { [steps] + $0 }) }
                // A value that is both a state and a result needs two names.
                return made.states + made.results.map { $0.map("Identity") }
            }
            step.inputs = inputs
            // The engine must know the ranks, even where the model does not state them: a state is `[B, H]`, and so is each step's slice.
            for position in step.outputs.indices {
                step.outputs[position].type = .tensor(step.outputs[position].type?.elementType, Self.matrix)
            }
            let direction = Int64(forwards == isReversed ? 1 : 0)
            let outputs = graph.emit(
                "Scan", states + sequences, outputs: states.count + results.count,
                [
                    Attribute("body", .graph(step)), Attribute("num_scan_inputs", .int(Int64(sequences.count))),
                    Attribute("scan_input_directions", .ints([Int64](repeating: direction, count: sequences.count))),
                    Attribute("scan_output_directions", .ints([Int64](repeating: direction, count: results.count))),
                ],
                types: states.map { .tensor($0.elementType, $0.extents) } + results)
            return (Array(outputs.prefix(states.count)), Array(outputs.dropFirst(states.count)))
        }

        func weightGradient(_ cotangent: Symbol, _ source: Symbol) -> Symbol { cotangent.rows.gemm(source.rows, transA: true) }
    }

    /// Holds the cotangents of the operands of one direction.
    struct Parts {
        /// The cotangents, in order, of shape `[T, B, I]`, `[G H, I]`, `[G H, H]`, `[2 G H]`, `[B, H]`; the first cell's has `[B, H]` too.
        var x, w, r, bias, firstState: Symbol
        var firstCell: Symbol?
        /// The cotangent of the peepholes, `[3 H]`.
        var peepholes: Symbol?
    }

    static func split(_ value: Symbol, _ count: Int, axis: Int) -> [Symbol] {
        if count == 1 { return [value] }
        let attributes = [Attribute("axis", .int(Int64(axis))), Attribute("num_outputs", .int(Int64(count)))]
        let extents = value.extents.map { known in
            var part = known
            let position = axis < 0 ? axis + known.count : axis
            part[position] = known[position].value.map { .fixed($0 / count) } ?? .unknown
            return part
        }
        let types = [ValueType?](repeating: .tensor(value.elementType, extents), count: count)
        return value.graph.emit("Split", [value], outputs: count, attributes, types: types)
    }
}

// This part reads the directions of an operator.
extension Recurrent {
    private static func rule(
        _ c: RuleContext, gates: Int, activations: [GateActivation.Function], _ kind: (Direction) throws(AutodiffError) -> Parts
    ) throws(AutodiffError) -> [Symbol?] {
        let direction = c.string("direction", "forward")
        let count = direction == "bidirectional" ? 2 : 1
        let all = try GateActivation.all(of: c, standard: activations, count: count)
        if c.int("layout") != 0 { throw c.refused("its batch comes first (layout = 1), which the engine does not run either") }

        // The standard defines the ranks; shapes need not have been inferred.
        for (position, rank) in [3, 3, 3, 2, 1, 3, 3, 2].enumerated() where c.isGiven(position) && c.input(position).extents == nil {
            _ = c.input(position).stating([Dimension](repeating: .unknown, count: rank))
        }
        let x = c.x, states = c.output(0), dStates = c.cotangents.first ?? nil
        let ends = [1, 2].map { $0 < c.cotangents.count ? c.cotangents[$0] : nil }
        let starts = [c.optionalInput(5), gates == 4 ? c.optionalInput(6) : nil]
        let isLive = c.optionalInput(4).map { live($0, x) }

        var parts: [Parts] = []
        for number in 0..<count {
            func pick(_ value: Symbol, axis: Int) -> Symbol { place(value, number, axis: axis) }
            let isReversed = direction == "reverse" || number == 1
            let own = pick(states, axis: 1)
            let zero = place(own, 0, axis: 0).zeros
            let first = starts[0].map { pick($0, axis: 0) } ?? zero
            let biases = c.optionalInput(3).map { split(pick($0, axis: 0), 2, axis: 0) }
            parts.append(
                try kind(
                    Direction(
                        context: c, isReversed: isReversed,
                        activations: Array(all[number * activations.count..<(number + 1) * activations.count]), x: x,
                        w: pick(c.input(1), axis: 0), r: pick(c.input(2), axis: 0), inputBias: biases?[0], recurrentBias: biases?[1],
                        before: shifted(own, first, isReversed, isLive), states: own,
                        firstCell: gates == 4 ? starts[1].map { pick($0, axis: 0) } ?? zero : nil,
                        peepholes: gates == 4 ? c.optionalInput(7).map { split(pick($0, axis: 0), 3, axis: 0) } : nil, isLive: isLive,
                        dStates: dStates.map { pick($0, axis: 1) } ?? own.zeros, dLast: ends[0].map { pick($0, axis: 0) } ?? zero,
                        dLastCell: gates == 4 ? ends[1].map { pick($0, axis: 0) } ?? zero : nil)))
        }
        func stack(_ values: [Symbol]) -> Symbol {
            let rows = values.map { $0.unsqueezed([0]) }
            return rows[0].concatenated(Array(rows.dropFirst()))
        }
        let dx = parts.dropFirst().reduce(parts[0].x) { $0 + $1.x }
        let cells = parts.compactMap(\.firstCell), peepholes = parts.compactMap(\.peepholes)
        return [
            dx, stack(parts.map(\.w)), stack(parts.map(\.r)), stack(parts.map(\.bias)), nil, stack(parts.map(\.firstState)),
            cells.isEmpty ? nil : stack(cells), peepholes.isEmpty ? nil : stack(peepholes),
        ]
    }

    private static func place(_ value: Symbol, _ number: Int, axis: Int) -> Symbol {
        var extents = value.extents
        if extents?.indices.contains(axis) == true { extents?.remove(at: axis) }
        return value.apply(
            "Gather", [value.graph.constant(.int64, [], [Int64(number)])], [Attribute("axis", .int(Int64(axis)))], extents: extents)
    }

    /// Returns the state before each step: that of the step before, and `first` for the step at which the operator begins.
    private static func shifted(_ states: Symbol, _ first: Symbol, _ isReversed: Bool, _ isLive: Symbol?) -> Symbol {
        let graph = states.graph
        func slice(_ value: Symbol, _ start: Int, _ end: Int) -> Symbol {
            value.apply("Slice", [graph.integers([start]), graph.integers([end]), graph.integers([0])])
        }
        let edge = first.unsqueezed([0])
        guard isReversed else { return edge.concatenated([slice(states, 0, -1)], extents: states.extents).stating(states.extents) }
        let moved = slice(states, 1, Int.max).concatenated([edge], extents: states.extents).stating(states.extents)
        guard let isLive else { return moved }
        // The last step of a short row begins with the first state too.
        let next = slice(isLive, 1, Int.max)
        let none = place(isLive, 0, axis: 0)
        return next.concatenated([none.and(none.not).unsqueezed([0])]).stating(isLive.extents).select(moved, edge)
    }

    /// Returns whether each step lies within the length of its row, `[T, B, 1]`.
    private static func live(_ lengths: Symbol, _ x: Symbol) -> Symbol {
        let graph = x.graph
        func number(_ value: Int64) -> Symbol { graph.constant(.int64, [], [value]) }
        let steps = number(0).apply("Range", [x.extent(0).squeezed([0]), number(1)], extents: [x.extents?[0] ?? .unknown])
        return (steps.unsqueezed([1]) < lengths.cast(to: .int64).unsqueezed([0])).unsqueezed([2])
            .stating([x.extents?[0] ?? .unknown, x.extents?[1] ?? .unknown, .fixed(1)])
    }
}

// This part has the three kinds of operators.
extension Recurrent {
    /// Differentiates an LSTM: `i, o, f` and the candidate `g`; `c' = f c + i g`, `h' = o tanh c'`. Peepholes add their part of `c` to the
    /// arguments of `i` and `f`, and of `c'` to that of `o`; coupled gates have `f = 1 - i`.
    private static func longShortTerm(_ d: Direction) throws(AutodiffError) -> Parts {
        // The output of the cell is not clipped.
        let (gate, candidate, bend) = (d.activations[0], d.activations[1], d.activations[2].unbounded)
        let isCoupled = d.context.int("input_forget") != 0
        let arguments = d.split(d.fromInputs + d.fromStates, 4)
        func input(_ argument: Symbol, _ cell: Symbol) -> Symbol { d.peepholes.map { argument + cell * $0[0] } ?? argument }
        func forget(_ argument: Symbol, _ cell: Symbol) -> Symbol { d.peepholes.map { argument + cell * $0[2] } ?? argument }
        let g = candidate.value(arguments[3])
        guard let firstCell = d.firstCell, let dLastCell = d.dLastCell else { throw d.context.refused("it has no cell") }
        let i: Symbol, f: Symbol, toI: Symbol, toF: Symbol
        let cells: (states: [Symbol], results: [Symbol])
        func keep(_ next: Symbol, _ states: [Symbol], _ isLive: Symbol?) -> (states: [Symbol], results: [Symbol]) {
            let kept = isLive.map { $0.select(next, states[0]) } ?? next
            return ([kept], [kept, states[0]])
        }
        if d.peepholes == nil {
            (toI, toF) = (arguments[0], arguments[2])
            i = gate.value(toI)
            f = isCoupled ? 1 - i : gate.value(toF)
            cells = try d.scan(forwards: true, [firstCell], over: [f, i * g]) { (states, step, isLive) in
                keep(step[0] * states[0] + step[1], states, isLive)
            }
        } else {
            cells = try d.scan(forwards: true, [firstCell], over: [arguments[0], arguments[2], g]) { (states, step, isLive) in
                let i = gate.value(input(step[0], states[0]))
                let f = isCoupled ? 1 - i : gate.value(forget(step[1], states[0]))
                return keep(f * states[0] + i * step[2], states, isLive)
            }
            (toI, toF) = (input(arguments[0], cells.results[1]), forget(arguments[2], cells.results[1]))
            i = gate.value(toI)
            f = isCoupled ? 1 - i : gate.value(toF)
        }
        let (cell, before) = (cells.results[0], cells.results[1])
        let toO = d.peepholes.map { arguments[1] + cell * $0[1] } ?? arguments[1]
        let o = gate.value(toO), bent = bend.value(cell)
        // The derivatives of h and c' by the argument of each gate.
        let toOutput = bent * gate.slope(o, at: toO), throughCell = o * bend.slope(bent, at: cell)
        let toInput = (isCoupled ? g - before : g) * gate.slope(i, at: toI)
        let toForget = isCoupled ? before.zeros : before * gate.slope(f, at: toF)
        let toCandidate = i * candidate.slope(g, at: arguments[3])
        let back = try d.scan(
            forwards: false, [d.dLast, dLastCell], over: [d.dStates, toOutput, throughCell, toInput, toForget, toCandidate, f]
        ) { (states, step, isLive) in
            let dh = states[0] + step[0]
            let output = dh * step[1]
            var dc = states[1] + dh * step[2]
            if let peepholes = d.peepholes { dc = dc + output * peepholes[1] }
            let input = dc * step[3], forget = dc * step[4]
            let gates = input.concatenated([output, forget, dc * step[5]], axis: -1)
            let toStates = gates.matrixProduct(d.r)
            var toCell = dc * step[6]
            if let peepholes = d.peepholes { toCell = toCell + input * peepholes[0] + forget * peepholes[2] }
            guard let isLive else { return ([toStates, toCell], [gates]) }
            return ([isLive.select(toStates, states[0]), isLive.select(toCell, states[1])], [isLive.select(gates, 0)])
        }
        let gatesBack = back.results[0]
        let bias = gatesBack.sum([0, 1], keep: false)
        var parts = Parts(
            x: gatesBack.matrixProduct(d.w), w: d.weightGradient(gatesBack, d.x), r: d.weightGradient(gatesBack, d.before),
            bias: bias.concatenated([bias]), firstState: back.states[0], firstCell: back.states[1])
        if d.peepholes != nil {
            let own = d.split(gatesBack, 4)
            let each = [own[0] * before, own[1] * cell, own[2] * before].map { $0.sum([0, 1], keep: false) }
            parts.peepholes = each[0].concatenated(Array(each.dropFirst()))
        }
        return parts
    }

    /// Differentiates a GRU: `z, r` and the candidate `n`; `h' = (1 - z) n + z h`. The reset gate applies to the state's product
    /// (`linear_before_reset`) or to the state.
    private static func gated(_ d: Direction) throws(AutodiffError) -> Parts {
        let isLinear = d.context.int("linear_before_reset") != 0
        let inputs = d.split(d.fromInputs, 3), states = d.split(d.fromStates, 3)
        let (gate, bend) = (d.activations[0], d.activations[1])
        let (toZ, toR) = (inputs[0] + states[0], inputs[1] + states[1])
        let (z, r) = (gate.value(toZ), gate.value(toR))
        let weights = split(d.r, 3, axis: 0)
        let toN: Symbol
        if isLinear {
            toN = inputs[2] + r * states[2]
        } else {
            let product = (r * d.before).matrixProduct(weights[2].transposed([1, 0]), extents: d.before.extents)
            toN = inputs[2] + (d.recurrentBias.map { product + split($0, 3, axis: 0)[2] } ?? product)
        }
        let n = bend.value(toN)
        let toUpdate = (d.before - n) * gate.slope(z, at: toZ), toCandidate = (1 - z) * bend.slope(n, at: toN),
            slope = gate.slope(r, at: toR)
        let toReset = isLinear ? states[2] * slope : d.before * slope
        let gatesWeight = weights[0].concatenated([weights[1]], axis: 0)
        let back = try d.scan(forwards: false, [d.dLast], over: [d.dStates, toUpdate, toCandidate, toReset, z, r]) {
            (carried, step, isLive) in
            let dh = carried[0] + step[0]
            let candidate = dh * step[2]
            let update = dh * step[1]
            let reset: Symbol, throughCandidate: Symbol
            if isLinear {
                reset = candidate * step[3]
                throughCandidate = (candidate * step[5]).matrixProduct(weights[2])
            } else {
                let product = candidate.matrixProduct(weights[2])
                reset = product * step[3]
                throughCandidate = product * step[5]
            }
            let toStates = dh * step[4] + throughCandidate + update.concatenated([reset], axis: -1).matrixProduct(gatesWeight)
            guard let isLive else { return ([toStates], [update, reset, candidate]) }
            return ([isLive.select(toStates, carried[0])], [update, reset, candidate].map { isLive.select($0, 0) })
        }
        let (update, reset, candidate) = (back.results[0], back.results[1], back.results[2])
        let fromInputs = update.concatenated([reset, candidate], axis: 2)
        let recurrent = isLinear ? candidate * r : candidate
        let dr: Symbol
        if isLinear {
            dr = d.weightGradient(update.concatenated([reset, recurrent], axis: 2), d.before)
        } else {
            dr = d.weightGradient(update.concatenated([reset], axis: 2), d.before)
                .concatenated([d.weightGradient(candidate, r * d.before)], axis: 0)
        }
        return Parts(
            x: fromInputs.matrixProduct(d.w), w: d.weightGradient(fromInputs, d.x), r: dr,
            bias: fromInputs.sum([0, 1], keep: false).concatenated([
                update.concatenated([reset, recurrent], axis: 2).sum([0, 1], keep: false)
            ]),
            firstState: back.states[0])
    }

    /// Differentiates an RNN: `h' = f(W x + R h + b)`, whose slope follows from `h'` itself for the usual activations.
    private static func simple(_ d: Direction) throws(AutodiffError) -> Parts {
        let bend = d.activations[0]
        let slope = bend.isInvertible ? bend.slope(d.states, at: d.states) : bend.slope(d.states, at: d.fromInputs + d.fromStates)
        let back = try d.scan(forwards: false, [d.dLast], over: [d.dStates, slope]) { (carried, step, isLive) in
            let argument = (carried[0] + step[0]) * step[1]
            let toStates = argument.matrixProduct(d.r)
            guard let isLive else { return ([toStates], [argument]) }
            return ([isLive.select(toStates, carried[0])], [isLive.select(argument, 0)])
        }
        let bias = back.results[0].sum([0, 1], keep: false)
        return Parts(
            x: back.results[0].matrixProduct(d.w), w: d.weightGradient(back.results[0], d.x),
            r: d.weightGradient(back.results[0], d.before),
            bias: bias.concatenated([bias]), firstState: back.states[0])
    }
}
