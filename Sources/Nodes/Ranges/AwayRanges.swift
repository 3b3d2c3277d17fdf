import Attempts
import WorkerProtocol

/// Gives ranges of a file that another machine scores, which claims them.
struct AwayRanges: RangeOwner {
    let parts: String
    let worker: JoinedWorker
    let reference: AttemptReference

    func claim() -> Int? {
        guard case .claimed(reference, let range) = worker.ask(.claim(reference: reference), within: .seconds(5)) else { return nil }
        return range
    }

    func end(_ range: Int, _ part: AttemptResult.WrittenFile?) { worker.tell(.scored(reference: reference, range: range, part: part)) }
}
