import Attempts

extension [Measurement] {
    /// What sessions did at the same time, added up: the rate is the sum of their rates. Nil where one of them scored nothing.
    var together: Measurement? {
        guard allSatisfy({ $0.rows > 0 && $0.seconds > 0 }) else { return nil }
        let rows = reduce(0) { $0 + $1.rows }
        let rate = reduce(0) { $0 + Double($1.rows) / $1.seconds }
        return Measurement(
            rows: rows, seconds: Double(rows) / rate, processorSeconds: reduce(0) { $0 + $1.processorSeconds },
            peakBytes: reduce(0) { $0 + $1.peakBytes }, attemptProcessorSeconds: reduce(0) { $0 + $1.attemptProcessorSeconds })
    }
}
