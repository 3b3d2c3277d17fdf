internal import Names
internal import Reasons
internal import Recipes

/// Reads `privacy`.
struct PrivacyReader {
    private let top: Section
    private let reading: ReadingContext

    init(_ top: Section) {
        self.top = top
        reading = top.reading
    }

    func privacy() -> Privacy {
        guard let section = top.section("privacy", keys: ["drop", "hash", "key", "show_values"]) else { return Privacy() }
        let drop = section.names("drop") ?? [], hash = section.names("hash") ?? []
        let showsValues = section.boolean("show_values") ?? false
        let both = NameSet(drop)
        if let name = hash.first(where: { both.contains($0) }) {
            section.refuse(.contradiction, "hash", "\"\(name.clipped)\" is left out by `drop` too", "remove one of them")
        }
        if showsValues, !drop.isEmpty || !hash.isEmpty {
            section.refuse(
                .contradiction, "show_values", "an error may quote a whole row, with the columns that `drop` and `hash` name in it",
                "write false, or name no columns")
        }
        let key = key(section, isUsed: !hash.isEmpty)
        let rows = drop.isEmpty && hash.isEmpty ? nil : RowPrivacy(drop: drop, hash: hash, key: key)
        return Privacy(rows: rows, showsValues: showsValues)
    }

    /// Returns whether the last part of a path looks like random digits, which no message may quote.
    private static func isKeyItself(_ path: String) -> Bool {
        let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? [][...]
        return name.count >= 32
            && name.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// Returns the key of the hashes: the one that the pipeline names, or that of the root. The latter is made where it is missing, if the
    /// reader may do so; a reader that may not goes without.
    private func key(_ section: Section, isUsed: Bool) -> PrivacyKey? {
        let named = section.folder("key")
        if section.has("key"), !isUsed {
            section.refuse(.contradiction, "key", "there is a key, and nothing is hashed", "name the columns in `hash`, or remove it")
            return nil
        }
        guard isUsed else { return nil }
        let path = named ?? PrivacyKeyFile.path(state: reading.defaults.state)
        do throws(PipelineFile.Unreadable) {
            if let key = try PrivacyKeyFile.read(path) { return key }
            if named == nil { return reading.makesKeys ? try PrivacyKeyFile.make(path) : nil }
            section.refuse(
                .badValue, "key",
                Self.isKeyItself(path) ? "the key itself stands here, and not the path of its file" : "there is no file \(path)",
                "make one with: openssl rand -hex 32 > FILE; chmod 600 FILE")
        } catch {
            // An operator who asks the daemon need not be able to read its key.
            if error.rule == .machineFault, !reading.makesKeys { return nil }
            section.refuse(error.rule, named == nil ? "hash" : "key", error.fault, error.remedy)
        }
        return nil
    }
}
