import PipelineConfig
import Testing

@testable import Daemon

@Suite struct AbsentColumnsTests {
    @Test func eachColumnIsSaidOnce() throws {
        let parts = try PartsOfDispatcher(DiskWorld.yaml + "\nprivacy: { drop: [mail, phone] }\n")
        let absent = AbsentColumns()
        #expect(absent.news([], of: parts.pipeline) == [] && absent.news(["mail"], of: parts.pipeline) == ["mail"])
        #expect(absent.news(["mail", "phone"], of: parts.pipeline) == ["phone"])
        #expect(absent.news(["mail", "phone"], of: parts.pipeline) == [])
        // An attempt that began before an edit tells of columns that are not named any more.
        #expect(absent.news(["other"], of: parts.pipeline) == [])
    }
}
