import COpenVINO
import Foundation
package import Machine

/// Represents the second engine: OpenVINO's processor plugin, through its C API. Its library is loaded when the first session wants it, and
/// is nowhere needed otherwise.
package enum OpenVINO {
    /// The library of the version whose declarations `COpenVINO` has.
    private static let libraryName = "libopenvino_c.so.2641"

    /// The version that the library reports, for instance `2026.4.1`, or why there is none. Expected failures are keyed by it.
    package static var version: String {
        switch library {
        case .success(let library): library.version
        case .failure: "(not loaded)"
        }
    }

    /// The description of this machine with this engine.
    package static var machine: AttemptMachine {
        AttemptMachine(processor: Processor.name, engine: "OpenVINO", engineVersion: version)
    }

    /// Tells whether the library can be used.
    package static var isThere: Bool {
        switch library {
        case .success: true
        case .failure: false
        }
    }

    /// Loads the library, or throws why it cannot be used.
    package static func start() throws(EngineError) { _ = try library.get() }

    static let library = load(ProcessInfo.processInfo.environment, libraryName)

    static func load(_ environment: [String: String], _ libraryName: String) -> Result<OpenVINOLibrary, EngineError> {
        if environment["MILLRACE_OPENVINO"] == "0" {
            return .failure(.openVINOMissing(detail: "MILLRACE_OPENVINO=0 leaves it out"))
        }
        // It lives as long as the process, as the library does.
        let functions = UnsafeMutablePointer<OpenVINOFunctions>.allocate(capacity: 1)
        if let failure = openVINOLoad(libraryName, functions) {
            return .failure(.openVINOMissing(detail: printable(String(cString: failure))))
        }
        do throws(OpenVINOFailure) {
            return .success(try OpenVINOLibrary(functions))
        } catch { return .failure(.openVINOMissing(detail: "it did not start: \(printable(error.message))")) }
    }
}

/// Describes an error of OpenVINO's C API: its code and its text. It never leaves this folder.
struct OpenVINOFailure: Error {
    let code: OpenVINOStatus
    let message: String

    static let cancelled: OpenVINOStatus = -13
    static let invalidParameter: OpenVINOStatus = -14
}

/// Holds OpenVINO's functions and its core, which live until the process ends. Both may be used from any thread.
struct OpenVINOLibrary: @unchecked Sendable {
    private let functions: UnsafePointer<OpenVINOFunctions>
    let core: OpaquePointer
    let version: String

    init(_ functions: UnsafePointer<OpenVINOFunctions>) throws(OpenVINOFailure) {
        self.functions = functions
        var version = OpenVINOVersion()
        try Self.check(functions, functions.pointee.get_openvino_version(&version))
        self.version = version.buildNumber.map { String(String(cString: $0).prefix { $0 != "-" }) } ?? "unknown"
        functions.pointee.version_free(&version)
        core = try Self.take(functions) { functions.pointee.core_create(&$0) }
    }

    /// The functions.
    var api: OpenVINOFunctions { _read { yield functions.pointee } }

    @inline(__always)
    func check(_ status: OpenVINOStatus) throws(OpenVINOFailure) { if status != 0 { try Self.check(functions, status) } }

    /// Returns what a function writes, which the caller frees.
    func take(_ body: (inout OpaquePointer?) -> OpenVINOStatus) throws(OpenVINOFailure) -> OpaquePointer {
        try Self.take(functions, body)
    }

    /// Returns a text that a function writes.
    func text(_ body: (inout UnsafeMutablePointer<CChar>?) -> OpenVINOStatus) throws(OpenVINOFailure) -> String {
        var text: UnsafeMutablePointer<CChar>?
        try check(body(&text))
        defer { if let text { api.free(text) } }
        return text.map { String(cString: $0) } ?? ""
    }

    private static func take(
        _ functions: UnsafePointer<OpenVINOFunctions>, _ body: (inout OpaquePointer?) -> OpenVINOStatus
    ) throws(OpenVINOFailure) -> OpaquePointer {
        var pointer: OpaquePointer?
        try check(functions, body(&pointer))
        guard let pointer else { throw OpenVINOFailure(code: -1, message: "OpenVINO returned nothing") }
        return pointer
    }

    private static func check(_ functions: UnsafePointer<OpenVINOFunctions>, _ status: OpenVINOStatus) throws(OpenVINOFailure) {
        guard status != 0 else { return }
        var message = "error \(status)"
        if let text = functions.pointee.get_last_err_msg() {
            message = String(cString: text)
            functions.pointee.free(text)
        }
        throw OpenVINOFailure(code: status, message: message)
    }
}
