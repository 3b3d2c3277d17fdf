package import Machine
package import Tensors

/// A session some of whose outputs are inputs of the next run: parameters and optimizer state in training. They stay in memory that the
/// engine reads and writes in turns (two sets of buffers, two bindings), or writes where it has read, so that a run takes a batch and gives
/// the requested outputs, and nothing else is copied. Only one thread at a time may use it.
package final class StatefulSession {
    package struct Slot: Sendable {
        /// The name under which the tensor is read and written here.
        package let name: String
        package let input: String
        package let output: String
        package let elementType: ElementType
        package let shape: Shape
        /// Tells whether the next value takes the place of the present one, in one buffer instead of two. The graph must not read the input
        /// any more when it writes the output. Such a value is not restored by `stepBack`, and is not as it was after a run that throws.
        package let overwrites: Bool

        package init(name: String, input: String, output: String, elementType: ElementType, shape: Shape, overwrites: Bool = false) {
            self.name = name
            self.input = input
            self.output = output
            self.elementType = elementType
            self.shape = shape
            self.overwrites = overwrites
        }
    }

    package let session: Session
    package let slots: [Slot]
    private let positions: [String: Int]
    /// The inputs that are the same in every run, bound once.
    private let constants: [String: Tensor]
    private let constantValues: [NativeValue]
    /// The tensors of the outputs that are given out, in order.
    private let results: [Tensor]
    private let resultValues: [NativeValue]
    /// The values of all slots, twice; those that are overwritten are the same in both sets. `front` is the set that the next run reads.
    private let sets: [[Tensor]]
    private let setValues: [[NativeValue]]
    /// The bindings, indexed by the set that is read.
    private let bindings: [any NativeBinding]
    private let batchInputs: [Int]
    private var front = 0
    private var canStepBack = false

    /// Makes a session in which all slots begin at 0.
    /// - Parameters:
    ///   - constants: the inputs that are neither slots nor part of a batch; they are held, not copied, as long as the session lives.
    ///   - outputs: the outputs that each run gives, which must have a fixed shape.
    package init(
        _ session: Session, slots: [Slot], constants: [String: Tensor] = [:], outputs: [String]
    ) throws(EngineError) {
        if session.engine == .openVINO, let slot = slots.first(where: \.overwrites) {
            throw .engine("it may write '\(slot.output)' before it has read '\(slot.input)', whose place it is to take", by: .openVINO)
        }
        self.session = session
        self.slots = slots
        self.constants = constants
        positions = Dictionary(slots.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        var results: [Tensor] = [], resultValues: [NativeValue] = []
        var bound: [(index: Int, value: NativeValue)] = []
        for name in outputs {
            let index = try session.outputIndex(name)
            let (tensor, value) = try Self.memory(of: session.outputs[index], session)
            results.append(tensor)
            resultValues.append(value)
            bound.append((index, value))
        }
        self.results = results
        self.resultValues = resultValues

        var sets: [[Tensor]] = [[], []], setValues: [[NativeValue]] = [[], []]
        for slot in slots {
            let info = session.inputs[try session.inputIndex(slot.input)]
            for set in sets.indices {
                if set > 0, slot.overwrites, let tensor = sets[0].last, let value = setValues[0].last {
                    sets[set].append(tensor)
                    setValues[set].append(value)
                    continue
                }
                guard let tensor = Tensor(zeros: slot.elementType, shape: slot.shape) else {
                    throw .wrongShape(input: slot.input, expected: "numbers", found: "\(slot.elementType.name)\(slot.shape)")
                }
                sets[set].append(tensor)
                setValues[set].append(try session.makeValue(tensor, for: info))
            }
        }
        self.sets = sets
        self.setValues = setValues

        var taken: Set<Int> = []
        var constantInputs: [(index: Int, value: NativeValue)] = []
        for (name, tensor) in constants {
            let index = try session.inputIndex(name)
            constantInputs.append((index, try session.makeValue(tensor, for: session.inputs[index])))
            taken.insert(index)
        }
        constantValues = constantInputs.map(\.value)
        var bindings: [any NativeBinding] = []
        for _ in sets { bindings.append(try session.model.makeBinding()) }
        self.bindings = bindings
        for set in sets.indices {
            var outputs: [(index: Int, value: NativeValue?)] = bound.map { ($0.index, $0.value) }
            for (position, slot) in slots.enumerated() {
                let input = try session.inputIndex(slot.input)
                taken.insert(input)
                try bindings[set].bind(input: input, to: setValues[set][position])
                outputs.append((try session.outputIndex(slot.output), setValues[1 - set][position]))
            }
            for constant in constantInputs {
                try bindings[set].bind(input: constant.index, to: constant.value)
            }
            try bindings[set].bind(outputs: outputs)
        }
        batchInputs = session.inputs.indices.filter { !taken.contains($0) }
    }

    /// Returns memory for an output of fixed shape.
    private static func memory(of info: ValueInfo, _ session: Session) throws(EngineError) -> (Tensor, NativeValue) {
        let extents = info.dimensions?.map(\.value) ?? []
        guard let type = info.elementType, extents.allSatisfy({ $0 != nil }),
            let tensor = Tensor(zeros: type, shape: Shape(extents.compactMap(\.self)))
        else {
            throw .unsupportedElementType(
                name: info.name, type: "\(info.kind)", detail: "only tensors of fixed shape are given out step by step")
        }
        return (tensor, try session.model.makeValue(tensor, for: info))
    }

    /// Runs once over `batch`, which must have every input that is neither slot nor constant; its memory is read during this call only.
    /// Returns the requested outputs. When it throws, all slots except those that are overwritten are as before.
    package func run(_ batch: [(name: String, tensor: Tensor)], cancellation: Cancellation? = nil) throws(EngineError) -> [Tensor] {
        var missing = Set(batchInputs)
        let binding = bindings[front]
        var values: [NativeValue] = []
        for (name, tensor) in batch {
            let index = try session.inputIndex(name)
            guard missing.remove(index) != nil else { throw .unknownInput(name, known: batchInputs.map { session.inputs[$0].name }) }
            let value = try session.makeValue(tensor, for: session.inputs[index])
            try binding.bind(input: index, to: value)
            values.append(value)
        }
        if let index = missing.min() { throw .missingInput(session.inputs[index].name, expected: "\(session.inputs[index].kind)") }
        try binding.run(cancellation: cancellation)
        withExtendedLifetime((values, batch)) {}
        front = 1 - front
        canStepBack = true
        return results.map(\.copy)
    }

    /// The present values of the slots, by input name, in the engine's own memory. They can be given to another session between two runs.
    package var inputs: [(name: String, value: EngineValue)] { zip(slots, sets[front]).map { ($0.input, .tensor($1)) } }

    /// Replaces the values of some slots; `stepBack` is not possible until the next run.
    package func write(_ values: [String: Tensor]) throws(EngineError) {
        for (name, tensor) in values {
            guard let position = positions[name] else { throw .unknownInput(name, known: slots.map(\.name)) }
            let slot = slots[position]
            guard tensor.elementType == slot.elementType else {
                throw .wrongType(input: name, expected: slot.elementType.name, found: tensor.elementType.name)
            }
            guard tensor.shape == slot.shape else { throw .wrongShape(input: name, expected: "\(slot.shape)", found: "\(tensor.shape)") }
        }
        for (name, tensor) in values { if let position = positions[name] { sets[front][position].copyElements(of: tensor) } }
        canStepBack = false
    }

    /// Goes back, once, to the values before the last run; values that are overwritten stay. Returns false where the former values are not
    /// there any more.
    package func stepBack() -> Bool {
        guard canStepBack else { return false }
        front = 1 - front
        canStepBack = false
        return true
    }
}

extension SessionOptions {
    /// Returns options for training steps that follow one another: pool threads spin until the next operator, and the same input gives the
    /// same bytes.
    package static func training(threads: Int, on engine: EngineChoice = .onnxRuntime) -> SessionOptions {
        // OpenVINO has neither option: its threads spin, and divide the work by its shape.
        let isNative = engine == .onnxRuntime
        return SessionOptions(threads: threads, spinning: isNative, deterministic: isNative, engine: engine)
    }
}

extension Tensor {
    /// A copy of the tensor in memory of its own.
    fileprivate var copy: Tensor { Tensor(elementType: elementType, shape: shape, bytes: bytes) ?? self }

    fileprivate func copyElements(of other: Tensor) {
        guard case .buffer(let buffer) = storage else { return }
        withExtendedLifetime(other) { buffer.mutableBytes.copyMemory(from: other.bytes) }
    }
}
