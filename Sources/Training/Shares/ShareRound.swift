import Foundation
import Tensors
import TrainingGraph

/// Holds what is the same in all phases of one batch.
struct SharedBatch: Sendable {
    /// The number of the batch, and of the try: a batch whose parts depend on each other is begun again where a helper is lost.
    var number: Int
    var attempt = 0
    /// The parameters, in the order of the slots.
    var parameters: [Tensor]
    /// The sums of earlier phases that later ones read, by phase.
    var totals: [[Tensor]] = []
}

/// Gives the shares of one phase of a batch to those who compute them, and adds what they give in the order of the shares, however it comes.
///
/// In the first phase whoever is free takes a share; in later ones each goes on with those that it has begun. Where a share is lost with the
/// one who had it, others compute it; where that depends on what was kept of earlier phases, the batch begins again.
final class ShareRound: @unchecked Sendable {
    let batch: SharedBatch
    let phase: Int
    private let isOnlyPhase: Bool
    /// The shares that have rows, in order.
    private let shares: [Int]
    private let condition = NSCondition()
    private var open: [Int]
    /// Who computes each share; from the phase before, or as they are taken.
    private var owners: [Int: Int]
    private var parts: [Int: [Tensor]] = [:]
    private var added = 0
    private var summed = ShareSums()
    private var isAbandoned = false

    /// - Parameter owners: who has which share since the first phase; empty in that.
    init(_ batch: SharedBatch, phase: Int, of phases: Int, shares: [Int], owners: [Int: Int]) {
        self.batch = batch
        self.phase = phase
        isOnlyPhase = phases == 1
        self.shares = shares
        self.owners = owners
        open = shares
    }

    /// Takes a share, and waits for one where all are taken but not all computed.
    /// - Parameters:
    ///   - taker: the number of the one who takes it.
    ///   - look: is called now and then while there is nothing to do.
    /// - Returns: the share; nil where nothing is left to do.
    func take(_ taker: Int, _ look: () throws(TrainingError) -> Void = {}) throws(TrainingError) -> Int? {
        condition.lock()
        defer { condition.unlock() }
        while !isAbandoned, added < shares.count {
            if let place = open.firstIndex(where: { phase == 0 || owners[$0] == taker }) {
                let share = open.remove(at: place)
                owners[share] = taker
                return share
            }
            _ = condition.wait(until: Date(timeIntervalSinceNow: 0.05))
            condition.unlock()
            defer { condition.lock() }
            try look()
        }
        return nil
    }

    /// Takes what a share gives.
    func put(_ share: Int, _ given: [Tensor]) {
        condition.lock()
        defer { condition.unlock() }
        guard !isAbandoned else { return }
        parts[share] = given
        while added < shares.count, let next = parts.removeValue(forKey: shares[added]) {
            summed.add(next)
            added += 1
        }
        if added == shares.count { condition.broadcast() }
    }

    /// Gives back what somebody has taken who is lost.
    func lose(_ taker: Int, holding share: Int?) {
        condition.lock()
        defer { condition.unlock() }
        if isOnlyPhase {
            if let share {
                open.append(share)
                open.sort()
            }
        } else if owners.values.contains(taker) {
            isAbandoned = true
        }
        condition.broadcast()
    }

    /// Ends the round: what is still computed is not wanted.
    func abandon() {
        condition.lock()
        isAbandoned = true
        condition.broadcast()
        condition.unlock()
    }

    /// The sums, and who has computed which share; nil where the batch must begin again.
    var outcome: (sums: [Tensor], owners: [Int: Int])? {
        condition.lock()
        defer { condition.unlock() }
        return isAbandoned || added < shares.count ? nil : (summed.tensors, owners)
    }
}
