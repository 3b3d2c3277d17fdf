internal import Reasons

/// Gathers bytes in order: in memory while they are few, then in a file without a name.
final class SpillBuffer {
    private let files: OutputFiles
    private var memory: [UInt8] = []
    private var spilled: OwnedDescriptor?
    private(set) var byteCount = 0
    private let memoryLimit = 1 << 20

    init(_ files: OutputFiles) { self.files = files }

    func append(_ bytes: UnsafeRawBufferPointer) throws(ColumnarError) {
        memory.append(contentsOf: bytes)
        byteCount += bytes.count
        if memory.count > memoryLimit { try spill() }
    }

    /// Calls `body` with all bytes in order, in pieces.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(ColumnarError) -> Void) throws(ColumnarError) {
        if spilled != nil, !memory.isEmpty { try spill() }
        guard let spilled else { return try memory.withUnsafeBytesTyped(body) }
        var piece = [UInt8](repeating: 0, count: memoryLimit)
        var position = 0
        while position < byteCount {
            let count = min(piece.count, byteCount - position)
            let done = try piece.withUnsafeMutableBytes { bytes throws(ColumnarError) in
                try spilled.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), at: position, file: files.folder)
            }
            guard done == count else {
                throw .badFile(TableLocation(file: files.folder), reason: "a temporary file is shorter than what was written to it")
            }
            try piece.withUnsafeBytesTyped { bytes throws(ColumnarError) in try body(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
            position += count
        }
    }

    private func spill() throws(ColumnarError) {
        let target: OwnedDescriptor
        if let spilled {
            target = spilled
        } else {
            target = try files.temporary()
            spilled = target
        }
        try memory.withUnsafeBytesTyped { bytes throws(ColumnarError) in try target.write(bytes, file: files.folder) }
        memory.removeAll(keepingCapacity: true)
    }
}
