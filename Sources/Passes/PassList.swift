package import ONNX

/// Holds passes in the order in which they run, written as a literal. After every pass the model is checked, so that the error names the
/// pass that breaks a model.
package struct PassList: Sendable, ExpressibleByArrayLiteral {
    package var passes: [any Pass]

    package init(arrayLiteral passes: any Pass...) { self.passes = passes }

    /// Tells what a run of the list did.
    package struct Report: Sendable, Equatable {
        /// The names of the passes that ran, in order. The next list has those that changed something.
        package fileprivate(set) var ran: [String] = []
        package fileprivate(set) var changed: [String] = []
    }

    /// - Parameter count: the number of passes to run, to find by bisection the one that does harm; nil runs all.
    /// - Throws: the error of a pass, or one with `broken` as its reason if a pass leaves an invalid model. `after` names the passes
    ///   before.
    @discardableResult
    package func run(_ model: inout Model, first count: Int? = nil) throws(PassError) -> Report {
        var report = Report()
        var check = try ModelCheck(model)
        for pass in passes.prefix(count ?? passes.count) {
            do throws(PassError) {
                let changed = try pass.run(&model)
                report.ran.append(pass.name)
                guard changed else { continue }
                report.changed.append(pass.name)
                try check.verify(model, after: pass.name)
            } catch {
                var error = error
                error.after = report.ran.filter { $0 != pass.name } + error.after
                throw error
            }
        }
        return report
    }
}

/// Checks that a pass has not changed anything that no pass may change, and that the model is still valid.
struct ModelCheck {
    private let requiredInputs: [String: ValueType?]
    private let outputs: [Value]
    private var contradictions: Set<String> = []
    private let ignoresStatements: Bool
    private var outputTypes: [ValueType?] = []

    /// - Parameter ignoresStatements: tells whether only those types count that follow from inputs, constants and operators. A statement of
    ///   the file may be wrong, which shows as soon as a pass makes more follow.
    init(_ model: Model, ignoresStatements: Bool = false) throws(PassError) {
        self.ignoresStatements = ignoresStatements
        if let (one, other) = model.graph.twinNames {
            throw PassError(
                pass: "check", place: "the model as it came",
                reason: "its names '\(one)' and '\(other)' differ only in how their characters are composed, and what changes a model "
                    + "cannot tell them apart",
                remedy: "rename one of them")
        }
        requiredInputs = Self.types(model.graph.requiredInputs)
        outputs = model.graph.outputs
        do throws(ONNXError) {
            try model.safetyCheck(checksFiles: false)
            let inferred = try inferTypes(model)
            contradictions = Set(inferred.contradictions)
            outputTypes = outputs.map { inferred[$0.name] }
        } catch {
            throw PassError(
                pass: "check", place: "the model as it came", reason: "\(error)", remedy: "export it again")
        }
    }

    /// Checks that every name is made once and before it is used, that all outputs are there, that types can be inferred, and that inputs
    /// and outputs are unchanged.
    mutating func verify(_ model: Model, after pass: String) throws(PassError) {
        func broken(_ place: String, _ reason: String) -> PassError {
            PassError(
                pass: pass, place: place, reason: "it left a broken model: \(reason)",
                remedy: "this is a fault of the pass: report it with the model")
        }
        let inferred: InferredTypes
        do throws(ONNXError) {
            try model.safetyCheck(checksFiles: false)
            inferred = try inferTypes(model)
        } catch { throw broken("model", "\(error)") }
        let found = Set(inferred.contradictions)
        if let contradiction = found.subtracting(contradictions).min() { throw broken("types", contradiction) }
        contradictions = found
        for (output, before) in zip(outputs, outputTypes) where ValueType.merge(inferred[output.name], before) == nil {
            throw broken(
                "output '\(output.name)'", "its type is \(inferred[output.name]?.description ?? "") and was \(before?.description ?? "")")
        }
        guard Self.types(model.graph.requiredInputs) == requiredInputs else { throw broken("graph", "its inputs are others than before") }
        guard model.graph.outputs.map(\.name) == outputs.map(\.name) else { throw broken("graph", "its outputs are others than before") }
        for (now, before) in zip(model.graph.outputs, outputs) where now.type != before.type {
            throw broken(
                "output '\(now.name)'", "its type is \(now.type?.description ?? "unknown") and was \(before.type?.description ?? "unknown")"
            )
        }
    }

    private func inferTypes(_ model: Model) throws(ONNXError) -> InferredTypes {
        try (ignoresStatements ? model.withoutStatedTypes : model).inferTypes()
    }

    private static func types(_ values: [Value]) -> [String: ValueType?] {
        Dictionary(values.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    }
}
