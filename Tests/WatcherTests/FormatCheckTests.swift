import Foundation
import Glibc
import Reasons
import TestSupport
import Testing

@testable import Watcher

@Suite struct FormatCheckTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String
        let bytes: [UInt8]
        var description: String { name }
    }

    static let whole: [Case] = [
        Case(name: "f.parquet", bytes: Fixtures.parquet), Case(name: "f.arrow", bytes: Fixtures.arrow),
        Case(name: "stream.arrows", bytes: Fixtures.arrowStream(isEnded: true)), Case(name: "f.npy", bytes: Fixtures.npy()),
        Case(name: "scalar.npy", bytes: Fixtures.npy(shape: "()", type: "<f8", bytes: 8)),
        Case(name: "text.npy", bytes: Fixtures.npy(shape: "(2,)", type: "<U3", bytes: 24)),
        Case(name: "none.npy", bytes: Fixtures.npy(shape: "(0, 4)", bytes: 0)), Case(name: "f.npz", bytes: Fixtures.zip()),
        Case(name: "comment.npz", bytes: Fixtures.zip(comment: "a comment")), Case(name: "f.csv.zst", bytes: Fixtures.zstd),
        Case(name: "two.csv.zst", bytes: Fixtures.zstd + Fixtures.zstd), Case(name: "f.png", bytes: Fixtures.png),
        Case(name: "f.jpg", bytes: Fixtures.jpeg), Case(name: "f.onnx", bytes: Fixtures.onnx),
    ]

    private func result(_ bytes: [UInt8], as name: String, in directory: TemporaryDirectory) throws -> FormatCheck.Result {
        try #require(FormatCheck.check(path: try directory.write(bytes, to: name)))
    }

    @Test(arguments: whole) func wholeFilesPass(_ file: Case) throws {
        let directory = try TemporaryDirectory("format")
        #expect(try result(file.bytes, as: file.name, in: directory) == .whole(companions: []))
    }

    /// At every byte but where a format cannot tell: between two zstd frames and between two messages of an Arrow stream.
    @Test(arguments: whole) func cutAnywhereDoesNotPass(_ file: Case) throws {
        let directory = try TemporaryDirectory("format")
        for length in 0..<file.bytes.count {
            let result = try result(Array(file.bytes[..<length]), as: file.name, in: directory)
            if file.name == "two.csv.zst", length == Fixtures.zstd.count { continue }
            if file.name == "stream.arrows", case .undecided = result { continue }
            guard case .incomplete = result else {
                Issue.record("\(file.name) cut to \(length) of \(file.bytes.count) bytes: \(result)")
                return
            }
        }
    }

    /// The marks at both ends prove nothing where the footer between them does not fit: a file that was cut and padded, or two halves
    /// joined.
    @Test(
        arguments: [
            (0, false), (1, true), (88, true), (89, false), (92, false), (100, false), (101, false), (UInt32.max, false), (1 << 31, false),
        ] as [(UInt32, Bool)])
    func aParquetFootersLengthFitsTheFile(length: UInt32, passes: Bool) throws {
        let directory = try TemporaryDirectory("format")
        let magic = Array("PAR1".utf8)
        let bytes = magic + [UInt8](repeating: 7, count: 88) + withUnsafeBytes(of: length.littleEndian) { Array($0) } + magic
        let result = try result(bytes, as: "f.parquet", in: directory)
        if passes { #expect(result == .whole(companions: [])) } else if case .incomplete = result {} else { Issue.record("\(result)") }
    }

    /// A file preallocated to its full size, whose end is still zeros.
    @Test(arguments: whole.filter { !$0.name.hasSuffix(".npy") && !$0.name.hasSuffix(".onnx") }) func preallocatedDoesNotPass(
        _ file: Case
    ) throws {
        let directory = try TemporaryDirectory("format")
        let half = file.bytes.count / 2
        let bytes = file.bytes[..<half] + [UInt8](repeating: 0, count: file.bytes.count - half)
        guard case .incomplete = try result(Array(bytes), as: file.name, in: directory) else {
            Issue.record("\(file.name) passes with its second half missing")
            return
        }
    }

    @Test func noiseNeverPassesNorCrashes() throws {
        let directory = try TemporaryDirectory("format")
        var generator = SeededGenerator(seed: 11)
        for file in Self.whole {
            var broken = 0
            for _ in 0..<60 {
                var bytes = file.bytes
                for _ in 0..<3 where !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
                }
                switch try result(bytes, as: file.name, in: directory) {
                case .incomplete(let reason):
                    #expect(!reason.isEmpty)
                    broken += 1
                case .whole(let companions): #expect(companions.isEmpty || file.name.hasSuffix(".onnx"), "\(file.name)")
                case .unsafe: #expect(file.name.hasSuffix(".onnx"), "\(file.name)")
                // Between two messages of a stream, and where no element size is known.
                case .undecided: #expect(file.name == "stream.arrows" || file.name.hasSuffix(".npy"), "\(file.name)")
                }
                let noise = (0..<Int.random(in: 0...300, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
                if case .whole = try result(noise, as: file.name, in: directory) { Issue.record("noise passes as \(file.name)") }
            }
            #expect(broken > 0, "no damage shows in \(file.name)")
        }
    }

    @Test func textHasNoEndButALastNewline() throws {
        let directory = try TemporaryDirectory("format")
        #expect(try result(Fixtures.csv, as: "a.csv", in: directory) == .undecided(endsWithNewline: true))
        #expect(try result(Fixtures.csv.dropLast(), as: "a.csv", in: directory) == .undecided(endsWithNewline: false))
        #expect(try result([], as: "a.csv", in: directory) == .undecided(endsWithNewline: nil))
    }

    /// Content that downloads and clones leave in place of a file is named, under any name that a model or a table has.
    @Test(arguments: ["m.onnx", "a.parquet", "a.csv", "A.CSV", "a.json", "a.npz", "a.csv.gz", "a.arrow", "a.jsonl.zst"])
    func whatIsSomethingElseIsNamed(_ name: String) throws {
        let directory = try TemporaryDirectory("format")
        let cases: [(String, String)] = [
            ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS pointer"),
            ("<!DOCTYPE html>\n<html>", "HTML page"),
            ("\u{FEFF}\r\n <HTML lang=\"en\">", "HTML page"),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "XML document"),
        ]
        for (text, words) in cases {
            guard case .incomplete(let reason) = try result(Array(text.utf8), as: name, in: directory) else {
                Issue.record("\(name) is taken: \(text)")
                continue
            }
            #expect(reason.contains(words), "\(reason)")
            #expect(ForeignContent(reason: reason) != nil)
        }
        for text in ["version,x\n1,2\n", "<b>,x\n", " a,b\n"] {
            if case .incomplete(let reason) = try result(Array(text.utf8), as: name, in: directory) {
                #expect(ForeignContent(reason: reason) == nil, "\(text)")
            }
        }
    }

    @Test func gzipWithPaddingIsNotBroken() throws {
        let directory = try TemporaryDirectory("format")
        for count in [1, 3, 512] {
            #expect(
                try result(Fixtures.gzip + [UInt8](repeating: 0, count: count), as: "a.csv.gz", in: directory)
                    == .undecided(endsWithNewline: nil))
        }
    }

    /// `zstd --long=31`: what the reader says of it is the reader's.
    @Test func aLongWindowOfZstdIsWhole() throws {
        let directory = try TemporaryDirectory("format")
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x21, 0, 0] + Array("a\n1\n".utf8)
        #expect(try result(frame, as: "a.csv.zst", in: directory) == .whole(companions: []))
    }

    @Test func gzipProvesNothingButItsEnds() throws {
        let directory = try TemporaryDirectory("format")
        #expect(try result(Fixtures.gzip, as: "a.csv.gz", in: directory) == .undecided(endsWithNewline: nil))
        guard case .incomplete = try result(Array(Fixtures.csv), as: "a.csv.gz", in: directory) else {
            Issue.record("it is not .incomplete"); return
        }
        // A trailer that promises four gigabytes from twenty bytes.
        guard case .incomplete = try result(Fixtures.gzip.dropLast(4) + [255, 255, 255, 255], as: "a.csv.gz", in: directory) else {
            Issue.record("it is not .incomplete")
            return
        }
    }

    /// The check runs in the daemon: no number in a header may be one that it cannot reckon with.
    @Test(arguments: ["<U9223372036854775807", "<U4611686018427387904", "|S9223372036854775807", "<U99999999999999999999"])
    func itemsOfAnySizeAreSurvived(type: String) throws {
        let directory = try TemporaryDirectory("format")
        for shape in ["(2,)", "(9223372036854775807,)", "()", "(-1,)"] {
            let result = try result(Fixtures.npy(shape: shape, type: type, bytes: 8), as: "a.npy", in: directory)
            if case .whole = result { Issue.record("\(type) \(shape) is whole") }
        }
    }

    @Test func whatNumPyPicklesProvesNothing() throws {
        let directory = try TemporaryDirectory("format")
        #expect(try result(Fixtures.npy(type: "|O"), as: "a.npy", in: directory) == .undecided(endsWithNewline: nil))
    }

    @Test func anArrowStreamWithoutItsEndMarkIsUnsealed() throws {
        let directory = try TemporaryDirectory("format")
        #expect(try result(Fixtures.arrowStream(isEnded: false), as: "a.arrow", in: directory) == .undecided(endsWithNewline: nil))
    }

    @Test func aModelNeedsAllOfItsExternalData() throws {
        let directory = try TemporaryDirectory("format")
        let model = TinyModel.withExternalData(location: "sub/w.bin", offset: 8, length: 4)
        guard case .incomplete(let missing) = try result(model, as: "m.onnx", in: directory) else {
            Issue.record("it is not .incomplete"); return
        }
        #expect(missing.contains("sub/w.bin"))
        for count in [0, 8, 11] {
            try directory.write([UInt8](repeating: 0, count: count), to: "sub/w.bin")
            guard case .incomplete = try result(model, as: "m.onnx", in: directory) else { Issue.record("\(count)"); return }
        }
        try directory.write([UInt8](repeating: 0, count: 12), to: "sub/w.bin")
        #expect(try result(model, as: "m.onnx", in: directory) == .whole(companions: ["sub/w.bin"]))
    }

    @Test(arguments: ["../w.bin", "/etc/hostname", "a/../../w.bin", "..", ".", ""]) func dataOutsideIsUnsafe(_ location: String) throws {
        let directory = try TemporaryDirectory("format")
        guard case .unsafe(let why) = try result(TinyModel.withExternalData(location: location), as: "m.onnx", in: directory) else {
            Issue.record("it is not .unsafe")
            return
        }
        #expect(why.rule == .modelExternalDataOutside)
    }

    /// A location that stands for an address in memory is none of a file, whatever is there.
    @Test func anAddressInMemoryIsUnsafe() throws {
        let directory = try TemporaryDirectory("format")
        let location = "*/_ORT_MEM_ADDR_/*"
        for isThere in [false, true] {
            if isThere { try directory.write([UInt8](repeating: 0, count: 4), to: location) }
            guard case .unsafe(let why) = try result(TinyModel.withExternalData(location: location), as: "m.onnx", in: directory) else {
                Issue.record("it is not .unsafe")
                return
            }
            #expect(why.rule == .modelExternalDataOutside && why.reason.contains("address in memory"))
        }
    }

    @Test func dataThroughALinkIsUnsafe() throws {
        let directory = try TemporaryDirectory("format")
        let data = try directory.write([UInt8](repeating: 0, count: 4), to: "outside.bin")
        try directory.write([0], to: "d/x")
        let model = TinyModel.withExternalData(location: "w.bin")
        #expect(symlink(data, directory("d/w.bin")) == 0)
        guard case .unsafe(let why) = try result(model, as: "d/m.onnx", in: directory) else {
            Issue.record("it is not .unsafe"); return
        }
        #expect(why.rule == .modelExternalDataLink)
        unlink(directory("d/w.bin"))
        #expect(link(data, directory("d/w.bin")) == 0)
        guard case .unsafe = try result(model, as: "d/m.onnx", in: directory) else { Issue.record("it is not .unsafe"); return }
        #expect(symlink("d", directory("e")) == 0)
        guard case .unsafe = try result(TinyModel.withExternalData(location: "e/x", length: 1), as: "m.onnx", in: directory) else {
            Issue.record("it is not .unsafe")
            return
        }
    }

    @Test func aModelNestedWithoutEndIsBrokenNotACrash() throws {
        let directory = try TemporaryDirectory("format")
        // graph > node > attribute > graph > ... each in a length-delimited field.
        var inner: [UInt8] = []
        for level in 0..<3000 {
            let field: UInt8 = [0x32, 0x2A, 0x0A][level % 3]
            var length = inner.count
            var header: [UInt8] = [field]
            while length >= 0x80 {
                header.append(UInt8(length & 0x7F) | 0x80)
                length >>= 7
            }
            header.append(UInt8(length))
            inner = header + inner
        }
        inner[0] = 0x3A
        guard case .incomplete = try result(inner, as: "m.onnx", in: directory) else { Issue.record("it is not .incomplete"); return }
    }
}
