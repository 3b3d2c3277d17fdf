internal import Names

/// Numbers the names that many rows share: pipelines, output roots, revisions. Each name is looked up once, and kept.
///
/// It is used only on the queue of its connection. It must forget its names after a rollback, because what was added in the transaction is
/// not there.
final class NameTable {
    private let find: StaticString
    private let add: StaticString
    private let read: StaticString
    /// The words for a message about a number without a name.
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

    /// Returns the number of a name; nil where the name was never added.
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
