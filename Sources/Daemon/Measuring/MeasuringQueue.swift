import Arrivals
import Attempts
import Deployment
import Dispatch
import FileSystem
import Reasons
import Synchronization
import SystemPackage

/// Measures models one at a time, on a thread of libdispatch: neither scoring nor training waits for it.
final class MeasuringQueue: Sendable {
    private let queue = DispatchQueue(label: "measuring")
    private let orders = Mutex<[MeasuringOrder]>([])
    private let makeExecutor: @Sendable () -> any AttemptExecutor
    private let deliver: @Sendable (MeasuringOrder.Purpose, Result<DeploymentTable, Failure>) -> Void

    /// - Parameters:
    ///   - makeExecutor: makes an executor with one worker process of its own.
    ///   - deliver: takes the answer to each order.
    init(
        makeExecutor: @escaping @Sendable () -> any AttemptExecutor,
        deliver: @escaping @Sendable (MeasuringOrder.Purpose, Result<DeploymentTable, Failure>) -> Void
    ) {
        self.makeExecutor = makeExecutor
        self.deliver = deliver
    }

    func put(_ new: [MeasuringOrder]) {
        for order in new {
            orders.withLock { $0.append(order) }
            queue.async { [self] in
                let answer = Result { () throws(Failure) in try execute(order) }
                orders.withLock { orders in orders.removeAll { $0.purpose == order.purpose } }
                deliver(order.purpose, answer)
            }
        }
    }

    private func execute(_ order: MeasuringOrder) throws(Failure) -> DeploymentTable {
        guard case .measure(let files) = order.spec.work else { preconditionFailure("the attempt does not measure") }
        let folder = FilePath(files.reference)
        defer { try? Disk.removeTree(folder) }
        do throws(FileSystemError) {
            try Disk.removeTree(folder)
            _ = try Disk.makeDirectories(folder)
        } catch { throw Failure(landing: error, place: folder.string) }
        FaultPoint.reach(.measureBegun)
        return try order.execute(makeExecutor)
    }

    /// Ends the measuring that a run waits for.
    func stop(_ run: Int64) {
        for order in orders.withLock({ $0 }) where order.run == run { order.cancellation.cancel(.stopped) }
    }

    func takeBack() {
        for order in orders.withLock({ $0 }) { order.cancellation.cancel() }
    }

    /// Waits until the orders that were taken back have ended, with their processes and their folder. A process that is only starting may
    /// take longer than that is waited for: it ends when it finds its daemon gone.
    func join(within patience: Duration = .seconds(10)) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let waiting = Mutex<CheckedContinuation<Void, Never>?>(continuation)
            let goOn: @Sendable () -> Void = {
                waiting.withLock { waiting in
                    defer { waiting = nil }
                    return waiting
                }?.resume()
            }
            queue.async(execute: goOn)
            DispatchQueue.global().asyncAfter(deadline: .now() + patience.seconds, execute: goOn)
        }
    }

    /// The folder in which a model is measured.
    /// - Parameter work: the work folder.
    static func folder(work: String) -> String { work + "/measuring" }

    /// Removes what a daemon that was killed has left of measuring.
    /// - Parameter work: the work folder.
    static func sweep(work: String) throws(FileSystemError) { try Disk.removeTree(FilePath(folder(work: work))) }
}
