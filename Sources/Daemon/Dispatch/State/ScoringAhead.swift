import Arrivals
import Attempts
import Watcher

/// Keeps which large data files are being read for their digests, and of which one ranges are scored meanwhile: one at a time, so that no
/// more than one file's parts take room on the disk without a run.
final class ScoringAhead {
    /// Describes the file of which ranges are scored.
    private struct Current {
        let file: CompleteFile
        let version: Int
        let revision: String
        let order: AheadOrder
        /// The number of the file, once it has one.
        var arrival: Int64?
    }

    /// The files that are being read and of which nothing is scored, in the order in which they were begun.
    private var waiting: [CompleteFile] = []
    private var current: Current?
    private var count = 0

    /// The number of waiting files that are kept; others are scored when they have a run.
    private static let mostWaiting = 64

    // MARK: What happens to files

    /// Takes note that a large part of a file is still to be read.
    func isRead(_ file: CompleteFile) {
        if let current, current.file.place == file.place {
            if current.file.stamp == file.stamp { return }
            discard()
        }
        waiting.removeAll { $0.place == file.place }
        if waiting.count < Self.mostWaiting { waiting.append(file) }
    }

    /// Takes note that a file has its number, and waits for its run.
    func isNumbered(_ file: ArrivedFile, _ arrival: Int64) {
        waiting.removeAll { $0.place == file.place }
        guard let found = current, found.file.place == file.place else { return }
        if found.file.stamp == file.stamp { current?.arrival = arrival } else { discard() }
    }

    /// Forgets a file that will have no run, or not as it was.
    func forget(_ place: SpoolPlace) {
        waiting.removeAll { $0.place == place }
        if current?.file.place == place { discard() }
    }

    /// Forgets an arrival that will not start, or not as it is known here.
    func forget(_ arrival: Int64) {
        if current?.arrival == arrival { discard() }
    }

    // MARK: What is scored

    /// Throws away what was scored where it is not what would begin now.
    /// - Parameter binding: returns the version and the revision that would score new data of a pipeline.
    func verify(_ binding: (String) -> (version: Int, revision: String)?) {
        guard let found = current else { return }
        let now = binding(found.file.place.pipeline)
        if !found.order.isOpen || now?.version != found.version || now?.revision != found.revision { discard() }
    }

    /// Takes out the first file that `isMeant` says may begin; nil where there is none, or where another one is under way.
    func next(where isMeant: (CompleteFile) -> Bool) -> CompleteFile? {
        guard current == nil, let index = waiting.firstIndex(where: isMeant) else { return nil }
        return waiting.remove(at: index)
    }

    /// Returns a number for a folder of parts, which no other has.
    func number() -> Int {
        count += 1
        return count
    }

    func begin(_ file: CompleteFile, version: Int, revision: String, _ order: AheadOrder) {
        current = Current(file: file, version: version, revision: revision, order: order)
    }

    /// Takes out the order for the file of an arrival whose run is open; nil where there is none for the file as it was numbered.
    func take(_ file: ArrivedFile) -> AheadOrder? {
        guard let found = current, found.file.place == file.place else { return nil }
        guard found.file.stamp == file.stamp else {
            discard()
            return nil
        }
        current = nil
        return found.order
    }

    /// Throws away what was scored.
    func discard() {
        current?.order.discard()
        current = nil
    }
}
