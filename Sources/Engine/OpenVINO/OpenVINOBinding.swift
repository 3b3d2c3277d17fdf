import COpenVINO
import Names
import Tensors

/// Owns an infer request and the values that it reads and writes.
final class OpenVINOBinding: NativeBinding {
    private let model: OpenVINOModel
    private var request: Request
    private var inputs: [NativeValue?]
    /// The outputs that are wanted, by index, with the memory that each is bound to.
    private var outputs: [(index: Int, value: NativeValue?)] = []
    /// The outputs, by index, for which OpenVINO did not take memory of ours, or took it and did not write there.
    private var unbindable: Set<Int>
    /// The outputs of which that is known. OpenVINO does not write an output that is an input passed on, and gives the memory as it was: in
    /// the first run the memory is full of a mark, by which that is seen.
    private var proven: Set<Int> = []
    private static let mark: UInt8 = 0xA5
    /// Tells whether the extents of the inputs agree, as they are bound now.
    private var isChecked = false
    /// Tells whether an input that is bound now has no elements.
    private var hasEmptyInput = false

    /// Owns an `ov_infer_request_t`, which another thread may end.
    private final class Request: @unchecked Sendable {
        let pointer: OpaquePointer
        private let library: OpenVINOLibrary

        init(_ model: OpenVINOModel) throws(OpenVINOFailure) {
            pointer = try model.makeRequest()
            library = model.library
        }

        func cancel() { _ = library.api.infer_request_cancel(pointer) }

        deinit { library.api.infer_request_free(pointer) }
    }

    init(_ model: OpenVINOModel) throws(OpenVINOFailure) {
        self.model = model
        request = try Request(model)
        inputs = model.inputs.map { _ in nil }
        // Memory for an input that is an output too would take the place of the input.
        let names = NameSet(model.inputs.map(\.name))
        unbindable = Set(model.outputs.indices.filter { names.contains(model.outputs[$0].name) })
    }

    func bind(input index: Int, to value: NativeValue) throws(EngineError) {
        inputs[index] = value
        isChecked = false
        do { try set(input: index) } catch { throw OpenVINOWording.running(error) }
    }

    func bind(outputs wanted: [(index: Int, value: NativeValue?)]) throws(EngineError) {
        let given = wanted.map { (index: $0.index, value: unbindable.contains($0.index) ? nil : $0.value) }
        do {
            // A request that has had memory for an output cannot give it back.
            let stays = outputs.allSatisfy { former in
                former.value == nil || given.contains { $0.index == former.index && $0.value != nil }
            }
            if !stays {
                request = try Request(model)
                for index in inputs.indices { try set(input: index) }
            }
        } catch { throw OpenVINOWording.running(error) }
        outputs = given
        for (index, value) in given {
            guard let value else { continue }
            do {
                try model.library.check(
                    model.library.api.infer_request_set_output_tensor_by_index(request.pointer, model.outputPlaces[index], value.pointer))
            } catch {
                // The model declares another shape than OpenVINO infers: that output is in the engine's own memory.
                unbindable.insert(index)
                return try bind(outputs: wanted)
            }
        }
    }

    /// Does nothing: OpenVINO gives its own memory for an output another shape where the next run has one.
    func release(output index: Int) throws(EngineError) {}

    func run(cancellation: Cancellation?) throws(EngineError) {
        if !isChecked { try checkExtents() }
        isChecked = true
        try refuseWideIntegers()
        let doubted = outputs.filter { $0.value != nil && !proven.contains($0.index) }
        for case (_, let value?) in doubted { memory(of: value).initializeMemory(as: UInt8.self, repeating: Self.mark) }
        try infer(cancellation)
        if doubted.isEmpty { return }
        proven.formUnion(doubted.map(\.index))
        let untouched = doubted.filter { _, value in value.map { memory(of: $0).allSatisfy { $0 == Self.mark } } ?? false }
        if untouched.isEmpty { return }
        unbindable.formUnion(untouched.map(\.index))
        try bind(outputs: outputs)
        try infer(cancellation)
    }

    private func infer(_ cancellation: Cancellation?) throws(EngineError) {
        guard let cancellation else { return try infer() }
        let request = request
        try cancellation.run(ending: { request.cancel() }) { () throws(EngineError) in try infer() }
    }

    private func memory(of value: NativeValue) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(mutating: (try? model.library.contents(of: value.pointer).bytes) ?? .init(start: nil, count: 0))
    }

    func takeOutputs() throws(EngineError) -> [NativeValue] {
        let library = model.library
        var values: [NativeValue] = []
        values.reserveCapacity(outputs.count)
        for (index, _) in outputs {
            do {
                let pointer = try library.take {
                    library.api.infer_request_get_output_tensor_by_index(request.pointer, model.outputPlaces[index], &$0)
                }
                values.append(NativeValue(pointer, backing: nil, free: library.api.tensor_free))
                guard !hasEmptyInput, try library.shape(of: pointer).elementCount == 0 else { continue }
            } catch { throw OpenVINOWording.running(error) }
            // OpenVINO does not fail where an operator is given shapes that do not go together.
            throw .runFailed(
                operator: "", node: "",
                detail:
                    "output '\(printable(model.outputs[index].name))' has no elements, which OpenVINO also gives where shapes do not go "
                    + "together: let ONNX Runtime run the model")
        }
        return values
    }

    /// Runs on the engine's own thread. A run on the caller's, which the engine also has, leaves a request that failed in the queue of
    /// the thread, where a later run of any model meets it after it is freed.
    private func infer() throws(EngineError) {
        let library = model.library
        do {
            try library.check(library.api.infer_request_start_async(request.pointer))
            try library.check(library.api.infer_request_wait(request.pointer))
        } catch { throw OpenVINOWording.running(error) }
    }

    private func set(input index: Int) throws(OpenVINOFailure) {
        guard let place = model.inputPlaces[index], let value = inputs[index] else { return }
        try model.library.check(
            model.library.api.infer_request_set_input_tensor_by_index(request.pointer, place, value.pointer))
    }

    /// Checks that axes of one name have one extent: OpenVINO does not, and gives results of another shape where they differ.
    private func checkExtents() throws(EngineError) {
        var known: NameMap<(extent: Int, input: String)> = [:]
        hasEmptyInput = false
        for (info, value) in zip(model.inputs, inputs) {
            guard let value, let dimensions = info.dimensions else { continue }
            let shape: Shape
            do { shape = try model.library.shape(of: value.pointer) } catch { throw OpenVINOWording.running(error) }
            if shape.elementCount == 0 { hasEmptyInput = true }
            for (dimension, extent) in zip(dimensions, shape.dimensions) {
                guard let name = dimension.symbol else { continue }
                if let former = known[name], former.extent != extent {
                    throw .wrongShape(
                        input: info.name, expected: "\(info.kind) with \(name) = \(former.extent) as in '\(former.input)'",
                        found: "\(shape)")
                }
                known[name] = (extent, info.name)
            }
        }
    }

    /// Refuses integers of more than 32 bits, of which OpenVINO would drop the upper ones.
    private func refuseWideIntegers() throws(EngineError) {
        for (index, info) in model.inputs.enumerated() where model.inputPlaces[index] != nil {
            guard let type = info.elementType, OpenVINOElementTypes.isNarrowed(type), let value = inputs[index] else { continue }
            let bytes: UnsafeRawBufferPointer
            do { bytes = try model.library.contents(of: value.pointer).bytes } catch { throw OpenVINOWording.running(error) }
            let found =
                switch type {
                case .int64: bytes.bindMemory(to: Int64.self).firstOutsideInt32
                case .uint64: bytes.bindMemory(to: UInt64.self).firstOutsideInt32
                default: bytes.bindMemory(to: UInt32.self).firstOutsideInt32
                }
            guard let found else { continue }
            throw .runFailed(
                operator: "", node: "",
                detail: "input '\(printable(info.name))' has \(found), and OpenVINO computes \(type.name) in 32 bits: let ONNX Runtime run "
                    + "the model")
        }
    }
}

extension UnsafeBufferPointer where Element: FixedWidthInteger {
    /// The first element that has no place in an `Int32`, as text.
    fileprivate var firstOutsideInt32: String? {
        var lowest: Element = 0, highest: Element = 0
        for element in self {
            lowest = Swift.min(lowest, element)
            highest = Swift.max(highest, element)
        }
        guard Int32(exactly: lowest) == nil || Int32(exactly: highest) == nil else { return nil }
        return first { Int32(exactly: $0) == nil }.map { "\($0)" }
    }
}
