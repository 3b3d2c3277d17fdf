import Attempts
import Foundation
import Machine

/// Measures how much of the processors others use while candidates run.
final class OtherLoad {
    /// The processor time that the machine has spent on anything, and that it could have spent, in clock ticks.
    struct Reading {
        var busy: Double
        var all: Double
    }

    private var others = 0.0, all = 0.0
    private let read: () -> Reading?

    init(read: @escaping () -> Reading? = OtherLoad.kernel) { self.read = read }

    /// The share of the processors that others used, from 0 to 1.
    var share: Double { all > 0 ? max(others / all, 0) : 0 }

    /// Executes an attempt, and counts what others used meanwhile.
    func measuring(_ body: () -> AttemptResult) -> AttemptResult {
        let before = read()
        let answer = body()
        guard let before, let after = read(), let own = answer.measurement?.attemptProcessorSeconds else { return answer }
        all += after.all - before.all
        others += after.busy - before.busy - own * Self.ticks
        return answer
    }

    private static let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))

    static func kernel() -> Reading? {
        guard let line = Pseudofile.text("/proc/stat")?.split(separator: "\n").first else { return nil }
        let numbers = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        // user nice system idle iowait irq softirq steal; what follows is part of the first two.
        guard numbers.count >= 8 else { return nil }
        let all = numbers[..<8].reduce(0, +)
        return Reading(busy: all - numbers[3] - numbers[4], all: all)
    }
}
