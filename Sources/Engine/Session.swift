package import Foundation
package import Machine
import Names
import Tensors

/// A model that is ready to run, on the engine that its options name. Runs may overlap on any number of threads.
package final class Session: Sendable {
    package let inputs: [ValueInfo]
    package let outputs: [ValueInfo]
    package let engine: EngineName
    let model: any EngineModel
    private let inputIndices: NameMap<Int>
    private let outputIndices: NameMap<Int>
    private let allOutputs: [Int]

    /// Reads `model` during this call only. External data that it refers to is refused; weights in other files are given separately. The
    /// model must have been checked before: the runtime's parser is not meant for hostile input.
    package convenience init(
        model: Data, weights: SessionWeights = .none, options: SessionOptions = SessionOptions()
    ) throws(EngineError) {
        switch options.engine {
        case .onnxRuntime:
            let loaded = model.withUnsafeBytes { bytes in Result { () throws(EngineError) in try Self.load(bytes, weights, options) } }
            self.init(try loaded.get())
        case .openVINO(let precision):
            self.init(try OpenVINOModel(model, weights: weights, options: options, precision: precision), engine: .openVINO)
        }
    }

    /// Maps the open file during this call, so that the process's own memory has its bytes only in the form in which the engine keeps them;
    /// nobody may shorten the file meanwhile. As above, external data is refused and the file must have been checked before.
    package convenience init(file descriptor: Int32, options: SessionOptions = SessionOptions()) throws(EngineError) {
        let file = try MappedFile(descriptor)
        switch options.engine {
        case .onnxRuntime:
            self.init(try withExtendedLifetime(file) { () throws(EngineError) in try Self.load(file.bytes, .none, options) })
        case .openVINO(let precision):
            let model = try withExtendedLifetime(file) { () throws(EngineError) in
                let start = UnsafeMutableRawPointer(mutating: file.bytes.baseAddress!)
                let bytes = Data(bytesNoCopy: start, count: file.bytes.count, deallocator: .none)
                return try OpenVINOModel(bytes, weights: .none, options: options, precision: precision)
            }
            self.init(model, engine: .openVINO)
        }
    }

    init(_ model: any EngineModel, engine: EngineName = .onnxRuntime) {
        self.engine = engine
        self.model = model
        inputs = model.inputs
        outputs = model.outputs
        inputIndices = NameMap(inputs.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        outputIndices = NameMap(outputs.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        allOutputs = Array(outputs.indices)
    }

    private static func load(
        _ model: UnsafeRawBufferPointer, _ weights: SessionWeights, _ options: SessionOptions
    ) throws(EngineError) -> NativeSession {
        let table = try ONNXRuntime.table()
        var given: NativeWeights?
        if !weights.names.isEmpty {
            do { given = try NativeWeights(table) } catch { throw FailureWording.loading(error) }
        }
        for name in weights.names {
            let weight = try weights.read(name)
            do { try given?.add(name, weight) } catch { throw FailureWording.loading(error) }
        }
        return try load(options) { table, options throws(NativeFailure) in
            try options.forbidExternalFiles()
            return try NativeSession(table, model: model, weights: given, options: options)
        }
    }

    static func load(
        _ options: SessionOptions, _ make: (Native.Table, borrowing NativeSessionOptions) throws(NativeFailure) -> NativeSession
    ) throws(EngineError) -> NativeSession {
        let table = try ONNXRuntime.table()
        do {
            let nativeOptions = try NativeSessionOptions(table)
            try nativeOptions.configure(options)
            try nativeOptions.readFilesAsONNX()
            return try make(table, nativeOptions)
        } catch {
            throw FailureWording.loading(error)
        }
    }
}

extension Session {
    /// Runs the model. Inputs are given by name, in any order. `outputs` are names, in the order wanted; `nil` means all of them.
    package func run(
        _ named: [(name: String, value: EngineValue)], outputs wanted: [String]? = nil, cancellation: Cancellation? = nil
    ) throws(EngineError) -> [EngineValue] {
        var values = [EngineValue?](repeating: nil, count: inputs.count)
        for (name, value) in named { values[try inputIndex(name)] = value }
        var given: [(index: Int, value: NativeValue)] = []
        for index in inputs.indices {
            let info = inputs[index]
            // An optional input for which no value is given holds nothing.
            if case .optional = info.kind, case .some(.none) = values[index] { continue }
            guard let value = values[index] else { throw .missingInput(info.name, expected: "\(info.kind)") }
            given.append((index, try makeValue(value, for: info)))
        }
        guard let wanted else { return try run(given, selected: nil, cancellation) }
        var selected: [Int] = []
        for name in wanted { selected.append(try outputIndex(name)) }
        return try run(given, selected: selected, cancellation)
    }

    package func inputIndex(_ name: String) throws(EngineError) -> Int {
        guard let index = inputIndices[name] else { throw .unknownInput(name, known: inputs.map(\.name)) }
        return index
    }

    package func outputIndex(_ name: String) throws(EngineError) -> Int {
        guard let index = outputIndices[name] else { throw .unknownOutput(name, known: outputs.map(\.name)) }
        return index
    }

    private func run(
        _ values: [(index: Int, value: NativeValue)], selected: [Int]?, _ cancellation: Cancellation?
    ) throws(EngineError) -> [EngineValue] {
        let results = try model.run(values, outputs: selected, cancellation: cancellation)
        var read: [EngineValue] = []
        read.reserveCapacity(results.count)
        for (value, index) in zip(results, selected ?? allOutputs) { read.append(try model.read(value, from: outputs[index])) }
        return read
    }
}
