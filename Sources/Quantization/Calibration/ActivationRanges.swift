/// Tells from where to where the numbers of a value go.
package struct ActivationRange: Sendable, Equatable {
    package let low: Float
    package let high: Float

    package init(low: Float, high: Float) {
        self.low = low
        self.high = high
    }
}

/// Holds the ranges of values of a model by name, as `Calibration` finds them.
package struct ActivationRanges: Sendable, Equatable {
    private var byName: [String: ActivationRange] = [:]

    package init() {}

    package subscript(value: String) -> ActivationRange? {
        get { byName[value] }
        set { byName[value] = newValue }
    }
}
