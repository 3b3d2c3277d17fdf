internal import CInotifyTools
internal import Glibc
internal import Synchronization

/// Makes the only use of libinotifytools in the process, since its state is global. One thread of its own takes the events, one at a time,
/// for as long as the process lives, and puts each into the queues of those who watch its directory; watches are made and removed under one
/// lock. The library's wait shares nothing with its table of watches but the last error, in place of which `errno` is read here.
///
/// The library has its limits. It is initialized once and never again (it would return events of the old instance), its descriptor is found
/// in /proc/self/fd, events are waited for without a limit (its limits count whole seconds) and taken one at a time (more would spin), its
/// path table and its regular expressions are not used (the one goes stale, the other swallow overflows). How much it has buffered cannot
/// be asked, so that only a thread that always waits in it hears everything at once.
///
/// The number of a new watch cannot be asked for either, but by a path, and a path that was watched before gives the number of its dead
/// watch. So each watch is made under a spelling of its own: `/`, then a counter in binary with `/` for 0 and `./` for 1, then the path.
final class InotifyInstance: Sendable {
    /// Describes an event as it was heard, with its name copied out of the library's buffer.
    struct Heard {
        var token: Int
        var mask: UInt32
        /// The name in the directory. It is empty for the directory itself, and nil where it is not UTF-8.
        var name: String?
    }

    struct Taken {
        var events: [Heard] = []
        var hasOverflowed = false
    }

    private struct Listener {
        /// The events that it has not taken yet.
        var heard = Taken()
        /// The pipe that is signalled when the first of these comes.
        let wake: WakePipe
    }

    private struct Watched {
        /// The listeners and their tokens. There may be several, since two spools may share a directory.
        var owners: [(listener: Int, token: Int)]
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var nextListener = 0
        var watches: [CInt: Watched] = [:]
        var descriptors: [Int: [Int: CInt]] = [:]
        var spellings: UInt32 = 0
    }

    /// The most events that wait for one listener; more count as an overflow, as in the kernel.
    static let queueLimit = 262_144

    static let mask = UInt32(
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
    private static let onlyDirectory: UInt32 = 0x0100_0000
    private static let dontFollow: UInt32 = 0x0200_0000
    private static let excludeUnlinked: UInt32 = 0x0400_0000

    static let shared: Result<InotifyInstance, WatcherError> = {
        do throws(WatcherError) { return .success(try InotifyInstance()) } catch { return .failure(error) }
    }()

    let descriptor: CInt
    private let state = Mutex(State())

    private init() throws(WatcherError) {
        let before = Self.inotifyDescriptors()
        guard inotifytools_initialize() != 0 else { throw .noInstance(errno: inotifytools_error()) }
        guard let descriptor = Self.inotifyDescriptors().subtracting(before).max() else { throw .noInstance(errno: ENOENT) }
        guard descriptor < 1024 else { throw .descriptorTooHigh(descriptor) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.descriptor = descriptor
        startReading()
    }

    /// Adds a listener.
    /// - Parameter wake: the pipe that is signalled when there is something to take.
    func subscribe(wake: WakePipe) -> Int {
        state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = Listener(wake: wake)
            state.descriptors[state.nextListener] = [:]
            return state.nextListener
        }
    }

    func unsubscribe(_ listener: Int) {
        state.withLock { state in
            for (token, watch) in state.descriptors.removeValue(forKey: listener) ?? [:] {
                Self.release(watch, listener: listener, token: token, &state)
            }
            state.listeners[listener] = nil
        }
    }

    func watch(_ path: String, listener: Int, token: Int) throws(WatcherError) {
        let failure: CInt = state.withLock { state in
            guard state.listeners[listener] != nil else { return EBADF }
            guard let watch = Self.add(path, &state) else { return errno }
            state.watches[watch, default: Watched(owners: [])].owners.append((listener, token))
            state.descriptors[listener]?[token] = watch
            return 0
        }
        switch failure {
        case 0: return
        case ENOSPC, ENOMEM: throw .watchLimit(path: path)
        case ENOENT: throw .missing(path: path)
        case ENOTDIR, ELOOP: throw .notADirectory(path: path)
        default: throw .cannotWatch(path: path, errno: failure)
        }
    }

    func unwatch(listener: Int, token: Int) {
        state.withLock { state in
            guard let watch = state.descriptors[listener]?.removeValue(forKey: token) else { return }
            Self.release(watch, listener: listener, token: token, &state)
        }
    }

    /// Returns what `listener` heard since the last call, in order.
    func take(_ listener: Int) -> Taken {
        state.withLock { state in
            defer { state.listeners[listener]?.heard = Taken() }
            return state.listeners[listener]?.heard ?? Taken()
        }
    }

    /// Runs `body` while the reading thread takes nothing, so that events gather in the kernel's queue.
    func withholding<T>(_ body: () throws -> T) rethrows -> T { try state.withLock { _ in try body() } }

    // MARK: The thread that reads

    private func startReading() {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { start in
                Unmanaged<InotifyInstance>.fromOpaque(start!).takeUnretainedValue().read()
                return nil
            }, start)
        pthread_detach(thread)
    }

    private func read() {
        if let name = fopen("/proc/thread-self/comm", "we") {
            fputs("inotify", name)
            fclose(name)
        }
        while true {
            if let event = inotifytools_next_event(-1) {
                // The pipes are signalled once the lock is free: a thread that is woken wants it first of all.
                for wake in state.withLock({ Self.distribute(event, &$0) }) { wake.signal() }
            } else if errno != EINTR {
                sleep(1)
            }
        }
    }

    // MARK: Under the lock

    private static func add(_ path: String, _ state: inout State) -> CInt? {
        state.spellings &+= 1
        var spelled = "/"
        var counter = state.spellings
        while counter > 0 {
            spelled += counter & 1 == 0 ? "/" : "./"
            counter >>= 1
        }
        spelled += "/" + path.drop { $0 == "/" }
        let flags = mask | onlyDirectory | dontFollow | excludeUnlinked
        guard inotifytools_watch_file(spelled, CInt(bitPattern: flags)) != 0 else { return nil }
        // The library appends a slash to a directory's path.
        let watch = inotifytools_wd_from_filename(spelled.utf8.last == UInt8(ascii: "/") ? spelled : spelled + "/")
        return watch > 0 ? watch : nil
    }

    private static func release(_ watch: CInt, listener: Int, token: Int, _ state: inout State) {
        state.watches[watch]?.owners.removeAll { $0.listener == listener && $0.token == token }
        guard let left = state.watches[watch], left.owners.isEmpty else { return }
        state.watches[watch] = nil
        inotifytools_remove_watch_by_wd(watch)
    }

    /// Puts the event into the queues of its listeners, and returns the pipes of those to wake.
    private static func distribute(_ event: UnsafeMutablePointer<inotify_event>, _ state: inout State) -> [WakePipe] {
        let mask = event.pointee.mask
        if mask & UInt32(IN_Q_OVERFLOW) != 0 {
            for id in state.listeners.keys { state.listeners[id]!.heard.hasOverflowed = true }
            return state.listeners.values.map(\.wake)
        }
        let watch = event.pointee.wd
        guard let watched = state.watches[watch] else { return [] }
        let name = name(of: event)
        let woken = watched.owners.compactMap { owner in
            give(Heard(token: owner.token, mask: mask, name: name), to: owner.listener, &state)
        }
        if mask & UInt32(IN_IGNORED) != 0 {
            state.watches[watch] = nil
            for owner in watched.owners { state.descriptors[owner.listener]?[owner.token] = nil }
        }
        return woken
    }

    /// Puts the event into the queue of one listener, and returns its pipe where this is the first event that waits.
    private static func give(_ event: Heard, to listener: Int, _ state: inout State) -> WakePipe? {
        // The queue is changed in place, since a copy of the listener would be a copy of its queue.
        guard let index = state.listeners.index(forKey: listener) else { return nil }
        let waiting = state.listeners.values[index].heard.events.count
        if waiting >= queueLimit {
            state.listeners.values[index].heard.hasOverflowed = true
        } else {
            state.listeners.values[index].heard.events.append(event)
        }
        return waiting == 0 ? state.listeners.values[index].wake : nil
    }

    /// Returns the name without the zeros that the kernel adds at its end; nil where it is not UTF-8.
    private static func name(of event: UnsafeMutablePointer<inotify_event>) -> String? {
        let start = UnsafeRawPointer(event).advanced(by: MemoryLayout<inotify_event>.size)
        let padded = UnsafeRawBufferPointer(start: start, count: Int(event.pointee.len))
        return String(validating: padded.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func inotifyDescriptors() -> Set<CInt> {
        guard let directory = opendir("/proc/self/fd") else { return [] }
        defer { closedir(directory) }
        var found: Set<CInt> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let number = CInt(name) else { continue }
            var target = [CChar](repeating: 0, count: 64)
            let length = readlink("/proc/self/fd/\(number)", &target, target.count)
            if length > 0, target.prefix(length).elementsEqual("anon_inode:inotify".utf8.map(CChar.init(bitPattern:))) {
                found.insert(number)
            }
        }
        return found
    }
}
