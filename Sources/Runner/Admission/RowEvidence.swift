import Columnar
import Engine
import Names
import Tensors

/// Finds from runs of the model which axis of its outputs is the rows: it is the axis that has 2 for two rows and 3 for three. An extent
/// that agrees in one run only proves nothing.
struct RowEvidence {
    let admission: Admission
    let run: RowRun
    /// Tells whether the rows have the extents of real ones. With made-up extents, an output with another number of rows proves nothing: a
    /// reshape may cause it.
    var isOfRealRows = true

    private enum Verdict {
        case shown
        case open
        case wrong(AdmissionProblem)
    }

    /// Runs the model on two and on three of the given rows, which must be at least one, or on as many rows as the model fixes. Returns
    /// what is wrong with the outputs that land, and whether all of them are proved to be right.
    func find(
        _ rows: NameMap<Tensor>, cancellation: Cancellation? = nil
    ) throws(EngineError) -> (problems: [AdmissionProblem], isShown: Bool) {
        let counts = admission.fixedRows.map { [$0] } ?? [2, 3]
        var found: [[EngineValue]] = []
        for count in counts {
            found.append(try run.raw(rows.compactMapValues { $0.rows(count) }, rows: count, cancellation: cancellation))
        }
        var problems: [AdmissionProblem] = []
        var isShown = true
        for (position, output) in admission.outputs.enumerated() {
            switch judge(output, found.map { $0[position] }, counts) {
            case .shown: break
            case .open: isShown = false
            case .wrong(let problem): problems.append(problem)
            }
        }
        return (problems, isShown && problems.isEmpty)
    }

    private func judge(_ output: Admission.Output, _ values: [EngineValue], _ counts: [Int]) -> Verdict {
        func made(_ what: String, _ remedy: String) -> Verdict {
            .wrong(AdmissionProblem(key: "forward.outputs.\(output.name)", what: "model output '\(output.name)' \(what)", remedy: remedy))
        }
        func listed(_ found: [String]) -> String {
            zip(found, counts).map { "\($0) for \($1) row\($1 == 1 ? "" : "s")" }.joined(separator: " and ")
        }
        let leave = "Leave it out: name the outputs that are wanted in forward.outputs."
        let shapes = values.compactMap(\.tensor?.shape)
        if shapes.count == values.count {
            func isRows(_ axis: Int) -> Bool { zip(shapes, counts).allSatisfy { axis < $0.rank && $0.dimensions[axis] == $1 } }
            if isRows(output.axis) { return .shown }
            if output.mayLackRows, counts == [1], shapes[0].rank == 0 || !shapes[0].dimensions.contains(1) { return .shown }
            let what = "has the shape \(listed(shapes.map(\.description)))"
            guard let axis = shapes[0].dimensions.indices.first(where: isRows) else {
                let isConstant = shapes.count > 1 && Set(shapes).count == 1
                return isOfRealRows || isConstant ? made("\(what): no axis of it is the rows", leave) : .open
            }
            return made(
                "\(what): its axis \(axis) is the rows, and its axis \(output.axis) is not",
                "Say so: forward.outputs.\(output.name): { batch_axis: \(axis) }; or leave it out by naming the outputs that are wanted in "
                    + "forward.outputs.")
        }
        let lengths = values.compactMap { if case .sequence(let elements) = $0 { elements.count } else { nil } }
        guard lengths.count == values.count else {
            return made("is \(run.session.outputs[output.index].kind), which gives no columns", leave)
        }
        return lengths == counts ? .shown : made("has \(listed(lengths.map { "\($0) elements" })): they are not the rows", leave)
    }
}

/// Makes up rows for a model of which only the declaration is known.
struct MadeUpRows {
    let admission: Admission

    /// Returns what is wrong with the outputs that land, as far as made-up rows show it. It returns nil where the model does not run on
    /// them, which is no fault of the model, and where it takes longer than `seconds`. Throws where the model outgrows the memory with rows
    /// of the only extents that it takes.
    func find(_ run: RowRun, seconds: Double = 20) throws(EngineError) -> (problems: [AdmissionProblem], isShown: Bool)? {
        for extent in hasOpenAxes ? Self.extents : [1] {
            guard let rows = row(extent: extent), let cancellation = try? Cancellation() else { continue }
            let watchdog = Watchdog(seconds: seconds) { cancellation.cancel() }
            defer { watchdog.stop() }
            do throws(EngineError) {
                return try RowEvidence(admission: admission, run: run, isOfRealRows: !hasOpenAxes).find(rows, cancellation: cancellation)
            } catch {
                if watchdog.hasFired { return nil }
                if error.isOutOfMemory, !hasOpenAxes { throw error }
            }
        }
        return nil
    }

    /// The extents that are tried on open axes: first long enough for images and sequences, then shorter.
    private static let extents = [64, 8, 1]

    /// Returns one row of every input, with `extent` on its open axes. All elements are one, since no division and few lookups fail with
    /// it.
    private func row(extent: Int) -> NameMap<Tensor>? {
        var row: NameMap<Tensor> = [:]
        for input in admission.inputs {
            let shape = Shape([1] + input.modelInput.dimensions.dropFirst().map { $0 ?? extent })
            guard let tensor = Tensor(ones: input.modelInput.elementType, shape: shape) else { return nil }
            row[input.modelInput.name] = tensor
        }
        return row
    }

    private var hasOpenAxes: Bool { admission.inputs.contains { $0.modelInput.dimensions.dropFirst().contains(nil) } }
}

extension Tensor {
    /// Makes a tensor of ones, or of equal texts; nil for a type that has none, and for a shape that is too large.
    init?(ones type: ElementType, shape: Shape) {
        guard let count = shape.elementCount, count <= 1 << 26 else { return nil }
        func filled<Value: BitwiseCopyable>(_ value: Value) -> Tensor { Tensor(type, shape, [Value](repeating: value, count: count)) }
        switch type {
        case .string: self.init(strings: [String](repeating: "a", count: count), shape: shape)
        case .float32: self = filled(Float(1))
        case .float64: self = filled(1.0)
        case .float16: self = filled(Float16(1))
        case .bfloat16: self = filled(UInt16(0x3F80))
        case .int8, .uint8, .bool: self = filled(UInt8(1))
        case .int16, .uint16: self = filled(UInt16(1))
        case .int32, .uint32: self = filled(UInt32(1))
        case .int64, .uint64: self = filled(UInt64(1))
        default: return nil
        }
    }
}
