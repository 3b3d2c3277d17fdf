package import SystemPackage
import TrainingGraph

/// Gets those who help a training.
package struct ShareHelp: Sendable {
    /// Returns a connection to somebody who has come to help; nil where there is nobody new.
    package var next: @Sendable () -> FileDescriptor?
    /// Says how many more may help.
    package var want: @Sendable (Int) -> Void

    package init(next: @escaping @Sendable () -> FileDescriptor?, want: @escaping @Sendable (Int) -> Void) {
        self.next = next
        self.want = want
    }
}

/// Keeps those who help a training: it lets in who comes, and forgets who is lost. The thread that trains uses it.
final class ShareCrew {
    private let help: ShareHelp
    private let plan: SharePlan
    private let graph: ShareGraph
    /// The most who can help: with more, some would have no share.
    private let most: Int
    private var lanes: [ShareLane] = []
    private var numbers = 0
    private var looked: ContinuousClock.Instant?

    /// The time from one look for helpers to the next.
    private static let pause: Duration = .milliseconds(300)

    init(_ help: ShareHelp, _ plan: SharePlan, _ graph: ShareGraph, shares: Int) {
        self.help = help
        self.plan = plan
        self.graph = graph
        most = shares - 1
    }

    deinit { dismiss() }

    /// Returns those who can compute shares now.
    func ready() -> [ShareLane] {
        if looked.map({ .now - $0 >= Self.pause }) ?? true { look() }
        let ready = lanes.filter { $0.now == .ready }
        count = ready.count
        return ready
    }

    /// The number of those who could compute shares when it was last looked.
    private(set) var count = 0

    private func look() {
        looked = .now
        lanes.removeAll { lane in
            guard lane.now == .lost else { return false }
            lane.dismiss()
            return true
        }
        while lanes.count < most, let descriptor = help.next() {
            numbers += 1
            lanes.append(ShareLane(descriptor, number: numbers, plan, graph))
        }
        // It is said again and again, since one who could not help is not asked again otherwise.
        help.want(most - lanes.count)
    }

    /// Ends all help.
    func dismiss() {
        help.want(0)
        for lane in lanes { lane.dismiss() }
        lanes = []
        count = 0
    }
}
