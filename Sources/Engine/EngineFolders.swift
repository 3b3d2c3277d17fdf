import COnnxRuntime
import COpenVINO
import Foundation

/// Says where the engines' libraries are, for a process that is confined: the second engine is loaded when it is first
/// wanted, and looks there for its parts.
package enum EngineFolders {
    /// The folder that ONNX Runtime was loaded from, where the second engine is installed too, and those in which the system looks for
    /// libraries.
    package static var all: [String] {
        var folders = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"]
        folders += (ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] ?? "").split(separator: ":").map(String.init)
        let function: @convention(c) () -> UnsafePointer<OrtApiBase>? = OrtGetApiBase
        if let name = openVINOLibraryOf(unsafeBitCast(function, to: UnsafeRawPointer.self)) {
            folders.append((String(cString: name) as NSString).deletingLastPathComponent)
        }
        return folders
    }
}
