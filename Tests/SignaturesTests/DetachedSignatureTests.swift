import FileSystem
import Foundation
import TestSupport
import Testing

@testable import Signatures

/// What is signed is what standard tools print of the files.
@Suite struct DetachedSignatureTests {
    private let folder: TemporaryDirectory
    private let key = SigningKey()

    init() throws { folder = try TemporaryDirectory("detached") }

    private func files(_ companions: [String] = []) throws -> SignedFiles {
        func file(_ name: String) throws -> SignedFiles.File { .init(name: name, digest: FileDigest.of(bytes: try folder.read(name))) }
        return SignedFiles(try file("m.onnx"), companions: try companions.map(file))
    }

    @Test func theStatementIsWhatSHA256SumPrints() throws {
        for name in ["m.onnx", "b.bin", "sub/a b.bin", "Ä.bin"] { try folder.write(name, to: name) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "sha256sum < m.onnx; sha256sum b.bin 'sub/a b.bin' 'Ä.bin'"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let printed = try pipe.fileHandleForReading.readToEnd() ?? Data()
        #expect(try files(["Ä.bin", "sub/a b.bin", "b.bin"]).statement() == Array(printed))
    }

    @Test func namesThatCannotStandOnALineAreRefused() throws {
        for name in ["a\nb", "a\\b", "a\rb"] {
            let files = SignedFiles(.init(name: "m", digest: "d"), companions: [.init(name: name, digest: "d")])
            #expect(throws: SignatureError.self) { try files.statement() }
        }
    }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func openSSLSignsWhatIsAdmitted() throws {
        try folder.write("a model", to: "m.onnx")
        try folder.write("weights", to: "w.bin")
        try OpenSSL.makeKey("k", in: folder.path)
        let known = try VerifyingKey(String(decoding: try folder.read("k.pub"), as: UTF8.self))
        let other = key.publicKey
        try folder.write(try files(["w.bin"]).statement(), to: "statement")
        try OpenSSL.sign("statement", by: "k", to: "sig", in: folder.path)
        for content in [try folder.read("sig"), Array((Data(try folder.read("sig")).base64EncodedString() + "\n").utf8)] {
            let signature = try DetachedSignature(content)
            #expect(try signature.verify(files(["w.bin"]), by: [other, known]) == known)
            #expect(throws: SignatureError.self, "another key") { try signature.verify(files(["w.bin"]), by: [other]) }
            #expect(throws: SignatureError.self, "without its data") { try signature.verify(files(), by: [known]) }
        }
        let signature = try DetachedSignature(try folder.read("sig"))
        try folder.write("weights!", to: "w.bin")
        #expect(throws: SignatureError.self, "other data") { try signature.verify(files(["w.bin"]), by: [known]) }
        try folder.write("weights", to: "w.bin")
        try folder.write("a modem", to: "m.onnx")
        #expect(throws: SignatureError.self, "another model") { try signature.verify(files(["w.bin"]), by: [known]) }
    }

    @Test func everyChangedBitIsFound() throws {
        try folder.write("a model", to: "m.onnx")
        let signature = try key.signature(of: try files().statement())
        for bit in 0..<(signature.count * 8) {
            var changed = signature
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: SignatureError.self, "bit \(bit)") { try DetachedSignature(changed).verify(files(), by: [key.publicKey]) }
        }
    }

    @Test(arguments: [0, 1, 63, 65, 87, 300]) func whatIsNoSignatureIsRefused(count: Int) {
        #expect(throws: SignatureError.self) { try DetachedSignature([UInt8](repeating: 0x41, count: count)) }
    }
}
