import Arrivals
import Foundation
import TestSupport
import Testing

@Suite struct FileStampTests {
    @Test func everyChangeMovesIt() throws {
        let folder = try TemporaryDirectory("stamp")
        try folder.write("one", to: "a")
        let path = folder("a")
        let first = try #require(FileStamp(path: path))
        #expect(first == FileStamp(path: path) && first.size == 3)
        // The clock of the file system has a resolution.
        usleep(20_000)
        chmod(path, 0o600)
        let moded = try #require(FileStamp(path: path))
        #expect(moded != first && moded.inode == first.inode)
        try FileManager.default.removeItem(atPath: path)
        #expect(FileStamp(path: path) == nil)
    }

    @Test func filesThatBelongTogetherHaveOneStamp() throws {
        let model = FileStamp(device: 1, inode: 2, size: 10, changed: 5)
        let data = FileStamp(device: 1, inode: 3, size: 100, changed: 7)
        #expect(FileStamp.whole([model, data]) == FileStamp(device: 1, inode: 2, size: 110, changed: 7))
        #expect(FileStamp.whole([data, model]) == FileStamp(device: 1, inode: 3, size: 110, changed: 7))
        let folder = try TemporaryDirectory("stamps")
        try folder.write("graph", to: "m.onnx")
        try folder.write("weights", to: "w")
        let both = [folder("m.onnx"), folder("w")].compactMap { FileStamp(path: $0) }
        #expect(FileStamp(path: folder("m.onnx"), companions: [folder("w")]) == FileStamp.whole(both))
        #expect(FileStamp(path: folder("m.onnx"), companions: [folder("gone")]) == nil)
    }
}
