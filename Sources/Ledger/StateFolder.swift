import Glibc

/// Makes and opens what is in the state folder, which is `ROOT/.millrace` or the folder that `state:` names. The ledger and the lock share
/// it: only the daemon's user may enter it, whatever the umask is and whatever mode the folder had. The daemon answers everybody else
/// through `LedgerServer`.
enum StateFolder {
    private static let folderMode: mode_t = 0o700
    private static let fileMode: mode_t = 0o600

    static func make(_ path: String) throws(LedgerError) {
        var result = mkdir(path, folderMode)
        if result != 0, errno == ENOENT {
            makeAbove(path)
            result = mkdir(path, folderMode)
        }
        if result != 0, errno != EEXIST { throw .stateFolder(path: path, message: message(errno)) }
        var found = stat()
        // Only the owner can change its mode. A command of another user works with the mode that it has.
        if stat(path, &found) == 0, found.st_mode & 0o777 != folderMode { _ = chmod(path, folderMode) }
    }

    /// Makes the folders above, which other users may enter.
    private static func makeAbove(_ path: String) {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
        let above = String(path[..<slash])
        if mkdir(above, 0o755) != 0, errno == ENOENT {
            makeAbove(above)
            mkdir(above, 0o755)
        }
    }

    /// Returns whether it belongs to another user, who lets nobody in.
    static func isClosed(_ path: String) -> Bool { access(path, R_OK | X_OK) != 0 && errno == EACCES }

    /// Opens a file of the state folder, and makes it where it is missing.
    static func open(_ path: String, _ flags: Int32, in folder: String) -> Int32 {
        let file = Glibc.open(path, flags | O_CREAT | O_CLOEXEC, fileMode)
        guard file >= 0 else { return file }
        var found = stat()
        guard fstat(file, &found) == 0 else { return file }
        if found.st_mode & 0o777 != fileMode { _ = fchmod(file, fileMode) }
        var owner = stat()
        // What root makes for a daemon of another user is that user's.
        if geteuid() == 0, stat(folder, &owner) == 0, owner.st_uid != found.st_uid { _ = fchown(file, owner.st_uid, owner.st_gid) }
        return file
    }

    /// Gives the ledger's files a mode that only the owner can use. SQLite makes its log and its index with the mode of the ledger.
    static func makeLedgerPrivate(_ path: String, in folder: String) {
        let file = open(path, O_RDWR, in: folder)
        if file >= 0 { close(file) }
        for beside in [path + "-wal", path + "-shm"] { _ = chmod(beside, fileMode) }
    }

    static func message(_ code: Int32) -> String { String(cString: strerror(code)) }
}
