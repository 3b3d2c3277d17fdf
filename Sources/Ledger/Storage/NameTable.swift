internal import Names

/// A table that numbers names which many rows share: pipelines, output roots, revisions. Each is looked up once, and kept.
///
/// Used only on the queue of its connection, and to be forgotten after a rollback: what was added in it is not there.
final class NameTable {
    private let find: StaticString
    private let add: StaticString
    private let read: StaticString
    /// For who meets a number without a name.
    private let what: String
    private var keys: NameMap<Int64> = [:]
    private var names: [Int64: String] = [:]

    /// - Parameters:
    ///   - find: selects the number of a name.
    ///   - add: inserts a name.
    ///   - read: selects the name of a number.
    init(of what: String, find: StaticString, add: StaticString, read: StaticString) {
        self.what = what
        self.find = find
        self.add = add
        self.read = read
    }

    /// Nil where it was never added.
    func key(_ name: String, on connection: Connection) throws(LedgerError) -> Int64? {
        if let key = keys[name] { return key }
        guard let key = try connection.first(find, name, row: { $0.integer(0) }) else { return nil }
        keep(name, key)
        return key
    }

    func addedKey(_ name: String, on connection: Connection) throws(LedgerError) -> Int64 {
        if let key = try key(name, on: connection) { return key }
        let key = try connection.insert(add, name)
        keep(name, key)
        return key
    }

    func name(_ key: Int64, on connection: Connection) throws(LedgerError) -> String {
        if let name = names[key] { return name }
        guard let name = try connection.first(read, key, row: { $0.text(0) }) else {
            throw .damaged(path: connection.path, doing: "read the name of \(what)", message: "there is no number \(key)")
        }
        keep(name, key)
        return name
    }

    func forget() {
        keys = [:]
        names = [:]
    }

    private func keep(_ name: String, _ key: Int64) {
        keys[name] = key
        names[key] = name
    }
}
