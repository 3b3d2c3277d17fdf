import Attempts
package import FileSystem
import Foundation

/// Treats a model and the adapter that makes another model of it as one.
package enum TunedModel {
    /// Returns the adapter of a model if none is given: the one in the same folder, if there is one.
    package static func adapter(of model: String, given: String? = nil) -> String? {
        if let given { return given }
        let beside = NamedModel.adapter(beside: model)
        return FileManager.default.fileExists(atPath: beside) ? beside : nil
    }

    /// Returns the digest of both together.
    package static func digest(of model: String, adapter: String? = nil) throws(FileSystemError) -> String {
        try ModelSource(named: NamedModel(model, adapter: adapter)).digest()
    }
}
