package import Foundation
import Names
import Tensors

/// A model that is ready to run. Runs may overlap on any number of threads.
package final class Session: Sendable {
    package let inputs: [ValueInfo]
    package let outputs: [ValueInfo]
    let native: NativeSession
    let table: Native.Table
    private let inputIndices: NameMap<Int>
    private let outputIndices: NameMap<Int>
    private let allOutputs: [Int]

    /// Reads `model` during this call only. External data that it refers to is refused; weights in other files are given separately. The
    /// model must have been checked before: the runtime's parser is not meant for hostile input.
    package convenience init(
        model: Data, weights: SessionWeights = .none, options: SessionOptions = SessionOptions()
    ) throws(EngineError) {
        let loaded = model.withUnsafeBytes { bytes in Result { () throws(EngineError) in try Self.load(bytes, weights, options) } }
        self.init(try loaded.get())
    }

    /// Maps the open file during this call, so that the process's own memory has its bytes only in the form in which the engine keeps them;
    /// nobody may shorten the file meanwhile. As above, external data is refused and the file must have been checked before.
    package convenience init(file descriptor: Int32, options: SessionOptions = SessionOptions()) throws(EngineError) {
        let file = try MappedFile(descriptor)
        self.init(try withExtendedLifetime(file) { () throws(EngineError) in try Self.load(file.bytes, .none, options) })
    }

    init(_ native: NativeSession) {
        self.native = native
        table = native.table
        inputs = native.inputs
        outputs = native.outputs
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
        var given: [NativeValue] = []
        var names: [UnsafePointer<CChar>?] = []
        for index in inputs.indices {
            let info = inputs[index]
            // An optional input for which no value is given holds nothing.
            if case .optional = info.kind, case .some(.none) = values[index] { continue }
            guard let value = values[index] else { throw .missingInput(info.name, expected: "\(info.kind)") }
            given.append(try makeValue(value, for: info))
            names.append(native.inputNames[index])
        }
        guard let wanted else { return try run(given, named: names, selected: nil, cancellation) }
        var selected: [Int] = []
        for name in wanted { selected.append(try outputIndex(name)) }
        return try run(given, named: names, selected: selected, cancellation)
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
        _ values: [NativeValue], named names: [UnsafePointer<CChar>?], selected: [Int]?, _ cancellation: Cancellation?
    ) throws(EngineError) -> [EngineValue] {
        let results: [NativeValue]
        do {
            results = try native.run(values, named: names, selected: selected, options: cancellation?.options)
        } catch {
            throw FailureWording.running(error)
        }
        var read: [EngineValue] = []
        read.reserveCapacity(results.count)
        for (value, index) in zip(results, selected ?? allOutputs) { read.append(try self.read(value, from: outputs[index])) }
        return read
    }
}
