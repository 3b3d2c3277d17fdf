import Foundation
package import Tensors

/// The files that a model's external tensors name.
package enum ExternalData: Sendable {
    /// Every one of them, handed over by us: the runtime opens nothing by name. Copied into the session.
    case files([ExternalFile])
    /// The runtime opens and maps them itself, below this folder. Only for a folder that nobody else writes to: a file cut
    /// short while it is mapped kills the process. Takes the least memory.
    case folder(String)
}

/// A file of weights that a model refers to.
package struct ExternalFile: Sendable {
    package enum Contents: Sendable {
        case buffer(TensorBuffer)
        /// Read from offset 0 with `pread` when the session is made; stays open and stays the caller's.
        case descriptor(Int32, byteCount: Int)
    }

    /// The `location` that the model's external tensors name.
    package let name: String
    package let contents: Contents

    package init(name: String, contents: Contents) {
        self.name = name
        self.contents = contents
    }

    package init(name: String, bytes: UnsafeRawBufferPointer) {
        let buffer = TensorBuffer(byteCount: bytes.count)
        if bytes.count > 0 { buffer.mutableBytes.copyMemory(from: bytes) }
        self.init(name: name, contents: .buffer(buffer))
    }

    package var byteCount: Int {
        switch contents {
        case .buffer(let buffer): buffer.byteCount
        case .descriptor(_, let byteCount): byteCount
        }
    }

    func load() throws(EngineError) -> TensorBuffer {
        guard case .descriptor(let descriptor, let byteCount) = contents else {
            guard case .buffer(let buffer) = contents else { preconditionFailure() }
            return buffer
        }
        let buffer = TensorBuffer(byteCount: byteCount)
        var position = 0
        while position < byteCount {
            let got = pread(descriptor, buffer.address + position, byteCount - position, off_t(position))
            if got > 0 { position += got; continue }
            if got < 0, errno == EINTR { continue }
            let reason = got < 0 ? String(cString: strerror(errno)) : "it ends at byte \(position) of \(byteCount)"
            throw .externalData(file: name, detail: reason)
        }
        return buffer
    }
}
