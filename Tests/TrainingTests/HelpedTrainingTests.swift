import FileSystem
import Foundation
import Glibc
import Machine
import ONNX
import Recipes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Training

/// One trains, and others help with the shares of its batches: the bytes are those of one who has no help.
@Suite struct HelpedTrainingTests {
    /// Where helpers wait until the one who trains asks for them.
    private final class Meeting: Sendable {
        private let waiting = Mutex<[FileDescriptor]>([])
        private let wanted = Atomic(0)
        var want: Int { wanted.load(ordering: .relaxed) }
        var help: ShareHelp {
            ShareHelp(
                next: { [self] in waiting.withLock { $0.isEmpty ? nil : $0.removeFirst() } },
                want: { [self] in wanted.store($0, ordering: .relaxed) })
        }

        /// Comes to help; returns the helper's end.
        func come() throws -> FileDescriptor {
            var ends: [Int32] = [0, 0]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            waiting.withLock { [ends] in $0.append(FileDescriptor(rawValue: ends[0])) }
            return FileDescriptor(rawValue: ends[1])
        }
    }

    private func recipe(_ change: (inout GradientDescent) -> Void = { _ in }) -> GradientDescent {
        var recipe = GradientDescent.crossEntropy
        recipe.shares = 4
        recipe.clipNorm = 0.5
        change(&recipe)
        return recipe
    }

    /// Trains with helpers that are there from the beginning, and returns the bytes of the model.
    /// - Parameters:
    ///   - before: is called on a helper's thread, with its number, each time that it looks whether it is to go on; true ends it.
    ///   - shares: takes the number of shares that each helper has computed.
    private func train(
        _ tuning: FineTuning, helpers: Int, before: @escaping @Sendable (Int) -> Bool = { _ in false }, shares: ((Int, Int) -> Void)? = nil
    ) throws -> Data {
        let meeting = Meeting()
        let group = DispatchGroup()
        let computed = Mutex<[Int: Int]>([:])
        let isOver = Atomic(false), isReady = Atomic(0)
        for number in 0..<helpers {
            let end = try meeting.come()
            group.enter()
            Thread.detachNewThread {
                // The rows are packed before anybody helps.
                let asked = Atomic(false)
                let count = try? tuning.help(
                    over: end,
                    TrainingControl(isCancelled: {
                        if !asked.exchange(true, ordering: .relaxed) { _ = isReady.add(1, ordering: .relaxed) }
                        return isOver.load(ordering: .relaxed) || before(number)
                    }))
                computed.withLock { $0[number] = count ?? -1 }
                group.leave()
            }
        }
        // Steps are slow enough for all to take part: otherwise the first would have done all before others are there.
        let model = try tuning.run(
            TrainingControl(
                isCancelled: {
                    usleep(30_000)
                    return false
                }, help: meeting.help)
        ).model
        isOver.store(true, ordering: .relaxed)
        group.wait()
        #expect(meeting.want == 0, "help is still wanted")
        for (number, count) in computed.withLock({ $0 }).sorted(by: { $0.key < $1.key }) { shares?(number, count) }
        return try model.serialized()
    }

    @Test(arguments: [1, 2])
    func helpChangesNoByte(helpers: Int) throws {
        let directory = try TemporaryDirectory("helped")
        let expected = try tuning(directory, recipe: recipe(), folder: "alone") { $0.recipe.epochs = 8 }.run().model.serialized()
        let run = try tuning(directory, recipe: recipe(), folder: "helped") { $0.recipe.epochs = 8 }
        var shares: [Int] = []
        let found = try train(run, helpers: helpers, shares: { shares.append($1) })
        #expect(found == expected)
        #expect(shares.count == helpers && shares.allSatisfy { $0 > 0 }, "\(shares)")
    }

    /// With statistics over all shares, each step is told in several parts.
    @Test func normalizationOverAllSharesIsHelpedToo() throws {
        let directory = try TemporaryDirectory("helped")
        let normalized = recipe { $0.batchNormalization = .train }
        let alone = try tuning(directory, model: Models.normalized(), recipe: normalized, folder: "alone") { $0.recipe.epochs = 8 }
        let expected = try alone.run().model.serialized()
        let run = try tuning(directory, model: Models.normalized(), recipe: normalized, folder: "helped") { $0.recipe.epochs = 8 }
        var shares: [Int] = []
        #expect(try train(run, helpers: 2, shares: { shares.append($1) }) == expected)
        #expect(shares.allSatisfy { $0 > 0 }, "\(shares)")
        // One that is lost in the middle of a step: the step is begun again.
        let looks = Atomic(0)
        let lossy = try tuning(directory, model: Models.normalized(), recipe: normalized, folder: "lossy") { $0.recipe.epochs = 8 }
        let found = try train(
            lossy, helpers: 2, before: { $0 == 1 && looks.add(1, ordering: .relaxed).newValue > 60 })
        #expect(found == expected)
    }

    /// Wherever a helper is lost, others compute its shares.
    @Test(arguments: [3, 9, 25, 60])
    func aLostHelperCostsNothing(after looks: Int) throws {
        let directory = try TemporaryDirectory("helped")
        let expected = try tuning(directory, recipe: recipe(), folder: "alone") { $0.recipe.epochs = 8 }.run().model.serialized()
        let count = Atomic(0)
        let run = try tuning(directory, recipe: recipe(), folder: "helped") { $0.recipe.epochs = 8 }
        #expect(try train(run, helpers: 2, before: { $0 == 0 && count.add(1, ordering: .relaxed).newValue > looks }) == expected)
    }

    @Test func whoComputesOnAnotherProcessorDoesNotHelp() throws {
        let directory = try TemporaryDirectory("helped")
        var run = try tuning(directory, recipe: recipe())
        run.machine = .init(processor: "another", engine: "ONNX Runtime", engineVersion: "1")
        var shares: [Int] = []
        _ = try train(run, helpers: 1, shares: { shares.append($1) })
        #expect(shares == [0])
    }

    /// What comes over the connection is somebody else's: nonsense ends the help, and nothing else.
    @Test func nonsenseIsNoHelp() throws {
        let directory = try TemporaryDirectory("helped")
        let expected = try tuning(directory, recipe: recipe(), folder: "alone").run().model.serialized()
        let meeting = Meeting()
        let ends = try (0..<3).map { _ in try meeting.come() }
        for (end, byte) in zip(ends, [0, 7, 255] as [UInt8]) { _ = try end.writeAll([UInt8](repeating: byte, count: 4096)) }
        defer { for end in ends { try? end.close() } }
        let run = try tuning(directory, recipe: recipe(), folder: "helped")
        #expect(try run.run(TrainingControl(help: meeting.help)).model.serialized() == expected)
    }
}
