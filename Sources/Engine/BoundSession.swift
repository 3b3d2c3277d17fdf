import Machine
import Names
package import Tensors

/// A session whose inputs are in memory that is filled again for every batch, and whose outputs, where their shape follows from the
/// input's, are written into memory that is kept. Only one thread at a time may use it.
///
/// An output is read from kept memory only where the engine reports after the run that its value is there with the shape that was bound:
/// for an input that is also an output, and for an output that is forwarded from another place, the engine gives that other value and
/// leaves the bound memory as it was. All other outputs are read from the engine's own value, as after a plain run.
package final class BoundSession {
    package let session: Session
    package let plan: BatchPlan
    /// The largest number of rows of one run; exactly the number of rows of every run where the model fixes it.
    package let capacity: Int

    /// The bound memory of each element of `plan.inputs`; `nil` for strings.
    private let buffers: [TensorBuffer?]
    private var strings: [[String]]
    private let constants: [NativeValue]
    private let binding: any NativeBinding
    /// The number of rows for which inputs and outputs are bound; `nil` at first.
    private var boundRows: Int?
    /// The model outputs that are computed, in the order in which they are given.
    private let outputs: [Int]
    /// The bound memory of each element of `outputs`; `nil` if the engine allocates it in every run.
    private var kept: [Tensor?]
    /// Tells, for each element of `outputs`, whether the engine has given a value that is not in the memory that was bound.
    private var isElsewhere: [Bool]
    private var keepsOutputs = true

    /// Binds memory for `plan.rows(wanted: capacity)` rows of every input. `outputs` are names, in the order wanted; `nil` means all of
    /// them. Only those asked for must have a batch axis.
    package init(
        _ session: Session, plan: BatchPlan, capacity wanted: Int, outputs names: [String]? = nil
    ) throws(EngineError) {
        self.session = session
        var outputs = Array(session.outputs.indices)
        if let names {
            outputs = []
            for name in names { outputs.append(try session.outputIndex(name)) }
        }
        self.outputs = outputs
        self.plan = plan
        capacity = plan.rows(wanted: wanted)
        var buffers: [TensorBuffer?] = []
        for input in plan.inputs {
            if input.elementType == .string { buffers.append(nil); continue }
            let shape = Shape([capacity] + input.rowShape.dimensions)
            guard let byteCount = shape.elementCount.flatMap({ input.elementType.byteCount(elements: $0) }) else {
                throw .wrongShape(input: input.name, expected: "a smaller batch", found: "\(shape)")
            }
            do throws(OutOfMemory) { buffers.append(try TensorBuffer(requested: byteCount)) } catch { throw .outOfMemory(error) }
        }
        self.buffers = buffers
        strings = plan.inputs.map { _ in [] }
        kept = outputs.map { _ in nil }
        isElsewhere = outputs.map { _ in false }
        var constants: [NativeValue] = []
        binding = try session.model.makeBinding()
        for (index, tensor) in plan.constants {
            let value = try session.makeValue(tensor, for: session.inputs[index])
            constants.append(value)
            try binding.bind(input: index, to: value)
        }
        self.constants = constants
    }

    /// Returns the row-major memory of `capacity` rows to fill before a run, for the input at `position` in `plan.inputs`. It is not for
    /// string inputs, which `setStrings` fills.
    package func buffer(_ position: Int) -> TensorBuffer {
        guard let buffer = buffers[position] else { preconditionFailure("string inputs have no buffer") }
        return buffer
    }

    /// Sets the strings of the rows of the next run, for the input at `position` in `plan.inputs`.
    package func setStrings(_ values: [String], _ position: Int) { strings[position] = values }

    /// Runs the model over the first `rows` rows of the inputs. For a model with a fixed batch, the rest is filled by repeating the last
    /// row, and cut from the outputs. Tensors of the result may be in memory that the next run overwrites.
    package func run(rows: Int, cancellation: Cancellation? = nil) throws(EngineError) -> [EngineValue] {
        precondition(rows >= 0 && rows <= capacity, "\(rows) rows in memory for \(capacity)")
        let runRows = plan.fixedRows ?? rows
        if runRows > rows { try pad(from: rows, to: runRows) }
        if boundRows != runRows { try bind(rows: runRows) } else { try releaseOutputs() }
        try bindStrings(rows: runRows)
        do {
            try binding.run(cancellation: cancellation)
        } catch {
            guard error != .cancelled, kept.contains(where: { $0 != nil }) else { throw error }
            // A model may declare output shapes that it does not keep: it runs again, with memory from the engine.
            keepsOutputs = false
            try bind(rows: runRows)
            do { try binding.run(cancellation: cancellation) } catch {
                keepsOutputs = true
                boundRows = nil
                throw error
            }
        }
        return try takeOutputs(rows: rows, of: runRows)
    }

    private func pad(from rows: Int, to wanted: Int) throws(EngineError) {
        guard rows > 0 else { return }
        for (position, input) in plan.inputs.enumerated() {
            guard let buffer = buffers[position], let bits = input.elementType.bitWidth else {
                let perRow = input.elementsPerRow
                var values = Array(strings[position].prefix(rows * perRow))
                for _ in rows..<wanted { values += values[((rows - 1) * perRow)..<(rows * perRow)] }
                strings[position] = values
                continue
            }
            let rowBits = input.elementsPerRow * bits
            guard rowBits % 8 == 0 else {
                throw .noBatchAxis(name: input.name, detail: "rows of \(rowBits) bits cannot be repeated to fill the batch of \(wanted)")
            }
            let rowBytes = rowBits / 8
            for row in rows..<wanted {
                (buffer.address + row * rowBytes).copyMemory(from: buffer.address + (rows - 1) * rowBytes, byteCount: rowBytes)
            }
        }
    }

    private func bind(rows: Int) throws(EngineError) {
        boundRows = nil
        for (position, input) in plan.inputs.enumerated() {
            guard let buffer = buffers[position] else { continue }
            let tensor = Tensor(
                elementType: input.elementType, shape: Shape([rows] + input.rowShape.dimensions), buffer: buffer)
            let value = try session.makeValue(tensor, for: session.inputs[input.index])
            try binding.bind(input: input.index, to: value)
        }
        var values: [(index: Int, value: NativeValue?)] = []
        let extents = symbolExtents(rows: rows)
        for (position, index) in outputs.enumerated() {
            let info = session.outputs[index]
            let tensor = keepsOutputs && !isElsewhere[position] ? keptTensor(info, extents, previous: kept[position]) : nil
            kept[position] = tensor
            values.append(
                (
                    index,
                    try tensor.map { tensor throws(EngineError) in try session.model.makeValue(tensor, for: info) }
                ))
        }
        try binding.bind(outputs: values)
        boundRows = rows
    }

    /// Releases the outputs, because the engine would write into its own value from the last run, and would fail where the next one has
    /// another shape.
    private func releaseOutputs() throws(EngineError) {
        for (position, index) in outputs.enumerated() where kept[position] == nil {
            try binding.release(output: index)
        }
    }

    private func bindStrings(rows: Int) throws(EngineError) {
        for (position, input) in plan.inputs.enumerated() where buffers[position] == nil {
            let shape = Shape([rows] + input.rowShape.dimensions)
            let values = strings[position]
            guard values.count == rows * input.elementsPerRow else {
                throw .wrongShape(input: input.name, expected: "\(shape)", found: "\(values.count) strings")
            }
            let value = try session.makeValue(Tensor(strings: values, shape: shape), for: session.inputs[input.index])
            try binding.bind(input: input.index, to: value)
        }
    }

    /// Returns the extents of the symbolic dimensions of the inputs for a batch of `rows`.
    private func symbolExtents(rows: Int) -> NameMap<Int> {
        var extents: NameMap<Int> = [:]
        for input in plan.inputs {
            for (dimension, extent) in zip(session.inputs[input.index].dimensions ?? [], [rows] + input.rowShape.dimensions) {
                if case .symbolic(let name) = dimension { extents[name] = extent }
            }
        }
        for (index, tensor) in plan.constants {
            for (dimension, extent) in zip(session.inputs[index].dimensions ?? [], tensor.shape.dimensions) {
                if case .symbolic(let name) = dimension { extents[name] = extent }
            }
        }
        return extents
    }

    /// Returns memory for an output whose extents all follow from those of the inputs; it is taken from `previous` where that is large
    /// enough.
    private func keptTensor(_ info: ValueInfo, _ extents: NameMap<Int>, previous: Tensor?) -> Tensor? {
        guard let type = info.elementType, type != .string, let dimensions = info.dimensions, !dimensions.isEmpty else { return nil }
        var shape: [Int] = []
        for dimension in dimensions {
            switch dimension {
            case .fixed(let extent): shape.append(extent)
            case .symbolic(let name):
                guard let extent = extents[name] else { return nil }
                shape.append(extent)
            case .unknown: return nil
            }
        }
        guard let count = Shape(shape).elementCount, count > 0, let needed = type.byteCount(elements: count) else { return nil }
        if case .buffer(let buffer)? = previous?.storage, buffer.byteCount >= needed {
            return Tensor(elementType: type, shape: Shape(shape), buffer: buffer)
        }
        // Without memory for it here, the engine allocates it, or reports that it cannot.
        return (try? TensorBuffer(requested: needed)).map { Tensor(elementType: type, shape: Shape(shape), buffer: $0) }
    }

    private func takeOutputs(rows: Int, of runRows: Int) throws(EngineError) -> [EngineValue] {
        let taken = try binding.takeOutputs()
        var read: [EngineValue] = []
        read.reserveCapacity(outputs.count)
        for (position, index) in outputs.enumerated() {
            let info = session.outputs[index]
            let value: EngineValue
            if let tensor = kept[position], session.model.holds(taken[position], tensor) {
                value = .tensor(tensor)
            } else {
                if kept[position] != nil {
                    isElsewhere[position] = true
                    kept[position] = nil
                }
                value = try session.model.read(taken[position], from: info)
            }
            read.append(try Self.cut(value, info, to: rows, of: runRows))
        }
        return read
    }

    static func cut(_ value: EngineValue, _ info: ValueInfo, to rows: Int, of runRows: Int) throws(EngineError) -> EngineValue {
        switch value {
        case .tensor(let tensor):
            guard tensor.shape.dimensions.first == runRows else {
                throw .noBatchAxis(name: info.name, detail: "its shape is \(tensor.shape) for a batch of \(runRows) rows")
            }
            if rows == runRows { return value }
            let shape = Shape([rows] + tensor.shape.dimensions.dropFirst())
            return switch tensor.storage {
            case .buffer(let buffer): .tensor(Tensor(elementType: tensor.elementType, shape: shape, buffer: buffer))
            case .strings(let strings): .tensor(Tensor(strings: Array(strings.prefix(shape.elementCount ?? 0)), shape: shape))
            }
        case .sequence(let elements):
            guard elements.count == runRows else {
                throw .noBatchAxis(name: info.name, detail: "it has \(elements.count) elements for a batch of \(runRows) rows")
            }
            return rows == runRows ? value : .sequence(Array(elements.prefix(rows)))
        case .map, .none:
            throw .noBatchAxis(name: info.name, detail: "it is \(info.kind)")
        }
    }
}
