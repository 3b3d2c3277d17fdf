import COnnxRuntime

/// Describes an error of the C API: its code and its text. It never leaves this module; `EngineError` words it for an operator.
struct NativeFailure: Error {
    let code: OrtErrorCode
    let message: String
}

/// Calls ONNX Runtime's C API, which is called from this folder only.
///
/// The API is requested at version 22, the newest version of which functions are called (the oldest header that is supported declares those
/// of 21). Newer libraries continue to offer that version.
enum Native {
    struct Table: @unchecked Sendable {
        // The table is constant for the life of the process. The environment and the memory description are documented as
        // usable from any thread; both live until the process ends.
        let api: UnsafePointer<OrtApi>
        let environment: OpaquePointer
        let cpu: OpaquePointer
        let allocator: UnsafeMutablePointer<OrtAllocator>
        let later: LaterFunctions
        /// The memory information for memory that the caller owns.
        let lender: UnsafeMutablePointer<OrtAllocator>
    }

    static let table: Result<Table, EngineError> = makeTable()

    static let version: String = (OrtGetApiBase()?.pointee.GetVersionString()).map { String(cString: $0) } ?? "unknown"

    private static func makeTable() -> Result<Table, EngineError> {
        let neededVersion = UInt32(max(ORT_API_VERSION, 22))
        guard let base = OrtGetApiBase(), let api = base.pointee.GetApi(neededVersion) else {
            return .failure(.libraryTooOld(found: version, neededAPI: Int(neededVersion)))
        }
        do throws(NativeFailure) {
            var environment, cpu: OpaquePointer?
            var allocator: UnsafeMutablePointer<OrtAllocator>?
            // Errors that matter to an operator are thrown; the runtime's own messages are dropped, and must not go to standard error.
            let logger: OrtLoggingFunction = { _, _, _, _, _, _ in }
            try check(api, api.pointee.CreateEnvWithCustomLogger(logger, nil, ORT_LOGGING_LEVEL_WARNING, "millrace", &environment))
            try check(api, api.pointee.DisableTelemetryEvents(environment!))
            try check(api, api.pointee.CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &cpu))
            try check(api, api.pointee.GetAllocatorWithDefaultOptions(&allocator))
            return .success(
                Table(
                    api: api, environment: environment!, cpu: cpu!, allocator: allocator!, later: laterFunctions(api).pointee,
                    lender: LentMemory.makeAllocator()))
        } catch {
            return .failure(.engine("ONNX Runtime \(version) did not start: \(error.message)"))
        }
    }

    static func check(_ api: UnsafePointer<OrtApi>, _ status: OpaquePointer?) throws(NativeFailure) {
        guard let status else { return }
        defer { api.pointee.ReleaseStatus(status) }
        let message = api.pointee.GetErrorMessage(status).map { String(cString: $0) } ?? ""
        throw NativeFailure(code: api.pointee.GetErrorCode(status), message: message)
    }
}

extension Native.Table {
    @inline(__always)
    func check(_ status: OpaquePointer?) throws(NativeFailure) {
        if status != nil { try Native.check(api, status) }
    }

    func take(_ body: (inout OpaquePointer?) -> OpaquePointer?) throws(NativeFailure) -> OpaquePointer {
        var pointer: OpaquePointer?
        try check(body(&pointer))
        guard let pointer else { throw NativeFailure(code: ORT_FAIL, message: "ONNX Runtime returned nothing") }
        return pointer
    }
}
