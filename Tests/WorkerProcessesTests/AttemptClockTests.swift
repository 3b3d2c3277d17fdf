import Attempts
import Recipes
import Testing

@testable import WorkerProcesses

@Suite struct AttemptClockTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func withoutLimitsNothingIsEverOver() {
        #expect(AttemptClock(.init(), now: start).over(at: at(1e9)) == nil)
    }

    @Test func theWholeAttemptIsBounded() {
        let clock = AttemptClock(.init(seconds: 10), now: start)
        #expect(clock.over(at: at(9.9)) == nil)
        #expect(clock.over(at: at(10)) == .time(.seconds(10)))
    }

    @Test func pausesDoNotCount() {
        var clock = AttemptClock(.init(seconds: 10, standstillSeconds: 8), now: start)
        clock.pause(now: at(4))
        #expect(clock.over(at: at(1000)) == nil)
        clock.goOn(now: at(1000))
        #expect(clock.over(at: at(1003)) == nil)
        #expect(clock.over(at: at(1004)) == .standstill(.seconds(8)))
        clock.note(steps: 1, now: at(1004))
        #expect(clock.over(at: at(1006)) == .time(.seconds(10)))
    }

    @Test func loadingHasItsOwnLimitEachTime() {
        var clock = AttemptClock(.init(loadSeconds: 5, standstillSeconds: 2), now: start)
        clock.begin(.loading, now: at(1))
        // While it loads, it begins no batch.
        #expect(clock.over(at: at(5.9)) == nil)
        #expect(clock.over(at: at(6)) == .loading(.seconds(5)))
        clock.begin(.working, now: at(5))
        #expect(clock.over(at: at(6.9)) == nil)
        #expect(clock.over(at: at(7)) == .standstill(.seconds(2)))
        clock.begin(.loading, now: at(7))
        #expect(clock.over(at: at(11)) == nil)
    }

    @Test func whatMovesOnDoesNotStandStill() {
        var clock = AttemptClock(.init(standstillSeconds: 2), now: start)
        for second in 1...10 {
            clock.note(steps: second, now: at(Double(second)))
            #expect(clock.over(at: at(Double(second) + 1.5)) == nil)
        }
        // The same count again is no progress.
        clock.note(steps: 10, now: at(11.9))
        #expect(clock.over(at: at(12)) == .standstill(.seconds(2)))
        var progress = TrainingProgress(.packing)
        progress.rows = 5
        clock.note(progress, now: at(12))
        #expect(clock.over(at: at(13)) == nil)
    }
}
