import Attempts
import WorkerProtocol

/// Follows short attempts that were sent to one worker process together. It takes their answers as they come; where the process dies or the
/// lot takes too long, it leaves those that were not answered, which are then executed one by one: so it is known which of them is to
/// blame.
struct LotWatch {
    private let worker: WorkerProcess
    private let attempts: [(spec: AttemptSpec, control: AttemptControl)]
    private let references: [AttemptReference]
    private let courier: InputCourier

    /// The time that a lot may take, which was expected to take some milliseconds.
    private static let patience: Duration = .seconds(2)

    init(_ worker: WorkerProcess, _ attempts: [(spec: AttemptSpec, control: AttemptControl)], _ courier: InputCourier) {
        self.worker = worker
        self.courier = courier
        self.attempts = attempts
        references = attempts.map { AttemptReference(run: $0.spec.run, attempt: $0.spec.attempt, nonce: .random(in: .min ... .max)) }
    }

    /// Calls `ended` for each attempt that is answered.
    /// - Returns: whether all were. If not, the process cannot be used any more.
    func run(_ ended: (Int, AttemptResult) -> Void) -> Bool {
        var left = Set(references.indices)
        let deadline = ContinuousClock.now + Self.patience
        do throws(FrameError) {
            var withOutput: [AttemptReference] = []
            for place in references.indices {
                let (reference, isLast) = (references[place], place == references.indices.last)
                let (spec, control) = attempts[place]
                if try worker.send(spec, reference, given: control.data, courier, isLast: isLast) { withOutput.append(reference) }
            }
            for reference in withOutput { worker.giveOutput(of: reference) }
            while !left.isEmpty {
                let patience = deadline - .now
                guard patience > .zero, let frame = try worker.connection.receive(WorkerFrame.self, within: patience) else { return false }
                guard case .answer(let reference, var result) = frame, let place = references.firstIndex(of: reference) else { continue }
                // One that names the files of others cannot be used any more.
                guard attempts[place].spec.mayBeAnswered(with: result) else { return false }
                result.machine = result.machine ?? worker.machine
                left.remove(place)
                ended(place, result)
            }
            return true
        } catch {
            return false
        }
    }
}
