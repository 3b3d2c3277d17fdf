internal import CArrow
internal import Reasons

/// Reads the bytes of an `.npy` file or of one entry of an archive, in order and in bounded memory. At the end of an entry it compares them
/// with the entry's CRC-32.
final class EntryBytes {
    let size: Int
    private let descriptor: OwnedDescriptor
    private let file: String
    private let entry: ZipArchive.Entry?
    private var inflater: OpaquePointer?
    private var input: [UInt8] = []
    private var inputUsed = 0
    private var compressedRead = 0
    private var position = 0
    private var crc: UInt32 = 0

    /// Reads a whole file.
    init(_ descriptor: OwnedDescriptor, file: String) throws(ColumnarError) {
        self.descriptor = descriptor
        self.file = file
        entry = nil
        size = try descriptor.size(file: file)
    }

    init(_ descriptor: OwnedDescriptor, _ entry: ZipArchive.Entry, file: String) throws(ColumnarError) {
        self.descriptor = descriptor
        self.file = file
        self.entry = entry
        size = entry.size
        if entry.isDeflated {
            var error = CArrowError()
            guard carrow_decompressor_open(Int32(CARROW_RAW_DEFLATE), &inflater, &error) == 0 else {
                throw ColumnarError(error, file: file)
            }
        }
    }

    deinit { if let inflater { carrow_decompressor_close(inflater) } }

    var allowsAnyOrder: Bool { inflater == nil }

    /// Fills `target` with the next bytes.
    func next(into target: UnsafeMutableRawBufferPointer) throws(ColumnarError) {
        if inflater == nil {
            try read(into: target, at: position)
        } else {
            try inflate(into: target)
        }
        position += target.count
        guard let entry else { return }
        crc = carrow_crc32(crc, target.baseAddress?.assumingMemoryBound(to: UInt8.self), Int64(target.count))
        if position == size, crc != entry.crc { throw damaged("its checksum is wrong") }
    }

    /// Skips bytes of a whole file.
    func skip(_ count: Int) {
        precondition(entry == nil, "an entry is read from its beginning, for its checksum")
        position += count
    }

    /// Reads bytes at any position, which is possible only where `allowsAnyOrder`; they are not part of the checksum.
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(ColumnarError) {
        guard position <= size - target.count else { throw damaged("it is cut off") }
        let done = try descriptor.read(into: target, at: (entry?.offset ?? 0) + position, file: file)
        guard done == target.count else { throw damaged("it is cut off") }
    }

    private func inflate(into target: UnsafeMutableRawBufferPointer) throws(ColumnarError) {
        guard let entry, let inflater else { return }
        var filled = 0
        while filled < target.count {
            if inputUsed == input.count {
                let wanted = min(1 << 16, entry.compressedSize - compressedRead)
                input = [UInt8](repeating: 0, count: wanted)
                inputUsed = 0
                let at = entry.offset + compressedRead
                let done = try input.withUnsafeMutableBytes { bytes throws(ColumnarError) in
                    try descriptor.read(into: bytes, at: at, file: file)
                }
                guard done == wanted else { throw damaged("it is cut off") }
                compressedRead += wanted
            }
            var consumed: Int64 = 0, produced: Int64 = 0, finished = false
            var error = CArrowError()
            let begin = inputUsed, room = target.count - filled
            let output = target.baseAddress! + filled
            let status = input.withUnsafeBufferPointer { bytes in
                carrow_decompressor_step(
                    inflater, bytes.baseAddress.map { $0 + begin }, Int64(bytes.count - begin),
                    output.assumingMemoryBound(to: UInt8.self), Int64(room), &consumed, &produced, &finished, &error)
            }
            guard status == 0 else { throw damaged("it does not unpack") }
            inputUsed += Int(consumed)
            filled += Int(produced)
            let isStuck = consumed == 0 && produced == 0 && inputUsed == input.count && compressedRead == entry.compressedSize
            if filled < target.count, finished || isStuck { throw damaged("it unpacks to fewer bytes than the directory says") }
        }
    }

    private func damaged(_ reason: String) -> ColumnarError {
        .badFile(
            TableLocation(file: file),
            reason: entry.map { "the entry \"\($0.name)\" is damaged: \(reason)" } ?? "the array is damaged: \(reason)")
    }
}
