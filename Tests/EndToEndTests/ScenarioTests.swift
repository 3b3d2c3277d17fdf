import TestSupport
import Testing

/// The same text scenarios as `DaemonTests`, with the built daemon, real files and a real engine.
@Suite(.serialized) struct ScenarioTests {
    @Test(arguments: try Scenario.all())
    func holdsInTheDaemon(scenario: Scenario) throws {
        let world = try RealWorld(scenario)
        for line in scenario.lines {
            do { try world.perform(line.statement) } catch {
                Issue.record("\(scenario.name).scenario:\(line.number): \(line.text): \(error)\n\(world.daemon.logText)")
                return
            }
        }
        #expect(world.daemon.stop() == 0, "\(world.daemon.logText)")
    }
}
