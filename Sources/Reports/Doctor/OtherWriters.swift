import Foundation
import Glibc

/// Says who beside the daemon's user and root may change what is at a path, by the owners and modes of the path and of the folders above it.
struct OtherWriters {
    /// Says what is found at one path.
    struct Finding: Encodable, Hashable, Sendable {
        let path: String
        /// What the daemon has the path for.
        let use: String
        let what: String
        let remedy: String
        /// Tells whether it must be mended: otherwise it may be meant.
        let mustBeMended: Bool
    }

    /// Says what the daemon has a path for, and so what others may do with it.
    enum Use: Hashable, Sendable {
        /// Somebody drops files there.
        case spool(String)
        /// The daemon publishes there.
        case published(String)
        /// Only the daemon writes there.
        case own(String)
        /// It says what the daemon does.
        case settings(String)

        var words: String {
            switch self {
            case .spool(let words), .published(let words), .own(let words), .settings(let words): words
            }
        }
    }

    private let user: uid_t

    /// - Parameter user: the daemon's user.
    init(user: uid_t = geteuid()) { self.user = user }

    /// Returns what is found at a path and above it. What is not there yet is judged by the folders in which it would be made.
    func findings(at path: String, _ use: Use) -> [Finding] {
        var found: [Finding] = []
        var path = Self.real(path)
        if let status = Self.status(path) { found += own(path, status, use) }
        while path != "/" {
            path = (path as NSString).deletingLastPathComponent
            if let status = Self.status(path) { found += above(path, status, use) }
        }
        return found
    }

    // MARK: One path

    private func own(_ path: String, _ status: stat, _ use: Use) -> [Finding] {
        var found: [Finding] = []
        func add(_ what: String, _ remedy: String, _ mustBeMended: Bool) {
            found.append(Finding(path: path, use: use.words, what: what, remedy: remedy, mustBeMended: mustBeMended))
        }
        let isSpool = if case .spool = use { true } else { false }
        let isOwn =
            switch use {
            case .own, .settings: true
            case .spool, .published: false
            }
        if let owner = other(status) {
            // Who drops files may well own the spool.
            add("it belongs to \(owner), who may change it", "chown \(Self.user(user)) \(path)", !isSpool)
        }
        if status.st_mode & 0o002 != 0 {
            add("everybody on this machine may write there", "chmod o-w \(path)", true)
        } else if status.st_mode & 0o020 != 0, status.st_gid != 0 {
            add("the members of group \(Self.group(status.st_gid)) may write there", "chmod g-w \(path)", isOwn)
        }
        return found
    }

    /// Who may write in a folder may put another one in the place of what is in it; where the sticky bit is set, only its owners may.
    private func above(_ path: String, _ status: stat, _ use: Use) -> [Finding] {
        let words = "a folder above \(use.words)"
        if let owner = other(status) {
            return [
                Finding(
                    path: path, use: words, what: "it belongs to \(owner), who may put something else in the place of what is in it",
                    remedy: "chown \(Self.user(user)) \(path), or use another folder", mustBeMended: true)
            ]
        }
        guard status.st_mode & 0o1000 == 0 else { return [] }
        let others = status.st_mode & 0o002 != 0, group = status.st_mode & 0o020 != 0 && status.st_gid != 0
        guard others || group else { return [] }
        let who = others ? "everybody on this machine" : "the members of group \(Self.group(status.st_gid))"
        return [
            Finding(
                path: path, use: words, what: "\(who) may put something else in the place of what is in it",
                remedy: "chmod \(others ? "o-w" : "g-w") \(path)", mustBeMended: others)
        ]
    }

    /// The name of the owner, where that is neither root nor the daemon's user.
    private func other(_ status: stat) -> String? {
        status.st_uid == 0 || status.st_uid == user ? nil : Self.user(status.st_uid)
    }

    // MARK: Names

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    /// Returns the path without links; of what is not there, that of the folders that are.
    private static func real(_ path: String) -> String {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        if path == "/" || path.isEmpty { return "/" }
        let above = real((path as NSString).deletingLastPathComponent)
        return (above as NSString).appendingPathComponent((path as NSString).lastPathComponent)
    }

    static func user(_ id: uid_t) -> String { getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? "\(id)" }
    private static func group(_ id: gid_t) -> String { getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? "\(id)" }
}
