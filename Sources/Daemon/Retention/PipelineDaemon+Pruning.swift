import Arrivals
import Foundation
import Ledger
import Logging

extension PipelineDaemon {
    /// How often what `retain` does not keep is let go.
    private static let pruneInterval: Duration = .seconds(3600)

    /// The thread that lets go what `retain` does not keep, until the daemon is to end.
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
