import Columnar
import FileSystem
import Reasons
import SystemPackage
package import Tensors

/// Reads and writes named tensors as a file, `.npz` or `.safetensors` by its name. The file is whole under the name or not there.
package enum GradientFile {
    package static let extensions = [".npz", ".safetensors"]

    package static func write(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws(TrainingError) {
        if path.hasSuffix(".safetensors") {
            try Safetensors.write(tensors, to: path)
            return
        }
        let staged = DurableFile.staging(for: FilePath(path))
        do { try NamedArrays.write(tensors, to: staged.string) } catch { throw .cannotWrite(path: path, reason: "\(error)") }
        try onDisk { () throws(FileSystemError) in try DurableFile.publish(staged, as: FilePath(path)) }
    }

    /// - Returns: the tensors in the file's order.
    package static func read(_ path: String) throws(TrainingError) -> [(name: String, tensor: Tensor)] {
        if path.hasSuffix(".safetensors") { return try Safetensors.read(path) }
        do { return try NamedArrays.read(path) } catch { throw .cannotRead(path: path, reason: "\(error)") }
    }
}
