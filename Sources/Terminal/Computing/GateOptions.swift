package import ArgumentParser
package import Recipes

extension PrecisionRequest: ExpressibleByArgument {}

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

    package init() {}

    package func validate() throws {
        guard 0...1 ~= gateCosine ?? 1 else { throw ValidationError("--gate-cosine is from 0 to 1.") }
        guard 0...1 ~= gateTop ?? 1 else { throw ValidationError("--gate-top is from 0 to 1.") }
    }

    package var isGiven: Bool { gateCosine != nil || gateTop != nil }

    /// Returns the gate: what the options say, and for the rest that of the precision.
    package func gate(for precision: PrecisionRequest) -> AgreementGate {
        AgreementGate(cosine: gateCosine ?? precision.gate.cosine, sameTop: gateTop ?? precision.gate.sameTop)
    }
}
