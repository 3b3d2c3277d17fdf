import Arrivals
import TestSupport
import Testing

@Suite struct SpoolPlaceTests {
    /// A file system takes `é` as one code point and as two for two names; `String` takes them for one.
    @Test func pathsAreComparedAsBytes() {
        let composed = SpoolPlace("p", "\u{E9}.csv"), decomposed = SpoolPlace("p", "e\u{301}.csv")
        #expect(composed.path == decomposed.path)
        #expect(composed != decomposed && Set([composed, decomposed, composed]).count == 2)
    }

    @Test func spoolsOfOnePipelineAreApart() {
        #expect(SpoolPlace("p/data", "a.csv") != SpoolPlace("p/labelled", "a.csv"))
        #expect("\(SpoolID("p", .labelled))" == "p/labelled")
    }

    /// What was read of a file is the same whether or not it is known how it settled.
    @Test func anArrivedFileIsTheSameByPlaceDigestAndStamp() {
        let stamp = FileStamp(device: 1, inode: 2, size: 3, changed: 4)
        let file = ArrivedFile(SpoolPlace("p", "a.csv"), digest: "d", stamp: stamp, outputKey: "a", settledBy: "renamed")
        #expect(file.isSame(as: ArrivedFile(SpoolPlace("p", "a.csv"), digest: "d", stamp: stamp)))
        #expect(!file.isSame(as: ArrivedFile(SpoolPlace("p", "a.csv"), digest: "e", stamp: stamp)))
        #expect(!file.isSame(as: ArrivedFile(SpoolPlace("p", "a.csv"), digest: "d", stamp: .none)))
    }
}
