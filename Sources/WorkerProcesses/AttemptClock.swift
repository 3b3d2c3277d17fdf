import Arrivals
import Attempts
import Recipes

/// Counts the time that an attempt may take: in all, while it loads, and without progress. Time that it is paused does not count.
struct AttemptClock {
    enum Over: Hashable {
        case time(Duration)
        case loading(Duration)
        case standstill(Duration)
    }

    private let limits: AttemptSpec.Limits
    private var total: Stopwatch
    private var phase: AttemptPhase = .working
    private var inPhase: Stopwatch
    private var sinceProgress: Stopwatch
    private var steps = 0
    private var progress: TrainingProgress?

    init(_ limits: AttemptSpec.Limits, now: ContinuousClock.Instant = .now) {
        self.limits = limits
        total = Stopwatch(now)
        inPhase = Stopwatch(now)
        sinceProgress = Stopwatch(now)
    }

    mutating func begin(_ phase: AttemptPhase, now: ContinuousClock.Instant = .now) {
        self.phase = phase
        inPhase = Stopwatch(now)
        sinceProgress = Stopwatch(now)
    }

    /// Notes how far the attempt is. Its time without progress begins again where that has changed.
    /// - Parameter steps: the number of batches and steps that the attempt has begun.
    mutating func note(steps: Int, now: ContinuousClock.Instant = .now) {
        guard steps != self.steps else { return }
        self.steps = steps
        sinceProgress = Stopwatch(now)
    }

    mutating func note(_ progress: TrainingProgress, now: ContinuousClock.Instant = .now) {
        guard progress != self.progress else { return }
        self.progress = progress
        sinceProgress = Stopwatch(now)
    }

    mutating func pause(now: ContinuousClock.Instant = .now) {
        total.stop(now)
        inPhase.stop(now)
        sinceProgress.stop(now)
    }

    mutating func goOn(now: ContinuousClock.Instant = .now) {
        total.goOn(now)
        inPhase.goOn(now)
        sinceProgress.goOn(now)
    }

    var over: Over? { over(at: .now) }

    func over(at now: ContinuousClock.Instant) -> Over? {
        if let limit = limits.seconds.map(Duration.seconds), total.elapsed(now) >= limit { return .time(limit) }
        switch phase {
        case .loading: if let limit = limits.loadSeconds.map(Duration.seconds), inPhase.elapsed(now) >= limit { return .loading(limit) }
        case .working:
            if let limit = limits.standstillSeconds.map(Duration.seconds), sinceProgress.elapsed(now) >= limit { return .standstill(limit) }
        }
        return nil
    }
}

/// Measures time, and can be stopped meanwhile.
private struct Stopwatch {
    private var before = Duration.zero
    private var since: ContinuousClock.Instant?

    init(_ now: ContinuousClock.Instant) { since = now }

    func elapsed(_ now: ContinuousClock.Instant) -> Duration { before + (since.map { now - $0 } ?? .zero) }

    mutating func stop(_ now: ContinuousClock.Instant) {
        before = elapsed(now)
        since = nil
    }

    mutating func goOn(_ now: ContinuousClock.Instant) { since = since ?? now }
}
