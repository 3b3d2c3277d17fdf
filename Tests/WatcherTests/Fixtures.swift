import Foundation
import TestSupport

@testable import Watcher

/// Whole files of each format, as small as they can be and right as far as the checks look.
enum Fixtures {
    static let csv = Array("a,b\n1,2\n3,4\n".utf8)
    static let jsonl = Array("{\"a\":1}\n{\"a\":2}\n".utf8)
    static let onnx = TinyModel.adding(1)

    static let parquet: [UInt8] = {
        let footer = [UInt8](repeating: 0x15, count: 40)
        return Array("PAR1".utf8) + [UInt8](repeating: 7, count: 100) + footer + little(UInt32(footer.count)) + Array("PAR1".utf8)
    }()

    static let arrow: [UInt8] = {
        let footer = [UInt8](repeating: 0x11, count: 48)
        return Array("ARROW1\0\0".utf8) + [UInt8](repeating: 3, count: 80) + footer + little(Int32(footer.count)) + Array("ARROW1".utf8)
    }()

    /// A schema message and a record batch of 16 bytes; `isEnded` with the end-of-stream mark.
    static func arrowStream(isEnded: Bool) -> [UInt8] {
        func message(body: Int64) -> [UInt8] {
            // root offset, vtable (12 bytes: its length, the table's, version, type, header, bodyLength), table.
            let vtable: [UInt8] =
                little(UInt16(12)) + little(UInt16(20)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt16(8))
            let table: [UInt8] = little(Int32(12)) + [0, 0, 0, 0] + little(body) + [0, 0, 0, 0]
            let metadata: [UInt8] = little(UInt32(16)) + vtable + table + [0, 0, 0, 0]
            return little(UInt32.max) + little(Int32(metadata.count)) + metadata + [UInt8](repeating: 9, count: Int(body))
        }
        return message(body: 0) + message(body: 16) + (isEnded ? little(UInt32.max) + little(Int32(0)) : [])
    }

    static func npy(shape: String = "(3, 4)", type: String = "<f4", bytes: Int = 48) -> [UInt8] {
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
        while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
        header += "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + little(UInt16(header.utf8.count)) + Array(header.utf8)
            + [UInt8](repeating: 1, count: bytes)
    }

    /// One stored member, then the directory.
    static func zip(comment: String = "") -> [UInt8] {
        let content = Array("stored".utf8)
        let name = Array("a.npy".utf8)
        let sizes = little(UInt32(content.count)) + little(UInt32(content.count))
        let member: [UInt8] =
            little(UInt32(0x0403_4B50)) + [20, 0, 0, 0, 0, 0, 0, 0, 0, 0] + little(UInt32(0)) + sizes + little(UInt16(name.count)) + [0, 0]
            + name + content
        let entry: [UInt8] =
            little(UInt32(0x0201_4B50)) + [20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0] + little(UInt32(0)) + sizes + little(UInt16(name.count))
            + [UInt8](repeating: 0, count: 12) + little(UInt32(0)) + name
        let end: [UInt8] =
            little(UInt32(0x0605_4B50)) + [0, 0, 0, 0, 1, 0, 1, 0] + little(UInt32(entry.count)) + little(UInt32(member.count))
            + little(UInt16(comment.utf8.count)) + Array(comment.utf8)
        return member + entry + end
    }

    /// Two blocks, raw and RLE, with a checksum.
    static let zstd: [UInt8] = {
        let raw = little(UInt32(3 << 3)).prefix(3) + [1, 2, 3]
        let last = little(UInt32(1 | 1 << 1 | 5 << 3)).prefix(3) + [7]
        return little(UInt32(0xFD2F_B528)) + [0x04, 0x58] + raw + last + [0xAA, 0xBB, 0xCC, 0xDD]
    }()

    static let gzip: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B, 0x04, 0x00, 0x43, 0xBE, 0xB7, 0xE8, 0x01, 0x00, 0x00, 0x00]
    static let png: [UInt8] =
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + [UInt8](repeating: 1, count: 25) + [
            0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
        ]
    static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0] + [UInt8](repeating: 1, count: 20) + [0xFF, 0xD9]

    static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
}
