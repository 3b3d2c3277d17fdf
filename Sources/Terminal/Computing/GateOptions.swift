package import ArgumentParser
package import Recipes

extension PrecisionRequest: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}

/// The options that say how near the outputs of another way of executing a model must be to those of the model as it is.
package struct GateOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The least cosine between the outputs and those of the model as it is. Default: 0.9999, and 0.99 for int8 and int4.",
            valueName: "cosine"))
    package var gateCosine: Double?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The least share of rows whose greatest score stays the same. Default: 1, and 0.95 for int8 and int4.", valueName: "share"))
    package var gateTop: Double?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What decides on labelled rows in place of the agreement of outputs: accuracy, f1, auc, log_loss, rmse, mae, r2 or loss. "
                + "--gate-cosine and --gate-top hold besides, where they are given.", valueName: "metric"))
    package var gateMetric: Metric?
    @Option(
        name: .long,
        help: ArgumentHelp("How much worse the metric may be than that of the model as it is, absolutely. Default: 0.", valueName: "drop"))
    package var gateDrop: Double?
    @Option(
        name: .long, help: ArgumentHelp("The least number of labelled rows that are enough to judge by. Default: 30.", valueName: "rows"))
    package var gateRows: Int?

    package init() {}

    package func validate() throws {
        guard 0...1 ~= gateCosine ?? 1 else { throw ValidationError("--gate-cosine is from 0 to 1.") }
        guard 0...1 ~= gateTop ?? 1 else { throw ValidationError("--gate-top is from 0 to 1.") }
        guard gateMetric != nil || gateDrop == nil && gateRows == nil else {
            throw ValidationError("--gate-drop and --gate-rows are of --gate-metric.")
        }
        guard gateDrop ?? 0 >= 0, (gateDrop ?? 0).isFinite else { throw ValidationError("--gate-drop is at least 0.") }
        guard gateRows ?? 1 >= 1 else { throw ValidationError("--gate-rows is at least 1.") }
    }

    package var isGiven: Bool { gateCosine != nil || gateTop != nil || gateMetric != nil }

    /// What the metric must meet; nil where none is named.
    package var metricGate: MetricGate? {
        gateMetric.map {
            MetricGate(
                $0, dropAtMost: gateDrop ?? 0, rowsAtLeast: gateRows ?? Gate.defaultRows, cosine: gateCosine, sameTop: gateTop)
        }
    }

    /// Returns the gate: what the options say, and for the rest that of the precision.
    package func gate(for precision: PrecisionRequest) -> AgreementGate {
        AgreementGate(cosine: gateCosine ?? precision.gate.cosine, sameTop: gateTop ?? precision.gate.sameTop)
    }
}
