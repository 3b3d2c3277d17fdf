import Foundation

/// Says how a range is chosen from the numbers that a value had.
package enum RangeMethod: Sendable, Hashable {
    /// The range has all numbers.
    case minMax
    /// The range has this share of the numbers, in percent; what is cut is as many on both sides.
    case percentile(Double)
    /// The range is the one whose 256 levels keep the distribution best (Kullback-Leibler divergence).
    case entropy
    /// The range is the one with the least squared error, of what is cut and what is rounded.
    case meanSquaredError
}

extension RangeMethod {
    func range(of histogram: Histogram) -> ActivationRange {
        switch self {
        case .minMax: ActivationRange(low: histogram.low, high: histogram.high)
        case .percentile(let share): Self.percentile(share, histogram)
        case .entropy: Self.entropy(histogram)
        case .meanSquaredError: Self.leastSquares(histogram)
        }
    }

    private static func percentile(_ share: Double, _ histogram: Histogram) -> ActivationRange {
        let total = histogram.counts.reduce(0, +)
        let cut = Int((Double(total) * (100 - share) / 200).rounded(.down))
        func edge(_ bins: some Sequence<(offset: Int, element: Int)>) -> Double {
            var seen = 0
            for (bin, count) in bins {
                seen += count
                if seen > cut { return histogram.center(bin) }
            }
            return 0
        }
        let bins = Array(histogram.counts.enumerated())
        return ActivationRange(
            low: cut == 0 ? histogram.low : Float(edge(bins)), high: cut == 0 ? histogram.high : Float(edge(bins.reversed())))
    }

    /// Tries ends from the outermost numbers to an eighth of them, each by itself. The error of numbers within the range is that of
    /// rounding, `step ^ 2 / 12` in the mean, and none for zeros.
    private static func leastSquares(_ histogram: Histogram) -> ActivationRange {
        let sums = PrefixSums(histogram)
        func ends(_ outermost: Double) -> [Double] { outermost == 0 ? [0] : (0..<40).map { outermost * pow(0.95, Double($0)) } }
        var best = (error: Double.infinity, range: ActivationRange(low: histogram.low, high: histogram.high))
        for low in ends(Double(min(histogram.low, 0))) {
            for high in ends(Double(max(histogram.high, 0))) where high > low {
                let step = (high - low) / 255
                let (cut, inside) = sums.error(outside: low, high)
                let error = cut + max(inside - Double(histogram.zeros), 0) * step * step / 12
                if error < best.error { best = (error, ActivationRange(low: Float(low), high: Float(high))) }
            }
        }
        return best.range
    }

    /// Tries ranges that reach equally far to both sides of zero, or as far as there are numbers.
    private static func entropy(_ histogram: Histogram) -> ActivationRange {
        let reach = Double(max(abs(histogram.low), abs(histogram.high)))
        var best = (divergence: Double.infinity, range: ActivationRange(low: histogram.low, high: histogram.high))
        for step in 0..<64 {
            let end = reach * pow(0.97, Double(step))
            let low = max(Double(min(histogram.low, 0)), -end), high = min(Double(max(histogram.high, 0)), end)
            guard high > low, let divergence = divergence(histogram, low, high) else { continue }
            if divergence < best.divergence { best = (divergence, ActivationRange(low: Float(low), high: Float(high))) }
        }
        return best.range
    }

    /// Returns how much is lost where the numbers between `low` and `high` have 256 levels and others become the ends: the divergence of
    /// the distribution with levels from that without them. Returns nil where no number lies between.
    private static func divergence(_ histogram: Histogram, _ low: Double, _ high: Double) -> Double? {
        let inside = histogram.counts.indices.filter { (low...high).contains(histogram.center($0)) }
        guard let first = inside.first, let last = inside.last else { return nil }
        var cut = histogram.counts[first...last].map(Double.init)
        cut[0] += Double(histogram.counts[..<first].reduce(0, +))
        cut[cut.count - 1] += Double(histogram.counts[(last + 1)...].reduce(0, +))
        // Within a level, its numbers are spread evenly over the bins that have any.
        var numbers = [Double](repeating: 0, count: 256), bins = numbers
        func level(_ bin: Int) -> Int { min(max(Int(((histogram.center(bin) - low) / (high - low) * 255).rounded()), 0), 255) }
        for bin in first...last where histogram.counts[bin] > 0 {
            numbers[level(bin)] += Double(histogram.counts[bin])
            bins[level(bin)] += 1
        }
        let total = cut.reduce(0, +), kept = numbers.reduce(0, +)
        guard kept > 0 else { return nil }
        var divergence = 0.0
        for bin in first...last where cut[bin - first] > 0 {
            let share = cut[bin - first] / total
            let spread = histogram.counts[bin] > 0 ? numbers[level(bin)] / bins[level(bin)] / kept : 0
            divergence += share * log(share / max(spread, 1e-7))
        }
        return divergence
    }
}

/// Holds sums over the bins up to each, from which the squared error of cutting follows without another walk over them.
private struct PrefixSums {
    private var centers: [Double] = []
    /// The sums of the counts, of count times center, and of count times its square.
    private var sums: [(count: Double, first: Double, second: Double)] = [(0, 0, 0)]

    init(_ histogram: Histogram) {
        for (bin, count) in histogram.counts.enumerated() {
            let center = histogram.center(bin), last = sums[bin]
            centers.append(center)
            sums.append((last.count + Double(count), last.first + Double(count) * center, last.second + Double(count) * center * center))
        }
    }

    /// Returns the squared error of making all numbers below `low` and above `high` these ends, and how many others there are.
    func error(outside low: Double, _ high: Double) -> (cut: Double, inside: Double) {
        let below = count { $0 < low }, upTo = count { $0 <= high }, all = sums[sums.count - 1], under = sums[below], over = sums[upTo]
        let left = under.second - 2 * low * under.first + low * low * under.count
        let right = (all.second - over.second) - 2 * high * (all.first - over.first) + high * high * (all.count - over.count)
        return (max(left, 0) + max(right, 0), over.count - under.count)
    }

    /// Returns for how many bins, from the first on, something is true of their centers.
    private func count(_ isBefore: (Double) -> Bool) -> Int {
        var lower = 0, upper = centers.count
        while lower < upper {
            let middle = (lower + upper) / 2
            if isBefore(centers[middle]) { lower = middle + 1 } else { upper = middle }
        }
        return lower
    }
}
