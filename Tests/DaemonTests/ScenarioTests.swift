import TestSupport
import Testing

/// The decisions of how Millrace behaves, as text, on the scheduler, dispatcher and ledger alone: the clock is a number, the disk a
/// dictionary.
/// `EndToEndTests` runs the same files against the daemon.
@Suite struct ScenarioTests {
    @Test(arguments: try Scenario.all())
    func holdsOnTheManualClock(scenario: Scenario) throws {
        let world = try ManualWorld(scenario)
        for line in scenario.lines {
            do { try world.perform(line.statement) } catch {
                Issue.record("\(scenario.name).scenario:\(line.number): \(line.text): \(error)")
                return
            }
        }
    }
}
