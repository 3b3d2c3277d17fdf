import COnnxRuntime
import Foundation
import Names
import Synchronization
import Tensors

/// Keeps memory of ours that ONNX Runtime reads as long as it needs it, and then gives back, buffer by buffer.
enum LentMemory {
    private static let buffers = Mutex<[UInt: TensorBuffer]>([:])

    static func lend(_ buffer: TensorBuffer) { buffers.withLock { $0[UInt(bitPattern: buffer.address)] = buffer } }

    static func takeBack(_ address: UnsafeMutableRawPointer?) {
        let buffer = buffers.withLock { $0.removeValue(forKey: UInt(bitPattern: address)) }
        withExtendedLifetime(buffer) {}
    }

    /// Makes an allocator that allocates nothing: the runtime only tells it which memory is not needed any more. It lives until the process
    /// ends.
    static func makeAllocator() -> UnsafeMutablePointer<OrtAllocator> {
        let allocator = UnsafeMutablePointer<OrtAllocator>.allocate(capacity: 1)
        var functions = OrtAllocator()
        functions.version = 21
        functions.Alloc = { _, _ in nil }
        functions.Reserve = { _, _ in nil }
        functions.Free = { _, address in LentMemory.takeBack(address) }
        functions.Info = { _ in (try? Native.table.get())?.cpu }
        allocator.initialize(to: functions)
        return allocator
    }
}

/// Owns an `OrtGraph` that adds weights to a model, until it is part of an `OrtModel`.
final class NativeWeights {
    private var graph: UnsafeMutableRawPointer?
    private let table: Native.Table
    private let editor: ModelEditorFunctions
    private(set) var names: NameSet = []

    init(_ table: Native.Table) throws(NativeFailure) {
        guard let editor = table.later.GetModelEditorApi() else {
            throw NativeFailure(
                code: ORT_NOT_IMPLEMENTED, message: "this build of ONNX Runtime has no model editor, which large models need")
        }
        self.table = table
        self.editor = editor.pointee
        try table.check(self.editor.CreateGraph(&graph))
    }

    deinit { if let graph { table.later.ReleaseGraph(graph) } }

    /// Lends the tensor's memory to the graph, and with it to the session.
    func add(_ name: String, _ tensor: Tensor) throws(NativeFailure) {
        guard case .buffer(let buffer) = tensor.storage else {
            throw NativeFailure(code: ORT_INVALID_ARGUMENT, message: "'\(name)' holds strings")
        }
        let extents = tensor.shape.dimensions.map(Int64.init)
        let byteCount = tensor.bytes.count
        LentMemory.lend(buffer)
        let value: OpaquePointer
        do throws(NativeFailure) {
            value = try table.take {
                table.later.CreateTensorWithDataAndDeleterAsOrtValue(
                    table.lender, buffer.address, byteCount, extents, extents.count, NativeElementType.toNative(tensor.elementType), &$0)
            }
        } catch {
            LentMemory.takeBack(buffer.address)
            throw error
        }
        do throws(NativeFailure) {
            // For fewer bytes ONNX Runtime wants a copy, for its shape inference.
            try table.check(editor.AddInitializerToGraph(graph, name, value, byteCount >= 128))
        } catch {
            table.api.pointee.ReleaseValue(value)
            throw error
        }
        names.insert(name)
    }

    /// Returns a session of `model` in which the weights are constants.
    func makeSession(model: UnsafeRawBufferPointer, options: OpaquePointer) throws(NativeFailure) -> OpaquePointer {
        let session = try table.take {
            editor.CreateModelEditorSessionFromArray(table.environment, model.baseAddress, model.count, options, &$0)
        }
        do throws(NativeFailure) {
            try setInputs(as: session)
            let addition = try makeModel(for: session)
            defer { table.later.ReleaseModel(addition) }
            try table.check(editor.ApplyModelToModelEditorSession(session, addition))
        } catch {
            table.api.pointee.ReleaseSession(session)
            throw error
        }
        // Only the session holds the weights by now, so that memory which it lays out differently for its kernels is freed at once.
        do throws(NativeFailure) {
            try table.check(editor.FinalizeModelEditorSession(session, options, nil))
        } catch {
            table.api.pointee.ReleaseSession(session)
            throw error
        }
        return session
    }

    /// Declares the session's inputs without the weights.
    private func setInputs(as session: OpaquePointer) throws(NativeFailure) {
        var infos: [UnsafeMutableRawPointer?] = []
        // The graph takes the ownership, and sets it to nil.
        defer { for case let info? in infos { table.later.ReleaseValueInfo(info) } }
        var count = 0
        try table.check(table.api.pointee.SessionGetInputCount(session, &count))
        for index in 0..<count {
            var name: UnsafeMutablePointer<CChar>?
            try table.check(table.api.pointee.SessionGetInputName(session, index, table.allocator, &name))
            defer { _ = table.api.pointee.AllocatorFree(table.allocator, name) }
            guard let name, !names.contains(String(cString: name)) else { continue }
            let type = try table.take { table.api.pointee.SessionGetInputTypeInfo(session, index, &$0) }
            defer { table.api.pointee.ReleaseTypeInfo(type) }
            var info: UnsafeMutableRawPointer?
            try table.check(editor.CreateValueInfo(name, type, &info))
            infos.append(info)
        }
        try table.check(editor.SetGraphInputs(graph, &infos, infos.count))
    }

    /// Makes a model of the graph, and takes over the graph.
    private func makeModel(for session: OpaquePointer) throws(NativeFailure) -> UnsafeMutableRawPointer {
        var version: Int32 = 0
        // A model that uses only other domains may import none of this one: then the version makes no difference.
        if let status = editor.SessionGetOpsetForDomain(session, "", &version) {
            table.api.pointee.ReleaseStatus(status)
            version = 21
        }
        var addition: UnsafeMutableRawPointer?
        let domain = strdup("")
        defer { free(domain) }
        var domains: [UnsafePointer<CChar>?] = [UnsafePointer(domain)]
        try table.check(editor.CreateModel(&domains, &version, 1, &addition))
        do throws(NativeFailure) { try table.check(editor.AddGraphToModel(addition, graph)) } catch {
            table.later.ReleaseModel(addition)
            throw error
        }
        graph = nil
        guard let addition else { throw NativeFailure(code: ORT_FAIL, message: "ONNX Runtime returned nothing") }
        return addition
    }
}
