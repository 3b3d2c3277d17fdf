internal import Reasons

/// Lists the names that writers give to what is not finished, and the litter of sync tools, editors and desktops. A name that is none of
/// these proves nothing: many writers leave no mark at all.
enum TemporaryNames {
    struct Form: Sendable {
        let rule: Rule
        let reason: String
        let matches: @Sendable (String.UTF8View) -> Bool
    }

    /// The names of directories that the rule for names with a dot or an underscore would not hide.
    static let directories: [Form] = [
        suffix(".inprogress", of: "Flink writes here"),
        Form(rule: .nameSystem, reason: "the file system's own directory") { $0.elementsEqual("lost+found".utf8) },
    ]

    static let files: [Form] = [
        suffix(".partial", of: "rclone and Internet Explorer write here"),
        suffix(".part", of: "Firefox, Nextcloud and Telegram write here"),
        suffix(".filepart", of: "WinSCP writes here"),
        suffix(".crdownload", of: "Chrome and Edge write here"),
        suffix(".download", of: "Safari writes here"),
        suffix(".incomplete", of: "the Hugging Face client writes here"),
        suffix(".tmp", of: "a temporary file"),
        suffix(".temp", of: "a temporary file"),
        suffix(".aria2", of: "aria2's control file"),
        suffix(".lftp-pget-status", of: "lftp's control file"),
        suffix("._COPYING_", of: "hadoop fs writes here"),
        suffix("_.gstmp", of: "gsutil and gcloud storage write here"),
        suffix("_.gztmp", of: "gsutil and gcloud storage write here"),
        suffix(".swp", of: "vim's swap file"),
        suffix(".swx", of: "vim's swap file"),
        suffix("~", of: "an editor's backup"),
        suffix(".kate-swp", of: "Kate's swap file"),
        prefix("tmp_", of: "DuckDB writes here when it replaces a file"),
        prefix("~", of: "a lock or temporary file of an office program or Syncthing"),
        prefix("#", of: "Emacs saves here"),
        Form(rule: .nameTemporary, reason: "Flink writes here") { contains($0, ".inprogress.") },
        Form(rule: .nameConflict, reason: "Syncthing's copy of the losing side of a conflict") { contains($0, ".sync-conflict-") },
        Form(rule: .nameConflict, reason: "a sync tool's copy of the losing side of a conflict") { contains($0, "conflicted copy") },
        Form(rule: .nameTemporary, reason: "aws s3 writes here") { name in
            name.count > 9 && name.dropLast(8).last == UInt8(ascii: ".") && name.suffix(8).allSatisfy(isHexDigit)
        },
        Form(rule: .nameTemporary, reason: "sed -i writes here") { name in
            name.count == 9 && name.starts(with: "sed".utf8) && name.dropFirst(3).allSatisfy(isLetterOrDigit)
        },
        Form(rule: .nameSystem, reason: "vim tries out the directory with this name") { $0.elementsEqual("4913".utf8) },
        Form(rule: .nameSystem, reason: "a desktop's own file") { name in
            ["Thumbs.db", "desktop.ini", "Icon\r"].contains { name.elementsEqual($0.utf8) }
        },
    ]

    /// The suffixes of marks that are beside a file under its final name while it is being downloaded.
    static let marksOfProgress = [".aria2", ".lftp-pget-status", ".part", ".crdownload"]

    private static func suffix(_ suffix: String, of reason: String) -> Form {
        let bytes = Array(suffix.utf8)
        return Form(rule: .nameTemporary, reason: "a name ending in \(suffix): \(reason)") {
            $0.count >= bytes.count && $0.suffix(bytes.count).elementsEqual(bytes)
        }
    }

    private static func prefix(_ prefix: String, of reason: String) -> Form {
        let bytes = Array(prefix.utf8)
        return Form(rule: .nameTemporary, reason: "a name beginning with \(prefix): \(reason)") { $0.starts(with: bytes) }
    }

    private static func contains(_ name: String.UTF8View, _ part: StaticString) -> Bool {
        part.withUTF8Buffer { part in
            var rest = name[...]
            while rest.count >= part.count {
                if rest.starts(with: part) { return true }
                rest = rest.dropFirst()
            }
            return false
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): true
        default: false
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: false
        }
    }
}
