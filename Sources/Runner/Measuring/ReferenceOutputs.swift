import Attempts
import FileSystem
import Foundation
import SystemPackage

/// Writes down the outputs of a model as it was published, and reads them again, so that other processes compare theirs: each output has a
/// file of its own, with one value after another.
final class ReferenceOutputs {
    private let folder: any GivenFolder
    private var files: [OwnedFile] = []
    private let isNew: Bool

    /// - Parameter isNew: whether the outputs are written; otherwise they are read.
    init(_ folder: any GivenFolder, isNew: Bool) {
        self.folder = folder
        self.isNew = isNew
    }

    /// Adds the values of one output to what was written.
    func write(_ elements: OutputElements, of output: Int) throws(FileSystemError) {
        switch elements {
        case .numbers(let numbers, _): try write(numbers, to: file(output))
        case .codes(let codes): try write(codes, to: file(output))
        }
    }

    /// Returns the next values of an output that come in the places of `elements`; nil where there are not as many.
    func next(like elements: OutputElements, of output: Int) throws(FileSystemError) -> OutputElements? {
        switch elements {
        case .numbers(let numbers, let width):
            try read(numbers.count, Float(0), from: file(output)).map { .numbers($0, width: width) }
        case .codes(let codes): try read(codes.count, UInt64(0), from: file(output)).map { .codes($0) }
        }
    }

    private func file(_ output: Int) throws(FileSystemError) -> FileDescriptor {
        while files.count <= output {
            let name = "output-\(files.count)"
            files.append(OwnedFile(try isNew ? folder.create(name, .emptied) : folder.open(name)))
        }
        return files[output].descriptor
    }

    private func write<Value: BitwiseCopyable>(_ values: [Value], to file: FileDescriptor) throws(FileSystemError) {
        do { _ = try values.withUnsafeBytes { try file.writeAll($0) } } catch {
            throw .system(doing: "writing", path: folder.path, errno: error as? Errno ?? .ioError)
        }
    }

    private func read<Value: BitwiseCopyable>(
        _ count: Int, _ zero: Value, from file: FileDescriptor
    ) throws(FileSystemError) -> [Value]? {
        var values = [Value](repeating: zero, count: count)
        do {
            let wanted = count * MemoryLayout<Value>.stride
            let found = try values.withUnsafeMutableBytes { bytes in
                var filled = 0
                while filled < wanted {
                    let read = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...]))
                    if read == 0 { break }
                    filled += read
                }
                return filled
            }
            return found == wanted ? values : nil
        } catch {
            throw .system(doing: "reading", path: folder.path, errno: error as? Errno ?? .ioError)
        }
    }
}
