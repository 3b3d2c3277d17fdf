import FuzzTargets
import Testing

/// Damaged inputs of every format are taken or refused in words, and nothing else: the seed is fixed, so that a crash comes again.
/// `make fuzz` looks much longer, with inputs that libFuzzer finds.
@Suite struct SeededMutationTests {
    @Test(arguments: FuzzTarget.allCases) func twoThousandMutantsOfEachFormat(_ target: FuzzTarget) throws {
        let seeds = target.seeds
        try #require(!seeds.isEmpty, "no seeds of \(target)")
        let bench = try FuzzBench(target)
        // Honest inputs are read to their end, or mutation would begin with what is refused at once.
        #expect(seeds.count { bench.feed($0) == .taken } * 2 >= seeds.count, "\(target)")
        var mutator = Mutator(seed: 14, seeds: seeds)
        var taken = 0
        for _ in 0..<2000 where bench.feed(mutator.next()) == .taken { taken += 1 }
        #expect(taken > 0 && taken < 2000, "\(target)")
        print("mutants: \(target) \(seeds.count) seeds, \(taken) of 2000 taken")
    }

    /// Each input that did harm once is refused or read.
    @Test(arguments: FuzzTarget.allCases) func whatWasFoundDoesNoHarm(_ target: FuzzTarget) throws {
        let bench = try FuzzBench(target)
        for (_, bytes) in target.found { _ = bench.feed(bytes) }
    }
}
