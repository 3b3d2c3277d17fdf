import FileSystem
import Synchronization
import SystemPackage
import Testing

@testable import Landing

/// What happens on the disk below one directory, in order.
final class Acts: Sendable {
    enum Entry: Hashable, Sendable {
        case act(DiskAct)
        /// Something that is no act of the disk, such as the ledger's commit.
        case note(String)
    }

    private let entries = Mutex<[Entry]>([])

    /// Records while `body` runs. `refusing` answers as a disk that fails.
    @discardableResult
    func record<T>(
        below folder: String, refusing: @escaping @Sendable (DiskAct) -> Errno? = { _ in nil }, while body: () throws -> T
    ) rethrows -> T {
        try DiskObservers.observe(
            below: FilePath(folder),
            { [self] act in
                entries.withLock { $0.append(.act(act)) }
                return refusing(act)
            }, while: body)
    }

    func note(_ text: String) { entries.withLock { $0.append(.note(text)) } }

    var all: [Entry] { entries.withLock { $0 } }

    /// Where the first entry of that kind is after `start`.
    func first(after start: Int = -1, _ isWanted: (DiskAct) -> Bool) throws -> Int {
        let all = all
        return try #require(
            all.indices.first { index in
                guard index > start, case .act(let act) = all[index] else { return false }
                return isWanted(act)
            }, "\(all)")
    }

    func first(_ act: DiskAct, after start: Int = -1) throws -> Int { try first(after: start) { $0 == act } }

    func note(named text: String) throws -> Int { try #require(all.firstIndex(of: .note(text))) }

    func has(_ act: DiskAct, in range: Range<Int>) -> Bool { all[range].contains(.act(act)) }
}

extension DiskAct {
    var isWriteOfManifest: Bool {
        if case .write(let path) = self { path.string.contains("/_millrace/manifest-") } else { false }
    }
}
