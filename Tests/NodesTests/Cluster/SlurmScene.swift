import Foundation
import PipelineConfig
import TestSupport

@testable import Nodes

/// One root's supply on the cluster, its workers and its demand.
final class SlurmScene: @unchecked Sendable {
    private static let own = Result { try SlurmCluster() }

    let directory: TemporaryDirectory
    let cluster: SlurmCluster
    let worker: StandInWorker
    let identity = String(UUID().uuidString.filter { $0 != "-" }.prefix(12))
    private let lock = NSLock()
    private var demand = SupplyDemand()
    private var said: [String] = []

    init(folder: String = "workers") throws {
        directory = try TemporaryDirectory("supply")
        cluster = try Self.own.get()
        worker = try StandInWorker(in: directory, folder: folder)
    }

    func supply(_ workers: ClosedRange<Int>, limit: Duration = .seconds(30), _ change: (inout SlurmSettings) -> Void = { _ in })
        -> SlurmSupply
    {
        var settings = SlurmSettings(workers: workers)
        change(&settings)
        return SlurmSupply(
            settings, worker: worker.command(), identity: identity, launcher: cluster.launcher(log: directory("calls")), limit: limit)
    }

    func supplier(_ supply: any WorkerSupply, patience: Duration = .seconds(120)) -> Supplier {
        let say: @Sendable (String) -> Void = { [self] line in lock.withLock { said.append(line) } }
        let supplier = Supplier(supply, turn: .milliseconds(200), patience: patience, say: say) { [self] in
            lock.withLock {
                demand.joined = worker.joined
                demand.places = demand.joined.count
                return demand
            }
        }
        supplier.start()
        return supplier
    }

    /// - Parameter isBusy: whether workers have something to do; left out: whether something waits.
    func wait(_ waiting: Int, each seconds: Int = 1, isBusy: Bool? = nil) {
        lock.withLock {
            demand.waiting = waiting
            demand.expected = .seconds(waiting * seconds)
        }
        if isBusy ?? (waiting > 0) { worker.make("work") } else { worker.remove("work") }
    }

    var lines: [String] { lock.withLock { said } }

    func calls(of program: String) -> Int {
        ((try? String(contentsOfFile: directory("calls"), encoding: .utf8)) ?? "").split(separator: "\n").count { $0 == program }
    }
}
