import Foundation
import ModelSupport
import ONNX
import TestSupport

/// A file that was made to do harm, and what is to become of it.
struct HostileFile: Sendable {
    let name: String
    /// The rules of which one must be told: which of two bounds is met first may depend on the machine.
    let rules: Set<String>
    /// Files beside it are written first; the file itself is renamed into place.
    let write: @Sendable (_ path: String) throws -> Void

    init(_ name: String, _ rules: Set<String>, write: @escaping @Sendable (_ path: String) throws -> Void) {
        self.name = name
        self.rules = rules
        self.write = write
    }

    init(_ name: String, _ rule: String, bytes: @escaping @Sendable () -> Data) {
        self.init(name, [rule]) { try bytes().write(to: URL(fileURLWithPath: $0)) }
    }

    /// Whether it is to be taken, since nothing is wrong with it that anybody needs to mind.
    var isTaken: Bool { rules == ["done"] }

    /// Those that `script` makes, which lies beside this file, in `folder`. What belongs to `NAME.onnx` is in `NAME.d`.
    static func made(by script: String, in folder: String) throws -> [HostileFile] {
        let python = ProjectScript.repository + "/.deps/oracle/bin/python"
        guard FileManager.default.isExecutableFile(atPath: python) else { throw Unmet("run Scripts/test-tools") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-B", URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/" + script, folder]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unmet("\(script) ended with \(process.terminationStatus)") }
        let rules = try JSONDecoder().decode([String: [String]].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/rules.json")))
        return rules.sorted { $0.key < $1.key }.map { name, rules in
            HostileFile(name, Set(rules)) { path in
                try FileManager.default.moveItem(atPath: folder + "/" + name, toPath: path)
                let companions = (name as NSString).deletingPathExtension + ".d"
                let target = (path as NSString).deletingLastPathComponent + "/" + companions
                if rename(folder + "/" + companions, target) != 0, errno != ENOENT { throw Unmet("\(companions) cannot be moved") }
            }
        }
    }
}

/// Models: of some kilobytes an engine, or the machine's memory, would be made to do very much.
enum HostileModels {
    private static func bomb(_ name: String, _ rules: String..., model: @escaping @Sendable () -> Model) -> HostileFile {
        HostileFile(name + ".onnx", Set(rules)) { try model().serialized().write(to: URL(fileURLWithPath: $0)) }
    }

    static let all: [HostileFile] = [
        bomb("loop", "model.cost") { BombModels.loops(1 << 62, BombModels.loop("x", "y")) },
        bomb("loop-constants", "model.cost") {
            BombModels.loops(1 << 62, BombModels.loop("ten", "y"))
        },
        bomb("loops", "model.cost") {
            BombModels.loops(1 << 16, BombModels.loop("x", "y", inner: [BombModels.loop("a", "z")], result: "z"))
        },
        bomb("functions-24", "model.cost") { BombModels.functions(24) },
        bomb("functions-60", "model.cost") { BombModels.functions(60) },
        bomb("products", "model.cost") { BombModels.products(60, 2500) },
        bomb("constant-8-gib", "model.cost") { BombModels.products(0, 46_341) },
        // A debug build takes longer than two seconds to read so many nodes.
        bomb("chain", "model.cost", "attempt.load-time", "attempt.time", "attempt.memory") { BombModels.chain(500_000) },
        bomb("ifs", "model.cost", "attempt.load-time", "attempt.time", "attempt.memory") {
            BombModels.conditions(values: 30_000, inner: 30_000)
        },
        // An unknown field of 3 GB, of which nothing is on the disk.
        HostileFile("unknown-field.onnx", ["model.limit", "attempt.memory", "attempt.resources"]) { path in
            let size = 3_000_000_000
            var head = Data(TinyModel.adding(1))
            head += TooLargeModelTests.varint(2000 << 3 | 2) + TooLargeModelTests.varint(size)
            try sparse(path, after: head, to: head.count + size)
        },
    ]

    static func sparse(_ path: String, after head: Data, to size: Int) throws {
        try head.write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: UInt64(size))
        try file.close()
    }
}

/// Data: nesting, rows without bytes, directories, compression, width, and rows that make an honest model run for ever.
enum HostileData {
    static let all: [HostileFile] =
        [20_000, 40_000, 100_000].map { depth in
            HostileFile("objects-\(depth).jsonl", "data.limit.nesting") {
                Data(row(repeated("{\"a\":", depth) + "1" + repeated("}", depth)).utf8)
            }
        } + [
            HostileFile("arrays.jsonl", "data.limit.nesting") { Data(row(repeated("[", 100_000) + repeated("]", 100_000)).utf8) },
            HostileFile("endless-1.csv", "attempt.time") { Data("id,x\na,2e12\n".utf8) },
            HostileFile("endless-2.csv", "attempt.time") { Data("id,x\nb,3e12\n".utf8) },
            HostileFile("rows-without-bytes.npy", "data.limit.row") { array("<f4", "(1000000000000, 0)") },
            HostileFile("texts-without-bytes.npy", "data.limit.row") { array("|S0", "(1000000000000,)") },
            HostileFile("directory.npz", "data.limit.columns") { directory(entries: 300_000) },
            HostileFile("blank.csv.gz", ["data.limit.blank"]) { try gzip("id,x\n", then: "\\n", megabytes: 200, to: $0) },
            HostileFile("wide.csv", "data.limit.columns") {
                let columns = (0..<1_000_005).map { "f\($0)" }.joined(separator: ",")
                return Data(("id,x," + columns + "\na,1" + repeated(",1", 1_000_005) + "\n").utf8)
            },
            HostileFile("long-row.csv", "data.limit.row") { Data(("id,x\n" + repeated("a", 40_000_000) + ",1\n").utf8) },
            HostileFile("open-quote.csv", "data.limit.row") { Data(("id,x\n\"" + repeated("a,1\n", 8_000_000)).utf8) },
            HostileFile("numbers.csv", "data.format") { Data("id,x\na,1e999999999999\nb,\u{0}\n".utf8) },
        ]

    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
    private static func row(_ value: String) -> String { "{\"id\":\"a\",\"x\":1,\"z\":\(value)}\n" }

    private static func array(_ type: String, _ shape: String) -> Data {
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
        header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
        return Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0, 118, 0]) + Data(header.utf8)
    }

    /// A ZIP archive of one stored array whose directory names it so many times.
    private static func directory(entries: Int) -> Data {
        func bytes(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 255) } }
        let content = array("<f4", "(1, 1)") + Data([0, 0, 128, 63])
        func common(_ name: String) -> [UInt8] {
            bytes(20, 2) + bytes(0, 2) + bytes(0, 2) + bytes(0, 4) + bytes(Int(crc(content)), 4) + bytes(content.count, 4)
                + bytes(content.count, 4) + bytes(name.utf8.count, 2) + bytes(0, 2)
        }
        var archive = Data("PK\u{3}\u{4}".utf8) + Data(common("x.npy")) + Data("x.npy".utf8) + content
        let start = archive.count
        for number in 0..<entries {
            let name = "x\(number).npy"
            archive += Data("PK\u{1}\u{2}".utf8) + Data(bytes(20, 2) + common(name) + bytes(0, 10) + bytes(0, 4)) + Data(name.utf8)
        }
        let size = archive.count - start
        // Beyond 65,535 entries a directory has a second end, with longer numbers.
        let long = archive.count
        archive += Data("PK\u{6}\u{6}".utf8) + Data(bytes(44, 8) + bytes(45, 2) + bytes(45, 2) + bytes(0, 8))
        archive += Data(bytes(entries, 8) + bytes(entries, 8) + bytes(size, 8) + bytes(start, 8))
        archive += Data("PK\u{6}\u{7}".utf8) + Data(bytes(0, 4) + bytes(long, 8) + bytes(1, 4))
        archive += Data("PK\u{5}\u{6}".utf8) + Data(bytes(0, 4) + bytes(0xFFFF, 2) + bytes(0xFFFF, 2) + bytes(size, 4) + bytes(start, 4))
        return archive + Data(bytes(0, 2))
    }

    private static func crc(_ data: Data) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in data {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~value
    }

    private static func gzip(_ head: String, then filler: String, megabytes: Int, to path: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "(printf '\(head)'; head -c \(megabytes)000000 /dev/zero | tr '\\0' '\(filler)') | gzip -1 > '\(path)'",
        ]
        try process.run()
        process.waitUntilExit()
    }
}
