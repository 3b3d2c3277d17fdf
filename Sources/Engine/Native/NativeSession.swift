import COnnxRuntime
import Foundation
import Names

/// Owns an `OrtRunOptions`, whose terminate flag may be set while a run uses it.
final class NativeRunOptions: @unchecked Sendable {
    let pointer: OpaquePointer
    private let table: Native.Table

    init(_ table: Native.Table) throws(NativeFailure) {
        pointer = try table.take { table.api.pointee.CreateRunOptions(&$0) }
        self.table = table
    }

    func terminate() throws(NativeFailure) { try table.check(table.api.pointee.RunOptionsSetTerminate(pointer)) }

    deinit { table.api.pointee.ReleaseRunOptions(pointer) }
}

/// Owns an `OrtSessionOptions` while a session is made.
struct NativeSessionOptions: ~Copyable {
    let pointer: OpaquePointer
    private let table: Native.Table

    init(_ table: Native.Table) throws(NativeFailure) {
        pointer = try table.take { table.api.pointee.CreateSessionOptions(&$0) }
        self.table = table
    }

    deinit { table.api.pointee.ReleaseSessionOptions(pointer) }

    func configure(_ options: SessionOptions) throws(NativeFailure) {
        let api = table.api
        let level =
            switch options.optimization {
            case .none: ORT_DISABLE_ALL
            case .basic: ORT_ENABLE_BASIC
            case .extended: ORT_ENABLE_EXTENDED
            case .all: ORT_ENABLE_ALL
            }
        try table.check(api.pointee.SetSessionGraphOptimizationLevel(pointer, level))
        try table.check(api.pointee.SetIntraOpNumThreads(pointer, Int32(clamping: options.threads)))
        try table.check(api.pointee.SetInterOpNumThreads(pointer, 1))
        try table.check(api.pointee.SetSessionExecutionMode(pointer, ORT_SEQUENTIAL))
        try table.check(
            options.memoryArena ? api.pointee.EnableCpuMemArena(pointer) : api.pointee.DisableCpuMemArena(pointer))
        try table.check(options.memoryPattern ? api.pointee.EnableMemPattern(pointer) : api.pointee.DisableMemPattern(pointer))
        if options.deterministic { try table.check(api.pointee.SetDeterministicCompute(pointer, true)) }
        let spinning = options.spinning ? "1" : "0"
        try set("session.intra_op.allow_spinning", spinning)
        try set("session.inter_op.allow_spinning", spinning)
        if !options.prepacking { try set("session.disable_prepacking", "1") }
        for (name, extent) in options.freeDimensions.sorted(by: { $0.key < $1.key }) {
            try table.check(api.pointee.AddFreeDimensionOverrideByName(pointer, name, Int64(extent)))
        }
    }

    private func set(_ key: String, _ value: String) throws(NativeFailure) {
        try table.check(table.api.pointee.AddSessionConfigEntry(pointer, key, value))
    }

    /// Makes the runtime open no file by name, whatever the model names, because no file can be below this path. A path must be set,
    /// because without one the runtime looks in the working directory.
    func forbidExternalFiles() throws(NativeFailure) { try set("session.model_external_initializers_file_folder_path", "/dev/null") }

    /// Lets the runtime write the graph that it runs to `path` when the session is made, and initializers of 64 KiB or more, also in the
    /// layout of its kernels, to the file `weights` in the same folder. Smaller ones stay in the graph: shape inference reads those of
    /// shapes.
    func save(to path: String, weights: String) throws(NativeFailure) {
        try table.check(table.api.pointee.SetOptimizedModelFilePath(pointer, path))
        try set("session.optimized_model_external_initializers_file_name", weights)
        try set("session.optimized_model_external_initializers_min_size_in_bytes", "\(64 << 10)")
        try set("session.save_external_prepacked_constant_initializers", "1")
    }

    /// Makes the runtime read a file as ONNX whatever its name is; it would read one that ends in .ort in another format.
    func readFilesAsONNX() throws(NativeFailure) { try set("session.load_model_format", "ONNX") }
}

/// Owns an `OrtSession` and the C strings of its input and output names. `OrtSession::Run` may be called from any number of threads at
/// once.
final class NativeSession: @unchecked Sendable {
    private let pointer: OpaquePointer
    let table: Native.Table
    let inputs: [ValueInfo]
    /// The outputs. An output that the model names more than once is one value, and is here once.
    let outputs: [ValueInfo]
    let inputNames: [UnsafePointer<CChar>?]
    let outputNames: [UnsafePointer<CChar>?]

    /// - Parameter weights: the weights to add; nil for a model that has all of them.
    convenience init(
        _ table: Native.Table, model: UnsafeRawBufferPointer, weights: NativeWeights? = nil, options: borrowing NativeSessionOptions
    ) throws(NativeFailure) {
        let optionsPointer = options.pointer
        let pointer =
            if let weights { try weights.makeSession(model: model, options: optionsPointer) } else {
                try table.take {
                    table.api.pointee.CreateSessionFromArray(table.environment, model.baseAddress, model.count, optionsPointer, &$0)
                }
            }
        try self.init(pointer, table)
    }

    convenience init(_ table: Native.Table, file path: String, options: borrowing NativeSessionOptions) throws(NativeFailure) {
        let optionsPointer = options.pointer
        try self.init(try table.take { table.api.pointee.CreateSession(table.environment, path, optionsPointer, &$0) }, table)
    }

    /// Takes over the session.
    private init(_ pointer: OpaquePointer, _ table: Native.Table) throws(NativeFailure) {
        do throws(NativeFailure) {
            inputs = try table.declarations(of: pointer, inputs: true)
            var seen: NameSet = []
            outputs = try table.declarations(of: pointer, inputs: false).filter { seen.insert($0.name).inserted }
        } catch {
            table.api.pointee.ReleaseSession(pointer)
            throw error
        }
        self.pointer = pointer
        self.table = table
        inputNames = inputs.map { UnsafePointer(strdup($0.name)) }
        outputNames = outputs.map { UnsafePointer(strdup($0.name)) }
    }

    deinit {
        table.api.pointee.ReleaseSession(pointer)
        for name in inputNames + outputNames { free(UnsafeMutablePointer(mutating: name)) }
    }

    /// Runs the session. `selected` are indices into `outputs`, in the order wanted; `nil` means all of them.
    func run(
        _ values: [NativeValue], named names: [UnsafePointer<CChar>?], selected: [Int]?, options: NativeRunOptions?
    ) throws(NativeFailure) -> [NativeValue] {
        let pointers = values.map { Optional($0.pointer) }
        let wanted = selected.map { indices in indices.map { outputNames[$0] } } ?? outputNames
        var results = [OpaquePointer?](repeating: nil, count: wanted.count)
        let status = table.api.pointee.Run(
            pointer, options?.pointer, names, pointers, pointers.count, wanted, wanted.count, &results)
        withExtendedLifetime((values, self)) {}
        // The results are owned before the status is checked, so that a run that fails late leaks none of them.
        let owned = results.compactMap { $0.map { NativeValue($0, table) } }
        try table.check(status)
        guard owned.count == wanted.count else {
            throw NativeFailure(code: ORT_FAIL, message: "ONNX Runtime returned \(owned.count) of \(wanted.count) outputs")
        }
        return owned
    }

    func run(_ binding: OpaquePointer, options: NativeRunOptions) throws(NativeFailure) {
        try table.check(table.api.pointee.RunWithBinding(pointer, options.pointer, binding))
    }

    fileprivate func makeBindingPointer() throws(NativeFailure) -> OpaquePointer {
        try table.take { table.api.pointee.CreateIoBinding(pointer, &$0) }
    }
}

/// Owns an `OrtIoBinding`.
final class NativeSessionBinding: NativeBinding {
    private let pointer: OpaquePointer
    private let session: NativeSession
    private let ownOptions: NativeRunOptions
    private var outputCount = 0

    init(_ session: NativeSession) throws(NativeFailure) {
        ownOptions = try NativeRunOptions(session.table)
        pointer = try session.makeBindingPointer()
        self.session = session
    }

    deinit { session.table.api.pointee.ReleaseIoBinding(pointer) }

    func bind(input index: Int, to value: NativeValue) throws(EngineError) {
        let table = session.table
        try check(table.api.pointee.BindInput(pointer, session.inputNames[index]!, value.pointer))
    }

    func bind(outputs: [(index: Int, value: NativeValue?)]) throws(EngineError) {
        let table = session.table
        table.api.pointee.ClearBoundOutputs(pointer)
        outputCount = outputs.count
        for (index, value) in outputs {
            let name = session.outputNames[index]!
            try check(
                value.map { table.api.pointee.BindOutput(pointer, name, $0.pointer) }
                    ?? table.api.pointee.BindOutputToDevice(pointer, name, table.cpu))
        }
    }

    func release(output index: Int) throws(EngineError) {
        let table = session.table
        try check(table.api.pointee.BindOutputToDevice(pointer, session.outputNames[index]!, table.cpu))
    }

    func run(cancellation: Cancellation?) throws(EngineError) {
        do { try session.run(pointer, options: cancellation?.options ?? ownOptions) } catch { throw FailureWording.running(error) }
    }

    func takeOutputs() throws(EngineError) -> [NativeValue] {
        do { return try takeValues() } catch { throw FailureWording.running(error) }
    }

    private func check(_ status: OpaquePointer?) throws(EngineError) {
        do { try session.table.check(status) } catch { throw FailureWording.running(error) }
    }

    private func takeValues() throws(NativeFailure) -> [NativeValue] {
        let table = session.table
        var values: UnsafeMutablePointer<OpaquePointer?>?
        var count = 0
        try table.check(table.api.pointee.GetBoundOutputValues(pointer, table.allocator, &values, &count))
        defer { if let values { _ = table.api.pointee.AllocatorFree(table.allocator, values) } }
        let owned = (0..<count).compactMap { index in values?[index].map { NativeValue($0, table) } }
        guard owned.count == outputCount else {
            throw NativeFailure(code: ORT_FAIL, message: "ONNX Runtime returned \(owned.count) of \(outputCount) outputs")
        }
        return owned
    }
}
