import Arrivals
import Foundation
import Ledger
import Logging

extension PipelineDaemon {
    /// The time between two rounds that let go what `retain` does not keep.
    private static let pruneInterval: Duration = .seconds(3600)

    /// Lets go what `retain` does not keep, until the daemon is to end. A thread of its own calls it.
    func prune() {
        var next = ContinuousClock.now + .seconds(60)
        while !mustEnd {
            Thread.sleep(forTimeInterval: 0.25)
            guard ContinuousClock.now >= next else { continue }
            next = ContinuousClock.now + Self.pruneInterval
            do {
                for share in try retention(at: .now).apply(dry: false) {
                    log.notice(
                        "what `retain` does not keep went",
                        metadata: [
                            "pipeline.name": "\(share.pipeline)", "kind": "\(share.kind.rawValue)", "count": "\(share.count)",
                            "bytes": "\(share.bytes)",
                        ])
                }
            } catch {
                log.warning("what `retain` does not keep stays", metadata: ["reason": "\(error)"])
            }
        }
    }
}
