import Arrivals
import Testing

@testable import Watcher

/// The rules one by one; how real writers run through them is in Traces.
@Suite struct SettlingTests {
    let policy = SpoolDirectory.SettlePolicy(quiet: .seconds(2), giveUp: .seconds(600))

    static func stamp(_ size: Int64, changed: Int64 = 1, inode: Int64 = 7) -> FileStamp {
        FileStamp(device: 1, inode: inode, size: size, changed: changed)
    }

    func look(_ size: Int64, changed: Int64 = 1, age: Duration? = nil) -> Settling.Look {
        .file(Self.stamp(size, changed: changed), age: age)
    }

    @Test func renamedAndWholeIsCompleteAtOnce() {
        var file = Settling(policy: policy, now: .zero)
        #expect(file.heard(.movedIn, now: .zero) == .look)
        #expect(file.observed(look(9), now: .zero) == .checkContent)
        #expect(file.checked(.whole, now: .zero) == .complete(.renamed))
    }

    @Test func renamedAndUndecidedIsCompleteUnlessOpenForWriting() {
        for (lease, isComplete) in [(Settling.Lease.granted, true), (.unavailable, true), (.denied, false)] {
            var file = Settling(policy: policy, now: .zero)
            _ = file.heard(.movedIn, now: .zero)
            _ = file.observed(look(9), now: .zero)
            #expect(file.checked(.undecided(endsWithNewline: false), now: .zero) == .probeLease)
            #expect((file.leased(lease, now: .zero) == .complete(.renamed)) == isComplete)
        }
    }

    @Test func anEmptyCloseWaitsTheWholeQuietTime() {
        var file = Settling(policy: policy, now: .zero)
        _ = file.heard(.created, now: .zero)
        _ = file.observed(look(0), now: .zero)
        _ = file.heard(.closed, now: .milliseconds(1))
        #expect(file.observed(look(0), now: .milliseconds(1)) == .checkContent)
        guard case .wait(let until, _) = file.checked(.undecided(endsWithNewline: nil), now: .milliseconds(1)) else {
            Issue.record("an empty file was judged at once")
            return
        }
        #expect(until == .milliseconds(2001))
        #expect(file.due(now: until) == .look)
        #expect(file.observed(look(0), now: until) == .checkContent)
        #expect(file.checked(.undecided(endsWithNewline: nil), now: until) == .probeLease)
        #expect(file.leased(.unavailable, now: until) == .complete(.quiet))
    }

    @Test func aLeaseCutsTheQuietTimeToAQuarter() {
        var file = Settling(policy: policy, now: .zero)
        _ = file.heard(.created, now: .zero)
        _ = file.observed(look(0), now: .zero)
        _ = file.heard(.closed, now: .zero)
        _ = file.observed(look(5, changed: 2), now: .zero)
        _ = file.checked(.undecided(endsWithNewline: true), now: .zero)
        guard case .wait(.milliseconds(500), _) = file.leased(.granted, now: .zero) else {
            Issue.record("not cut to a quarter")
            return
        }
        _ = file.due(now: .milliseconds(500))
        _ = file.observed(look(5, changed: 2), now: .milliseconds(500))
        _ = file.checked(.undecided(endsWithNewline: true), now: .milliseconds(500))
        #expect(file.leased(.granted, now: .milliseconds(500)) == .complete(.lease))
    }

    @Test func aChangeDuringTheCutTakesTheGroundAway() {
        var file = Settling(policy: policy, now: .zero)
        _ = file.heard(.created, now: .zero)
        _ = file.heard(.closed, now: .zero)
        _ = file.observed(look(5), now: .zero)
        _ = file.checked(.undecided(endsWithNewline: true), now: .zero)
        _ = file.leased(.granted, now: .zero)
        guard case .wait(.milliseconds(2500), _) = file.observed(look(6, changed: 2), now: .milliseconds(500)) else {
            Issue.record("a file that still grows was judged")
            return
        }
    }

    @Test func anIncompleteFileIsTruncatedOnlyAfterGiveUpWithoutChange() {
        var file = Settling(policy: policy, now: .zero)
        var now = Duration.zero
        var step = file.heard(.found, now: now)
        var looks = 0
        let shrinksAt = Duration.seconds(300)
        while looks < 200 {
            switch step {
            case .look:
                looks += 1
                step = file.observed(look(5, changed: now < shrinksAt ? 1 : 2), now: now)
            case .checkContent: step = file.checked(.incomplete("no footer"), now: now)
            case .wait(let until, _):
                now = until
                step = file.due(now: now)
            case .truncated(let reason):
                #expect(reason == "no footer")
                #expect(now >= shrinksAt + policy.giveUp)
                #expect(looks < 60, "a broken seal is not read in a hurry")
                return
            default:
                Issue.record("unexpected \(step)")
                return
            }
        }
        Issue.record("never given up")
    }

    @Test func aFoundFileNeedsQuietByOurClock() {
        var file = Settling(policy: policy, now: .seconds(10))
        _ = file.heard(.found, now: .seconds(10))
        guard case .wait(.seconds(12), _) = file.observed(look(5), now: .seconds(10)) else {
            Issue.record("a found file was judged at once")
            return
        }
        #expect(file.observed(look(5), now: .seconds(12)) == .checkContent)
        #expect(file.checked(.whole, now: .seconds(12)) == .complete(.quiet))
    }

    @Test func withoutTimeToWaitAgeCountsOnlyAfterTwoEqualLooks() {
        var old = Settling(policy: policy, now: .zero)
        _ = old.heard(.found, now: .zero)
        guard case .wait = old.observed(look(5, age: .seconds(60)), now: .zero) else {
            Issue.record("one look was enough")
            return
        }
        #expect(old.observed(look(5, age: .seconds(60)), now: .zero) == .checkContent)

        var young = Settling(policy: policy, now: .zero)
        _ = young.heard(.found, now: .zero)
        _ = young.observed(look(5, age: .seconds(1)), now: .zero)
        guard case .wait = young.observed(look(5, age: .seconds(1)), now: .zero) else {
            Issue.record("a young file was judged")
            return
        }
    }

    @Test func onlyAttributesChangedNeedsALease() {
        for (lease, isComplete) in [(Settling.Lease.granted, true), (.unavailable, false), (.denied, false)] {
            var file = Settling(policy: policy, now: .zero)
            #expect(file.heard(.attributes, now: .zero) == .look)
            #expect(file.observed(look(5), now: .zero) == .checkContent)
            #expect(file.checked(.whole, now: .zero) == .probeLease)
            #expect((file.leased(lease, now: .zero) == .complete(.lease)) == isComplete)
        }
    }

    @Test func overwrittenInPlaceWaitsThoughItIsWhole() {
        var file = Settling(policy: policy, now: .zero)
        #expect(file.heard(.closed, now: .zero) == .look)
        guard case .wait(.seconds(2), _) = file.observed(look(5), now: .zero) else {
            Issue.record("an old file overwritten in place was judged at once")
            return
        }
    }

    @Test func aModelWhoseDataIsOlderWaitsForItsReplacement() {
        var model = Settling(policy: policy, now: .zero)
        _ = model.heard(.movedIn, now: .zero)
        _ = model.observed(look(5), now: .zero)
        #expect(model.checked(.wholeWithData(Self.stamp(50), dataIsOlder: true), now: .zero) == .probeLease)
        guard case .wait(.seconds(2), _) = model.leased(.granted, now: .zero) else {
            Issue.record("a model was taken with data from before it")
            return
        }
        _ = model.observed(look(5), now: .seconds(2))
        _ = model.checked(.wholeWithData(Self.stamp(50), dataIsOlder: true), now: .seconds(2))
        #expect(
            model.leased(.granted, now: .seconds(2)) == .complete(.renamed) || model.leased(.granted, now: .seconds(2)) == .complete(.quiet)
        )
    }

    @Test func heldOpenForEverIsTakenAfterGiveUp() {
        var file = Settling(policy: policy, now: .zero)
        _ = file.heard(.found, now: .zero)
        _ = file.observed(look(5), now: .zero)
        _ = file.observed(look(5), now: .seconds(2))
        _ = file.checked(.undecided(endsWithNewline: true), now: .seconds(2))
        guard case .wait = file.leased(.denied, now: .seconds(2)) else {
            Issue.record("taken while open for writing")
            return
        }
        #expect(file.leased(.denied, now: .seconds(601)) == .complete(.quiet))
    }
}
