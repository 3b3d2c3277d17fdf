import FileSystem
import ONNX
import SystemPackage

extension Model.Target {
    /// Makes the files of a model in a folder that was given to an attempt.
    init(_ folder: any GivenFolder) {
        self.init(folder: folder.path.string + "/") { name throws(ONNXError) in
            do throws(FileSystemError) { return try folder.create(name, .fresh).rawValue } catch {
                throw ONNXError(making: error, folder.path(of: name).string)
            }
        } remove: { name in
            try? folder.remove(name)
        }
    }
}

extension ONNXError {
    /// Describes that a file of a model could not be made.
    fileprivate init(making error: FileSystemError, _ path: String) {
        let code: Errno
        switch error {
        case .system(_, _, let errno): code = errno
        case .noSpace: code = .noSpace
        default: code = .ioError
        }
        self = .cannotWrite(path: path, reason: "\(code)", code: code.rawValue)
    }
}
