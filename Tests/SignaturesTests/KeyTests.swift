import Foundation
import TestSupport
import Testing

@testable import Signatures

/// Keys are the files that OpenSSL writes and reads.
@Suite struct KeyTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("keys") }

    private func text(_ name: String) throws -> String { String(decoding: try folder.read(name), as: UTF8.self) }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func aKeyOfOpenSSLIsReadAndWrittenAgainAsItWas() throws {
        try OpenSSL.makeKey("k", in: folder.path)
        let key = try SigningKey(try text("k"))
        #expect(try key.text == text("k"))
        #expect(try key.publicKey.text == text("k.pub"))
        #expect(try VerifyingKey(text("k.pub")) == key.publicKey)
        // A key file may begin with words, as openssl x509 writes them, and a key may stand in a line.
        #expect(try VerifyingKey("Some words\n" + text("k.pub").replacing("\n", with: "\r\n")) == key.publicKey)
        let line = try text("k.pub").split(separator: "\n").dropFirst().dropLast().joined()
        #expect(try VerifyingKey(line) == key.publicKey)
    }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func openSSLReadsAndUsesOurKey() throws {
        let key = SigningKey()
        try folder.write(key.text, to: "k")
        try folder.write(key.publicKey.text, to: "k.pub")
        try folder.write("a message", to: "m")
        try folder.write(try key.signature(of: Array("a message".utf8)), to: "ours")
        #expect(try OpenSSL.verifies("m", "ours", by: "k.pub", in: folder.path))
        try OpenSSL.sign("m", by: "k", to: "theirs", in: folder.path)
        #expect(key.publicKey.verifies(try folder.read("theirs"), of: Array("a message".utf8)))
        #expect(!key.publicKey.verifies(try folder.read("theirs"), of: Array("a massage".utf8)))
        #expect(try !SigningKey().publicKey.verifies(folder.read("theirs"), of: Array("a message".utf8)))
    }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func otherKeysAreRefusedByName() throws {
        try OpenSSL.run(["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "rsa"], in: folder.path)
        try OpenSSL.run(["pkey", "-in", "rsa", "-pubout", "-out", "rsa.pub"], in: folder.path)
        try OpenSSL.run(["genpkey", "-algorithm", "ed448", "-out", "ed448"], in: folder.path)
        try OpenSSL.makeKey("k", in: folder.path)
        try OpenSSL.run(["pkcs8", "-topk8", "-in", "k", "-passout", "pass:x", "-out", "locked"], in: folder.path)
        for name in ["rsa", "ed448", "k.pub", "locked"] {
            #expect(throws: SignatureError.self, "\(name)") { try SigningKey(text(name)) }
        }
        for name in ["rsa.pub", "k"] { #expect(throws: SignatureError.self, "\(name)") { try VerifyingKey(text(name)) } }
        #expect(throws: SignatureError.badKey("it is a private key, which does not belong here")) { try VerifyingKey(text("k")) }
    }

    @Test(arguments: ["", "words", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", "AAAA"])
    func whatIsNoKeyIsRefused(text: String) {
        #expect(throws: SignatureError.self) { try VerifyingKey(text) }
        #expect(throws: SignatureError.self) { try SigningKey(text) }
    }

    /// A key that is added to a file would count for nothing.
    @Test func aFileIsOfOneKey() throws {
        let (one, other) = (SigningKey(), SigningKey())
        for text in [one.publicKey.text + other.publicKey.text, one.publicKey.text + other.text] {
            #expect(throws: SignatureError.badKey("it holds 2 keys, and a file is of one: give each its own file")) {
                try VerifyingKey(text)
            }
        }
        #expect(throws: SignatureError.self) { try SigningKey(one.text + one.publicKey.text) }
    }
}
