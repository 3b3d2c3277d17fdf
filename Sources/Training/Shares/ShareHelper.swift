import Autodiff
import Columnar
import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import Reasons
import Recipes
package import SystemPackage
import Tensors
import TrainingGraph

extension FineTuning {
    /// Helps another process with this run: computes shares of its batches, over rows that it has packed in the same folder, until it ends
    /// or says so.
    /// - Parameters:
    ///   - descriptor: a connected stream socket, which this call closes.
    ///   - control: `isCancelled` is asked several times a second, and ends the help.
    /// - Returns: the number of shares that were computed.
    package func help(over descriptor: FileDescriptor, _ control: TrainingControl = TrainingControl()) throws(TrainingError) -> Int {
        let channel = ShareChannel(descriptor, isEnded: control.isCancelled)
        var computed = 0
        do throws(TrainingError) {
            let hello = (try? JSONEncoder().encode(ONNXRuntime.machine)) ?? Data()
            let plan: SharePlan? = try quietly { () throws(ShareChannel.Lost) in
                try channel.send(.hello, Array(hello), within: Self.greetings)
                let head = try channel.next(within: Self.greetings)
                guard head.kind == .welcome else { throw .malformed }
                return try? JSONDecoder().decode(SharePlan.self, from: Data(try channel.text(of: head, within: Self.greetings)))
            }
            // Nobody trains, or somebody else with another engine.
            guard let plan, plan.threads == threads else { return 0 }
            var helper = try ShareHelper(self, plan, channel, control)
            _ = try quietly { () throws(ShareChannel.Lost) in try channel.send(.init(kind: .ready), within: Self.greetings) }
            while let head = try quietly({ () throws(ShareChannel.Lost) in try channel.next(within: nil) }) {
                if try helper.take(head) { computed += 1 }
            }
        } catch {
            if case .cancelled = error { return computed }
            try? channel.send(.failure, Array("\(error)".utf8.prefix(1000)), within: .seconds(1))
            throw error
        }
        return computed
    }

    private static let greetings: Duration = .seconds(20)

    /// Runs `body`; returns nil where the other side is gone, or this one is to end.
    private func quietly<Result>(_ body: () throws(ShareChannel.Lost) -> Result?) throws(TrainingError) -> Result? {
        do throws(ShareChannel.Lost) { return try body() } catch .malformed {
            throw .badModel(reason: "who trains it says what is not understood", remedy: "install the same version everywhere")
        } catch { return nil }
    }
}

/// Computes shares for one who trains.
private struct ShareHelper {
    private let graph: StepGraph
    private let shares: ShareMachine
    private let inputNames: [String]
    private let rows: RowStore
    private let channel: ShareChannel
    private let control: TrainingControl
    private let recipe: GradientDescent
    /// The trained values of the present batch, in the order of the slots.
    private let parameters: [(name: String, tensor: Tensor)]
    private let held: [String: Tensor]
    private var totals: [String: Tensor] = [:]
    private var number = -1
    /// The inputs of shares of the present batch.
    private var feeds: [Int: [String: Tensor]] = [:]

    private static let patience: Duration = .seconds(60)

    init(_ run: FineTuning, _ plan: SharePlan, _ channel: ShareChannel, _ control: TrainingControl) throws(TrainingError) {
        let prepared = try TrainingRun.prepared(run)
        graph = prepared.graph
        inputNames = prepared.inputs.map(\.name)
        guard let shares = graph.shares, let rows = RowStore.packed(in: run.folder, fingerprint: plan.fingerprint) else {
            throw .cannotRead(path: run.folder.path.string, reason: "the rows of the training that this is to help are not there")
        }
        self.rows = rows
        self.shares = try ShareMachine(shares, threads: run.threads, engine: plan.engine)
        self.channel = channel
        self.control = control
        recipe = run.recipe
        parameters = graph.slots.filter { $0.kind == .parameter }.compactMap { slot in
            Tensor(zeros: slot.elementType, shape: slot.shape).map { (slot.input, $0) }
        }
        do throws(AutodiffError) { held = try graph.heldValues() } catch { throw TrainingError(error) }
    }

    /// Takes a message.
    /// - Returns: whether a share was computed.
    mutating func take(_ head: ShareChannel.Head) throws(TrainingError) -> Bool {
        switch head.kind {
        case .values:
            (number, totals, feeds) = (head.first, [:], [:])
            shares.begin()
            try receive(parameters.map(\.tensor), head)
        case .totals:
            guard shares.graph.phases.indices.contains(head.first) else { throw Self.notUnderstood }
            let sums = shares.graph.phases[head.first].passedOn
            let made = sums.compactMap { Tensor(zeros: $0.elementType, shape: $0.shape) }
            try receive(made, head)
            for (sum, tensor) in zip(sums, made) { totals[sum.total] = tensor }
        case .share:
            let parts = try compute(head.second, phase: head.first)
            do throws(ShareChannel.Lost) {
                try channel.send(
                    .init(kind: .parts, first: head.first, second: head.second), parts.map(\.bytes), within: Self.patience)
            } catch { throw .cancelled }
            withExtendedLifetime(parts) {}
            return true
        case .hello, .welcome, .ready, .parts, .failure: throw Self.notUnderstood
        }
        return false
    }

    private static var notUnderstood: TrainingError {
        .badModel(reason: "who trains it says what is not understood", remedy: "install the same version everywhere")
    }

    private func receive(_ tensors: [Tensor], _ head: ShareChannel.Head) throws(TrainingError) {
        guard tensors.reduce(0, { $0 + $1.bytes.count }) == head.byteCount else { throw Self.notUnderstood }
        do throws(ShareChannel.Lost) {
            for tensor in tensors { try channel.receive(into: tensor, within: Self.patience) }
        } catch { throw .cancelled }
    }

    private mutating func compute(_ share: Int, phase: Int) throws(TrainingError) -> [Tensor] {
        guard shares.graph.phases.indices.contains(phase), number >= 0 else { throw Self.notUnderstood }
        let own: [String: Tensor]
        if let known = feeds[share] { own = known } else { own = try inputs(of: share) }
        feeds[share] = own
        let (totals, held) = (totals, held)
        let values = Dictionary(parameters.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        return try shares.run(phase, of: share, given: { own[$0] ?? totals[$0] ?? values[$0] ?? held[$0] }, control.engine)
    }

    private func inputs(of share: Int) throws(TrainingError) -> [String: Tensor] {
        let rowCount = rows.training.rowCount
        let batches = BatchOrder.count(rows: rowCount, batchSize: recipe.batchSize)
        let order = BatchOrder(
            rowCount: rowCount, batchSize: recipe.batchSize, isFixed: false, seed: UInt64(recipe.seed), epoch: number / batches + 1)
        let numbers = order[number % batches].rows
        guard (0..<recipe.shares).contains(share) else { throw Self.notUnderstood }
        let range = SharedBatches.rows(of: numbers.count, recipe.shares)[share]
        guard !range.isEmpty else { throw Self.notUnderstood }
        let feeds = graph.feeds(of: try rows.training.batch(numbers[range]), inputNames: inputNames, share: share, number: number)
        return Dictionary(feeds, uniquingKeysWith: { first, _ in first })
    }
}
