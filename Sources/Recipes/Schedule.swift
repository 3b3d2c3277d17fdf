import Foundation

/// Gives the learning rate as a pure function of the step's number, so that a resumed run has the same rates.
package struct Schedule: Sendable, Codable, Hashable {
    package enum Shape: Sendable, Codable, Hashable {
        case constant
        /// The rate falls in a straight line from the peak to `end` times the peak.
        case linear(end: Double = 0)
        /// The rate falls in half a cosine from the peak to `end` times the peak.
        case cosine(end: Double = 0)
        /// The rate is multiplied by `factor` after every `everyEpochs` epochs, counted from the end of the warm-up.
        case step(everyEpochs: Int, factor: Double = 0.1)
        /// The rate is PyTorch's `OneCycleLR`: half a cosine up from `peak / start` to the peak, half a cosine down to `peak / start /
        /// end`. The way up takes the warm-up, or three tenths of all steps where there is none.
        case oneCycle(start: Double = 25, end: Double = 1e4)
    }

    package var peak: Double
    package var shape: Shape
    /// The number of steps in which the rate rises linearly to the peak: step t of n has `peak * (t + 1) / n`. The shape begins after them.
    package var warmUp: Int

    package init(_ shape: Shape = .constant, peak: Double, warmUp: Int = 0) {
        self.peak = peak
        self.shape = shape
        self.warmUp = warmUp
    }

    /// Returns the rate of step `step` (from 0) of `total` steps, of which an epoch has `stepsPerEpoch`.
    package func rate(step: Int, of total: Int, stepsPerEpoch: Int) -> Double {
        if case .oneCycle(let start, let end) = shape { return peak * oneCycle(Double(step), Double(total), start, end) }
        if step < warmUp { return peak * Double(step + 1) / Double(warmUp) }
        let passed = Double(step - warmUp)
        // The shape ends one step after the last one, which is at `total - 1`.
        let progress = min(passed / Double(max(total - warmUp, 1)), 1)
        switch shape {
        case .constant, .oneCycle: return peak
        case .linear(let end): return peak * (1 + (end - 1) * progress)
        case .cosine(let end): return peak * Self.cosine(from: 1, to: end, progress)
        case .step(let epochs, let factor): return peak * pow(factor, Double((step - warmUp) / max(epochs * stepsPerEpoch, 1)))
        }
    }

    private func oneCycle(_ step: Double, _ total: Double, _ start: Double, _ end: Double) -> Double {
        let top = warmUp > 0 ? Double(warmUp) - 1 : 0.3 * total - 1
        let low = 1 / start
        if step <= top { return Self.cosine(from: low, to: 1, top > 0 ? step / top : 1) }
        return Self.cosine(from: 1, to: low / end, min((step - top) / max(total - 1 - top, 1), 1))
    }

    private static func cosine(from start: Double, to end: Double, _ progress: Double) -> Double {
        end + (start - end) * (1 + cos(.pi * progress)) / 2
    }
}

// MARK: Names and options

extension Schedule {
    /// Lists the shapes, as pipelines spell them.
    package enum Kind: String, Sendable, CaseIterable {
        case constant, linear, cosine, step
        case oneCycle = "one_cycle"
    }

    package var kind: Kind {
        get {
            switch shape {
            case .constant: .constant
            case .linear: .linear
            case .cosine: .cosine
            case .step: .step
            case .oneCycle: .oneCycle
            }
        }
        /// Sets the shape with the options that hold where a pipeline gives none.
        set {
            switch newValue {
            case .constant: shape = .constant
            case .linear: shape = .linear()
            case .cosine: shape = .cosine()
            case .step: shape = .step(everyEpochs: 1)
            case .oneCycle: shape = .oneCycle()
            }
        }
    }

    package static let options: [Hyperparameter<Schedule>] = [
        .integer("warm_up", \.warmUp, 0...1_000_000_000, "the steps in which the learning rate rises"),
        .integer("every", \.every, 1...100_000, "the epochs from one drop to the next, counted from the end of the warm-up"),
        .number("factor", \.factor, .between, like: "0.1", "what each drop multiplies by"),
        .number("end", \.end, .belowOne, like: "0.1", "the share of the learning rate at the end"),
    ]

    package var every: Int? {
        get { if case .step(let epochs, _) = shape { epochs } else { nil } }
        set { if case .step(_, let factor) = shape, let newValue { shape = .step(everyEpochs: newValue, factor: factor) } }
    }

    package var factor: Double? {
        get { if case .step(_, let factor) = shape { factor } else { nil } }
        set { if case .step(let epochs, _) = shape, let newValue { shape = .step(everyEpochs: epochs, factor: newValue) } }
    }

    package var end: Double? {
        get {
            switch shape {
            case .linear(let end), .cosine(let end): end
            default: nil
            }
        }
        set {
            guard let newValue else { return }
            if case .linear = shape { shape = .linear(end: newValue) }
            if case .cosine = shape { shape = .cosine(end: newValue) }
        }
    }
}
