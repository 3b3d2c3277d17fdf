import Engine
import Machine
import Reasons
import Tensors
import TrainingGraph

/// Holds the graphs of a share, ready to run. Only one thread may use it at a time.
final class ShareMachine {
    let graph: ShareGraph
    private let sessions: [Session]
    /// What the shares of the present batch keep from one phase for the next.
    private var kept: [Int: [String: Tensor]] = [:]

    init(_ graph: ShareGraph, threads: Int, engine: EngineChoice) throws(TrainingError) {
        self.graph = graph
        var sessions: [Session] = []
        for phase in graph.phases { sessions.append(try StepMachine.session(phase.model, .training(threads: threads, on: engine))) }
        self.sessions = sessions
    }

    /// Forgets what shares of an earlier batch have kept.
    func begin() { kept = [:] }

    /// Computes one phase of one share.
    /// - Parameter given: returns an input by its name.
    /// - Returns: what the share adds to the sums of the phase, in their order.
    func run(
        _ phase: Int, of share: Int, given: (String) -> Tensor?, _ cancellation: Cancellation?
    ) throws(TrainingError) -> [Tensor] {
        let session = sessions[phase], graph = graph.phases[phase]
        let own = kept[share] ?? [:]
        let feeds = session.inputs.compactMap { input in
            (own[input.name] ?? given(input.name)).map { (name: input.name, value: EngineValue.tensor($0)) }
        }
        let results: [Tensor]
        do throws(EngineError) {
            results = try session.run(feeds, outputs: graph.sums.map(\.part) + graph.kept, cancellation: cancellation).compactMap(\.tensor)
        } catch .cancelled { throw .cancelled } catch { throw StepMachine.failed(error) }
        guard results.count == graph.sums.count + graph.kept.count else {
            throw .badModel(
                reason: "a value between two parts of a step is no tensor", remedy: "leave out shares, or leave BatchNormalization frozen")
        }
        for (name, tensor) in zip(graph.kept, results.dropFirst(graph.sums.count)) { kept[share, default: [:]][name] = tensor }
        return Array(results.prefix(graph.sums.count))
    }
}
