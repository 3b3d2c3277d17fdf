import Synchronization
package import SystemPackage

/// Describes one act on the disk whose place among the others matters, because others can see its effect, or because that outlives a power
/// failure.
package enum DiskAct: Hashable, Sendable {
    /// Looks at what stands under a name.
    case look(FilePath)
    case write(FilePath)
    case sync(FilePath)
    /// Syncs everything on the file system that has this directory.
    case syncFileSystem(FilePath)
    case rename(FilePath, to: FilePath)
    case link(FilePath, to: FilePath)

    private var paths: [FilePath] {
        switch self {
        case .look(let path), .write(let path), .sync(let path), .syncFileSystem(let path): [path]
        case .rename(let from, let to), .link(let from, let to): [from, to]
        }
    }

    func touches(_ folder: FilePath) -> Bool { paths.contains { $0.starts(with: folder) } }
}

/// Keeps the observers that are told of every act before it is done, and may refuse it as a failing disk would. The product has none; tests
/// look at the order of acts.
package enum DiskObservers {
    package typealias Observer = @Sendable (DiskAct) -> Errno?

    private static let count = Atomic(0)
    private static let observers = Mutex<[Int: (folder: FilePath, observer: Observer)]>([:])
    private static let numbers = Atomic(0)

    /// Tells `observer` of the acts of every thread below `folder` while `body` runs.
    package static func observe<T>(below folder: FilePath, _ observer: @escaping Observer, while body: () throws -> T) rethrows -> T {
        let number = numbers.add(1, ordering: .relaxed).newValue
        observers.withLock { $0[number] = (folder, observer) }
        count.add(1, ordering: .sequentiallyConsistent)
        defer {
            count.subtract(1, ordering: .sequentiallyConsistent)
            observers.withLock { $0[number] = nil }
        }
        return try body()
    }

    /// Returns the reason why an observer refuses the act; nil where none does.
    static func refusal(of act: @autoclosure () -> DiskAct) -> Errno? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        let act = act()
        for (folder, observer) in observers.withLock({ Array($0.values) }) where act.touches(folder) {
            if let refusal = observer(act) { return refusal }
        }
        return nil
    }
}
