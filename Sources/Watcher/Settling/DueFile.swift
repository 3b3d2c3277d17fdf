internal import Names

/// Describes a file that is due at a time. Files are ordered by it, then as those of one scan are delivered (SEMANTICS 3): models first,
/// then the oldest first.
struct DueFile: Comparable {
    var time: Duration
    var order: Int
    var changed: Int64
    var spool: Int
    var path: String

    static func < (a: DueFile, b: DueFile) -> Bool {
        if a.time != b.time { return a.time < b.time }
        if a.order != b.order { return a.order < b.order }
        if a.changed != b.changed { return a.changed < b.changed }
        return Name(a.path) < Name(b.path)
    }
}
