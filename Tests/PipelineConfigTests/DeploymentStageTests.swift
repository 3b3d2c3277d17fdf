import PipelineConfig
import Recipes
import Testing

/// The stage that makes a model faster: `stages[].optimize` with `graph` or `precision`.
@Suite struct DeploymentStageTests {
    private static func text(_ body: String, after stages: String = "[deserialize,", forward: Bool = true) -> String {
        let data = forward ? ", data: d" : "", outputs = forward ? ", outputs: oo" : ""
        return """
            name: p
            spool: { models: m\(data) }
            stages: \(stages) optimize: \(body)\(forward ? ", forward" : "")]
            land: { models: om\(outputs) }

            """
    }

    @Test func everyKeyIsRead() throws {
        let body = "{ graph: [fuse_gemm, fold_constants], precision: bfloat16, budget: 2m, gate: { cosine: 0.99, same_top: 0.5 } }"
        let stage = try #require(try read(Self.text(body)).deployment)
        #expect(stage.graph == [.fuseGemm, .foldConstants] && stage.precision == .bfloat16)
        #expect(stage.budget == .seconds(120) && stage.gate == AgreementGate(cosine: 0.99, sameTop: 0.5))
    }

    @Test func defaults() throws {
        let measured = try #require(try read(Self.text("{ precision: auto }")).deployment)
        #expect(measured == DeploymentStage(precision: .auto, gate: .strict, budget: .seconds(60)))
        let rewritten = try #require(try read(Self.text("{ graph: fold_constants }")).deployment)
        #expect(rewritten == DeploymentStage(graph: [.foldConstants]))
        #expect(try read(Self.text("{ graph: [fold_constants] }", forward: false)).deployment?.graph == [.foldConstants])
        #expect(try read(Self.text("{ precision: auto }").replacing("optimize: { precision: auto }, ", with: "")).deployment == nil)
    }

    /// What changes outputs changes the revision; for how long a way of executing the model is looked for does not.
    @Test func revisions() throws {
        func revision(_ body: String) throws -> String { try read(Self.text(body)).revision.full }
        let bodies = [
            "{ precision: auto }", "{ precision: float32 }", "{ graph: [fuse_gemm] }", "{ graph: [fuse_gemm], precision: auto }",
            "{ precision: auto, gate: { cosine: 0.99 } }", "{ precision: auto, gate: { same_top: 0.99 } }",
        ]
        #expect(Set(try bodies.map(revision)).count == bodies.count)
        #expect(try revision("{ precision: auto, budget: 5s }") == revision("{ precision: auto }"))
        #expect(try revision("{ precision: auto, gate: { cosine: 0.9999, same_top: 1 } }") == revision("{ precision: auto }"))
    }

    @Test(
        arguments: [
            (
                text("{ graph: [] }"),
                "stages[1].optimize.graph: an empty list changes nothing; name passes, like [fold_constants], or remove it"
            ),
            (
                text("{ precision: auto, graph: [fuse_gemm, fuse_gemm] }"),
                "stages[1].optimize.graph: `fuse_gemm` stands twice; remove one of them"
            ),
            (
                text("{ graph: [fuse_gemm], budget: 5s }"),
                "stages[1].optimize.budget: nothing is measured without a precision; add precision: auto, or remove it"
            ),
            (
                text("{ graph: [fuse_gemm], gate: { cosine: 0.9 } }"),
                "stages[1].optimize.gate: nothing is measured without a precision; add precision: auto, or remove it"
            ),
            (
                text("{ precision: auto, gate: { cosine: 1.5 } }"),
                "stages[1].optimize.gate.cosine: 1.5 is out of range; write a number from 0 to 1, like 0.9999"
            ),
            (
                text("{ precision: auto }", forward: false),
                """
                stages[1].optimize.precision: nothing is scored, so that nothing can be measured; \
                add `- forward: {}` to the stages, or remove it
                """
            ),
            (
                text("{ precision: auto }", after: "[deserialize, optimize: { graph: [fuse_gemm] },"),
                "stages[2].optimize: a stage before it makes the model faster too; write graph and precision in one stage"
            ),
            (
                text("{ gradient: { loss: poisson }, precision: auto }").replacing("data: d", with: "data: d, labelled: l")
                    .replacing("stages:", with: "schema: { label: y }\nstages:"),
                """
                stages[1].optimize.precision: one stage cannot both learn and make the model faster; \
                write a second stage after it, like `- optimize: { precision: … }`
                """
            ),
            (
                text("{ gradient: { loss: poisson } }", after: "[deserialize, optimize: { precision: auto },")
                    .replacing("data: d", with: "data: d, labelled: l").replacing("stages:", with: "schema: { label: y }\nstages:"),
                "stages[2].optimize.gradient: it learns after the model was made faster; put it before the other optimize stage"
            ),
        ] as [(String, String)])
    func whatDoesNotFitIsRefused(text: String, expected: String) {
        let found = problems(text)
        #expect(found.count == 1 && found.first?.hasSuffix(expected) == true, "\(found)")
    }

    // MARK: A metric on labelled rows

    private static func learning(_ gate: String, gradient: String = "{ loss: cross_entropy }", schema: String = "{ label: y }") -> String {
        text("{ precision: int8, gate: \(gate) }", after: "[deserialize, optimize: { gradient: \(gradient) },")
            .replacing("data: d", with: "data: d, labelled: l").replacing("stages:", with: "schema: \(schema)\nstages:")
    }

    @Test func aMetricIsReadWithWhatIsDemandedBesides() throws {
        let stage = try #require(
            try read(Self.learning("{ metric: accuracy, drop_at_most: 0.005, rows_at_least: 200, cosine: 0.9 }")).deployment)
        #expect(stage.metric == MetricGate(.accuracy, dropAtMost: 0.005, rowsAtLeast: 200, cosine: 0.9))
        // Where the metric cannot be measured, the agreement decides.
        #expect(stage.gate == AgreementGate(cosine: 0.9, sameTop: 0.95))
        let plain = try #require(try read(Self.learning("{ metric: log_loss }")).deployment)
        #expect(plain.metric == MetricGate(.logLoss, dropAtMost: 0, rowsAtLeast: 30) && plain.gate == PrecisionRequest.int8.gate)
        #expect(try read(Self.learning("{ cosine: 0.9 }")).deployment?.metric == nil)
    }

    @Test func everyPartOfAMetricChangesTheRevision() throws {
        let gates = [
            "{ cosine: 0.99 }", "{ metric: accuracy }", "{ metric: f1 }", "{ metric: accuracy, drop_at_most: 0.1 }",
            "{ metric: accuracy, rows_at_least: 9 }", "{ metric: accuracy, cosine: 0.9 }", "{ metric: accuracy, same_top: 0.9 }",
            "{ metric: accuracy, cosine: 0.99 }", "{ metric: accuracy, same_top: 0.95 }",
        ]
        #expect(Set(try gates.map { try read(Self.learning($0)).revision.full }).count == gates.count)
    }

    @Test(
        arguments: [
            (
                text("{ precision: int8, gate: { metric: accuracy } }"),
                """
                stages[1].optimize.gate.metric: no labelled rows are known without a stage that learns from them; \
                add `- optimize: { gradient: { loss: cross_entropy } }` before it, or write cosine and same_top
                """
            ),
            (
                learning("{ drop_at_most: 0.1 }"),
                "stages[2].optimize.gate.drop_at_most: it is of a metric, and none is named; add one, like metric: accuracy, or remove it"
            ),
            (
                learning("{ rows_at_least: 10 }"),
                "stages[2].optimize.gate.rows_at_least: it is of a metric, and none is named; add one, like metric: accuracy, or remove it"
            ),
            (
                learning("{ metric: rmse }"),
                """
                stages[2].optimize.gate.metric: rmse cannot be measured of what the loss cross_entropy compares with labels; \
                write accuracy, f1, auc, log_loss, loss
                """
            ),
            (
                learning("{ metric: r2 }", gradient: "{ loss: { quantile: { quantile: [0.1, 0.9] } } }"),
                """
                stages[2].optimize.gate.metric: r2 cannot be measured of what the loss quantile compares with labels; write loss
                """
            ),
            (
                learning("{ metric: loss }", gradient: "{ loss: { output: own } }", schema: "{}"),
                """
                stages[2].optimize.gate.metric: loss cannot be measured of what the loss output compares with labels; \
                write cosine and same_top
                """
            ),
            (
                learning("{ metric: accuracy }", gradient: "{ loss: cross_entropy, validation: 0 }"),
                """
                stages[2].optimize.gate.metric: every row is learnt from, so that none is left to measure on; \
                write validation: 0.2 in the stage that learns, or remove it
                """
            ),
            (
                learning("{ metric: accuracy, drop_at_most: -1 }"),
                "stages[2].optimize.gate.drop_at_most: -1 is out of range; write a number of at least 0, like 0.005"
            ),
        ] as [(String, String)])
    func aMetricThatCannotBeMeasuredIsRefused(text: String, expected: String) {
        let found = problems(text)
        #expect(found.count == 1 && found.first?.hasSuffix(expected) == true, "\(found)")
    }

    @Test func anUnknownPassAndPrecisionNameThoseThereAre() {
        let found = problems(Self.text("{ graph: [fold], precision: int7 }"))
        #expect(found.count == 2)
        #expect(found.contains { $0.contains("`fold` is none of") && $0.contains("fold_constants") })
        #expect(found.contains { $0.contains("`int7` is none of auto, float32, bfloat16") })
    }
}
