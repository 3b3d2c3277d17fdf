import Columnar
import Engine
import Tensors

/// Adds up how far one value of the second model is from that of the first, run after run.
struct DistanceMeter {
    private var meter: AgreementMeter
    private var reason: String?

    init(_ name: String) { meter = AgreementMeter(name) }

    var distance: ValueDistance { reason.map(ValueDistance.init(incomparable:)) ?? ValueDistance(meter) }

    mutating func add(_ a: OutputValue, _ b: OutputValue, rows: Int) { add(OutputElements(a), OutputElements(b), rows: rows) }

    /// Adds a value in between, of which nobody knows which axis is the rows.
    mutating func add(_ a: Tensor, _ b: Tensor, rows: Int) {
        guard a.shape == b.shape else {
            reason = "the shapes are \(a.shape) and \(b.shape)"
            return
        }
        add(OutputElements(a), OutputElements(b), rows: rows)
    }

    mutating func add(_ a: OutputElements, _ b: OutputElements, rows: Int) {
        if meter.add(b, original: a, rows: rows) { return }
        reason =
            switch (a, b) {
            case (.numbers, .numbers), (.codes, .codes): "they have \(a.count) and \(b.count) elements on \(rows) rows"
            case (.numbers, .codes), (.codes, .numbers): "only one of them is floating-point numbers"
            }
    }
}
