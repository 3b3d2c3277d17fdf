import Landing
import SystemPackage
import TestSupport
import Testing

@Suite struct FileDigestTests {
    @Test func knownDigests() throws {
        let folder = try TemporaryDirectory("digest")
        try folder.write("abc", to: "abc")
        #expect(try FileDigest.of(FilePath(folder("abc"))).digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(FileDigest.of(bytes: "abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
