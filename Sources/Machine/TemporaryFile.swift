#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Makes files without names.
package enum TemporaryFile {
    /// The words that name the step in a message about its failure.
    package static let making = "making a temporary file"

    /// Returns the descriptor of a new file in `directory`, which is gone when it is closed; a negative number, with `errno`, where none
    /// can be made.
    package static func open(in directory: String) -> Int32 {
        let made = Glibc.open(directory, O_RDWR | __O_TMPFILE | O_CLOEXEC, 0o600)
        if made >= 0 { return made }
        // On file systems without O_TMPFILE, it gets a name that is removed at once.
        var template = Array("\(directory)/.millrace-XXXXXX".utf8CString)
        let named = mkstemp(&template)
        if named >= 0 {
            _ = fcntl(named, F_SETFD, FD_CLOEXEC)
            unlink(template)
        }
        return named
    }
}
