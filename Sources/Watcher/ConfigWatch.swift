import Arrivals
internal import Foundation
package import Logging
internal import Names

/// Watches a few small files for edits, however they are made: in place, by a rename over them (sed, vim), or by the swap of a link above
/// them (Kubernetes ConfigMap). Directories are watched, links are resolved afresh each time, and only other content counts. Which files
/// they are is asked each time, so that new ones are taken up.
package final class ConfigWatch: Sendable {
    private struct Mail {
        var isAsked = false
        var isStopped = false
    }

    private struct File: Sendable {
        var content: Data?
        var stamp: FileStamp?
        /// The time at which it was found missing. That is reported only once it lasts, since editors remove a file before they put the new
        /// one there.
        var missingSince: Duration?
        /// Tells whether it is missing and that need not be reported.
        var isKnownToBeMissing = true
    }

    /// The time between the first event of an edit and the look at its result: editors make several events of one edit.
    private static let debounce: Duration = .milliseconds(50)
    /// The time between two looks without an event. By these an edit is seen where inotify hears nothing, and a deletion is distinguished
    /// from a replacement.
    private static let safetyInterval: Duration = .seconds(1)

    private let initial: NameMap<File>
    private let listing: @Sendable () -> [String]
    private let inForce: @Sendable () -> [String]
    private let folders: [String]
    private let logger: Logger
    private let mailbox = Mailbox(Mail())

    /// Takes the present content of the files for known.
    ///
    /// - Parameters:
    ///   - files: says which files there are now.
    ///   - inForce: says which files the owner goes by. Such a file may have come, been read, and gone before this watch looked.
    ///   - folders: where new ones may appear.
    package init(
        files: @escaping @Sendable () -> [String], inForce: @escaping @Sendable () -> [String] = { [] }, folders: [String] = [],
        logger: Logger = Logger(label: "millrace.config-watch")
    ) {
        listing = files
        self.inForce = inForce
        self.folders = folders
        initial = NameMap(files().map { ($0, Self.look(at: $0)) }, uniquingKeysWith: { first, _ in first })
        self.logger = logger
    }

    /// Watches on the calling thread until `stop`; calls back on it with the path of each file, as it was given, that is new, whose content
    /// is not what it was, or that has been gone for a second; with nil where `ask` was called.
    package func run(changed: @Sendable (String?) -> Void) {
        let clock = WatchClock.system
        var events: InotifyEvents?
        do throws(WatcherError) { events = try InotifyEvents(wake: mailbox.wake) } catch { logger.warning("\(error)") }
        var files = initial
        var tokens: NameMap<Int> = [:]
        var lastToken = 0
        Self.watch(files.keys, folders, &tokens, &lastToken, events)
        var checkAt = clock.now() + Self.safetyInterval
        var isHinted = false
        while true {
            let mail = mailbox.take { mail in
                defer { mail.isAsked = false }
                return mail
            }
            if mail.isStopped { break }
            if mail.isAsked { changed(nil) }
            var heard: [DirectoryEvent] = []
            events?.take(into: &heard, now: clock.now())
            for case .lost(let token, _) in heard { tokens = tokens.filter { $0.value != token } }
            if !heard.isEmpty {
                isHinted = true
                checkAt = min(checkAt, clock.now() + Self.debounce)
            }
            if clock.now() >= checkAt {
                let listed = listing(), used = inForce()
                for path in listed where files[path] == nil { files[path] = File() }
                for path in used where files[path] == nil { files[path] = File(isKnownToBeMissing: false) }
                // A file that is gone stays until that has been reported, and while its owner goes by it.
                for path in files.keys
                where files[path]!.isKnownToBeMissing && files[path]!.content == nil && !listed.containsName(path)
                    && !used.containsName(path)
                {
                    files[path] = nil
                }
                for path in files.keys.sorted() where Self.hasChanged(&files[path]!, path, now: clock.now(), isHinted: isHinted) {
                    changed(path)
                }
                Self.watch(files.keys, folders, &tokens, &lastToken, events)
                isHinted = false
                checkAt = clock.now() + Self.safetyInterval
            }
            mailbox.wake.wait(timeout: max(checkAt - clock.now(), .zero))
        }
        events?.close()
    }

    /// Has `run` call back once without a change; may be called from any thread.
    package func ask() {
        mailbox.post { $0.isAsked = true }
    }

    /// Ends `run`; may be called from any thread.
    package func stop() {
        mailbox.post { $0.isStopped = true }
    }

    private static func hasChanged(_ file: inout File, _ path: String, now: Duration, isHinted: Bool) -> Bool {
        guard let stamp = FileStamp(path: path), let content = content(path) else {
            guard !file.isKnownToBeMissing else { return false }
            let since = file.missingSince ?? now
            file.missingSince = since
            guard now - since >= safetyInterval else { return false }
            file = File()
            return true
        }
        file.missingSince = nil
        file.isKnownToBeMissing = false
        if stamp == file.stamp, !isHinted { return false }
        file.stamp = stamp
        if content == file.content { return false }
        file.content = content
        return true
    }

    /// Reads the stamp before the content, so that what is written in between differs from it.
    private static func look(at path: String) -> File {
        let stamp = FileStamp(path: path), content = content(path)
        return File(content: content, stamp: stamp, isKnownToBeMissing: content == nil)
    }

    private static func content(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    /// Watches the folders, and every directory on the way of links from each path to its file.
    private static func watch(
        _ paths: some Sequence<String>, _ folders: [String], _ tokens: inout NameMap<Int>, _ lastToken: inout Int, _ events: InotifyEvents?
    ) {
        guard let events else { return }
        var wanted: NameSet = []
        for folder in folders {
            if let real = FoundEntry.realPath(folder) { wanted.insert(real) }
        }
        for path in paths {
            var next = path
            for _ in 0..<16 {
                let directory = (next as NSString).deletingLastPathComponent
                if let real = FoundEntry.realPath(directory) { wanted.insert(real) }
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: next) else { break }
                next = target.hasPrefix("/") ? target : directory + "/" + target
            }
        }
        for (directory, token) in tokens where !wanted.contains(directory) {
            events.forget(token: token)
            tokens[directory] = nil
        }
        for directory in wanted where tokens[directory] == nil {
            lastToken += 1
            if (try? events.watch(directory, token: lastToken, now: .zero)) != nil { tokens[directory] = lastToken }
        }
    }
}
