import COpenVINO
import Foundation
import Machine
import Names
import Tensors

/// A model that OpenVINO has compiled. Every run and every binding has an infer request of its own, so that runs may overlap; they share
/// the threads of the one stream.
final class OpenVINOModel: EngineModel, @unchecked Sendable {
    let library: OpenVINOLibrary
    let inputs: [ValueInfo]
    let outputs: [ValueInfo]
    /// The index of each input among OpenVINO's; `nil` where the graph does not read it, and OpenVINO does not have it.
    let inputPlaces: [Int?]
    /// The index of each output among OpenVINO's, which has an output that is named twice twice.
    let outputPlaces: [Int]
    private let compiled: OpaquePointer

    /// Reads `model` during this call only.
    init(
        _ model: Data, weights: SessionWeights, options: SessionOptions, precision: EngineChoice.Precision
    ) throws(EngineError) {
        let library = try OpenVINO.library.get()
        try options.refuseWhatOpenVINOLacks()
        let declared = try OpenVINODeclarations(model)
        let inputs = declared.inputs.filter { !weights.names.contains($0.name) }
        for info in inputs + declared.outputs { try OpenVINOElementTypes.refuse(info) }
        let whole = try weights.appended(to: model, declared.inputs)
        do throws(OpenVINOFailure) {
            let read = try library.read(whole)
            defer { library.api.model_free(read) }
            inputPlaces = try Self.places(of: inputs, among: try library.inputNames(of: read))
            let ports = try library.outputKinds(of: read)
            guard ports.count == declared.outputs.count else {
                throw OpenVINOFailure(code: -1, message: "OpenVINO has \(ports.count) of its \(declared.outputs.count) outputs")
            }
            var seen: NameSet = []
            outputPlaces = declared.outputs.indices.filter { seen.insert(declared.outputs[$0].name).inserted }
            outputs = outputPlaces.map { declared.outputs[$0].filled(from: ports[$0]) }
            compiled = try library.compile(read, precision, threads: options.threads)
        } catch { throw OpenVINOWording.loading(error) }
        self.library = library
        self.inputs = inputs
    }

    deinit { library.api.compiled_model_free(compiled) }

    /// Returns the index of each input among those that OpenVINO has, which are in the model's order. Where one is passed on unchanged,
    /// OpenVINO may name it as the value that it becomes: then all inputs must be there.
    private static func places(of inputs: [ValueInfo], among names: [String]) throws(OpenVINOFailure) -> [Int?] {
        let known = NameMap(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let places = inputs.map { known[$0.name] }
        if places.compactMap(\.self).count == names.count { return places }
        guard names.count == inputs.count, zip(places, inputs.indices).allSatisfy({ $0 == nil || $0 == $1 }) else {
            throw OpenVINOFailure(code: -1, message: "its inputs for OpenVINO are \(names.joined(separator: ", "))")
        }
        return Array(inputs.indices)
    }

    func makeRequest() throws(OpenVINOFailure) -> OpaquePointer {
        try library.take { library.api.compiled_model_create_infer_request(compiled, &$0) }
    }

    func makeBinding() throws(EngineError) -> any NativeBinding {
        do { return try OpenVINOBinding(self) } catch { throw OpenVINOWording.running(error) }
    }

    func run(
        _ values: [(index: Int, value: NativeValue)], outputs selected: [Int]?, cancellation: Cancellation?
    ) throws(EngineError) -> [NativeValue] {
        let binding = try makeBinding()
        for (index, value) in values { try binding.bind(input: index, to: value) }
        try binding.bind(outputs: (selected ?? Array(outputs.indices)).map { ($0, nil) })
        try binding.run(cancellation: cancellation)
        return try binding.takeOutputs()
    }

    func makeSequence(_ elements: [NativeValue], of element: ValueInfo.Kind, for info: ValueInfo) throws(EngineError) -> NativeValue {
        throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: OpenVINOElementTypes.tensorsOnly, by: .openVINO)
    }

    func makeMap(keys: Tensor, values: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue {
        throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: OpenVINOElementTypes.tensorsOnly, by: .openVINO)
    }
}

extension SessionOptions {
    /// Refuses options that OpenVINO has no setting for, so that none is accepted and ignored.
    fileprivate func refuseWhatOpenVINOLacks() throws(EngineError) {
        let lacking = [
            optimization == .all ? nil : "optimization: \(optimization)", spinning ? "spinning" : nil,
            memoryArena ? nil : "memoryArena: false", memoryPattern ? "memoryPattern" : nil, prepacking ? nil : "prepacking: false",
            deterministic ? "deterministic" : nil, freeDimensions.isEmpty ? nil : "freeDimensions",
        ].compactMap(\.self)
        guard lacking.isEmpty else { throw .engine("it has no option \(lacking.joined(separator: ", "))", by: .openVINO) }
    }
}

extension OpenVINOLibrary {
    fileprivate func read(_ model: Data) throws(OpenVINOFailure) -> OpaquePointer {
        var read: OpaquePointer?
        try check(
            model.withUnsafeBytes { bytes in
                api.core_read_model_from_memory_buffer(core, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, nil, &read)
            })
        guard let read else { throw OpenVINOFailure(code: -1, message: "OpenVINO returned nothing") }
        return read
    }

    fileprivate func inputNames(of model: OpaquePointer) throws(OpenVINOFailure) -> [String] {
        var count = 0
        try check(api.model_inputs_size(model, &count))
        var names: [String] = []
        for index in 0..<count {
            let port = try take { api.model_const_input_by_index(model, index, &$0) }
            defer { api.output_const_port_free(port) }
            names.append(try text { api.port_get_any_name(port, &$0) })
        }
        return names
    }

    /// Returns the type and the shape of each output as OpenVINO infers them; a shape of unknown rank has no dimensions.
    fileprivate func outputKinds(of model: OpaquePointer) throws(OpenVINOFailure) -> [(type: Int32?, dimensions: [Tensors.Dimension])] {
        var count = 0
        try check(api.model_outputs_size(model, &count))
        var kinds: [(type: Int32?, dimensions: [Tensors.Dimension])] = []
        for index in 0..<count {
            let port = try take { api.model_const_output_by_index(model, index, &$0) }
            defer { api.output_const_port_free(port) }
            var type: OpenVINOElementType = 0
            try check(api.port_get_element_type(port, &type))
            var shape = OpenVINOPartialShape()
            try check(api.port_get_partial_shape(port, &shape))
            defer { api.partial_shape_free(&shape) }
            let rank = shape.rank.min == shape.rank.max && shape.dims != nil ? Int(shape.rank.min) : 0
            let dimensions = (0..<rank).map { axis -> Tensors.Dimension in
                let extent = shape.dims[axis]
                return extent.min == extent.max ? .fixed(Int(extent.min)) : .unknown
            }
            kinds.append((OpenVINOElementTypes.toONNX(type)?.rawValue, dimensions))
        }
        return kinds
    }

    /// Compiles a model for the processor. Settings whose defaults differ from machine to machine, or change results, are always given.
    fileprivate func compile(
        _ model: OpaquePointer, _ precision: EngineChoice.Precision, threads: Int
    ) throws(OpenVINOFailure) -> OpaquePointer {
        let hint =
            switch precision {
            case .float32: "f32"
            case .bfloat16: "bf16"
            }
        let settings = [
            ("INFERENCE_PRECISION_HINT", hint), ("INFERENCE_NUM_THREADS", "\(max(threads, 1))"), ("NUM_STREAMS", "1"),
            // Activations stay as they are where weights are small integers.
            ("DYNAMIC_QUANTIZATION_GROUP_SIZE", "0"),
            // Other processes are on this machine, and would be pinned to the same cores.
            ("ENABLE_CPU_PINNING", "NO"),
        ]
        let texts = settings.map { (strdup($0.0), strdup($0.1)) }
        defer { for (key, value) in texts { free(key); free(value) } }
        let properties = texts.map { OpenVINOProperty(key: $0.0, value: $0.1) }
        let compiled = try take { api.core_compile_model_props(core, model, "CPU", properties.count, properties, &$0) }
        let given: String
        do { given = try text { api.compiled_model_get_property(compiled, "INFERENCE_PRECISION_HINT", &$0) } } catch {
            api.compiled_model_free(compiled)
            throw error
        }
        guard given == hint else {
            api.compiled_model_free(compiled)
            throw OpenVINOFailure(code: -1, message: "this processor computes it in \(given), not in \(hint)")
        }
        return compiled
    }
}

extension ValueInfo {
    /// Returns the declaration with what it leaves open and OpenVINO infers.
    fileprivate func filled(from port: (type: Int32?, dimensions: [Tensors.Dimension])) -> ValueInfo {
        guard case .tensor(let type, var dimensions) = kind else { return self }
        if dimensions.isEmpty { dimensions = port.dimensions }
        if dimensions.count == port.dimensions.count {
            for (axis, dimension) in port.dimensions.enumerated() where dimensions[axis] == .unknown { dimensions[axis] = dimension }
        }
        return ValueInfo(name: name, kind: .tensor(elementType: type == 0 ? port.type ?? 0 : type, dimensions: dimensions))
    }
}
