import PipelineConfig
import Recipes
import Testing

/// The stage that trains: `stages[].optimize` with `gradient` and `gate`.
@Suite struct OptimizeTests {
    /// A pipeline that trains, with `gradient` and, where given, what stands beside it.
    private static func text(_ gradient: String, beside: String = "", schema: String = "{ label: y }") -> String {
        """
        name: p
        spool: { models: m, labelled: l, data: d }
        schema: \(schema)
        stages:
          - deserialize
          - optimize:
              gradient: \(gradient)
              \(beside)
          - forward
        land: { models: om, outputs: oo }

        """
    }

    private static func stage(_ gradient: String, beside: String = "", schema: String = "{ label: y }") throws -> OptimizeStage {
        try #require(try read(text(gradient, beside: beside, schema: schema)).optimize)
    }

    @Test func defaults() throws {
        let stage = try Self.stage("{ loss: cross_entropy }")
        #expect(stage.gate == Gate(metric: .loss, dropAtMost: 0, rowsAtLeast: 30))
        let gradient = stage.gradient
        #expect(gradient.loss == .crossEntropy() && gradient.outputs == [])
        #expect(gradient.optimizer == .adamw(.init(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)) && gradient.weightDecay == 0.01)
        #expect(gradient.epochs == 10 && gradient.batchSize == 32 && gradient.accumulate == 1 && gradient.shares == 1)
        #expect(gradient.schedule == Schedule(.constant, peak: 1e-3, warmUp: 0))
        #expect(gradient.clipNorm == nil && gradient.clipValue == nil && gradient.average == nil && gradient.adapters == nil)
        #expect(gradient.validation == 0.2 && gradient.seed == 0 && gradient.trainOn == .all && gradient.earlyStopping == nil)
        #expect(gradient.freeze == [] && gradient.noDecay == [] && gradient.threads == nil)
        let pipeline = try read(Self.text("{ loss: cross_entropy }"))
        #expect(pipeline.spool.labelled?.include.contains("*.parquet") == true)
        #expect(pipeline.stages.count == 3)
    }

    @Test func everyKey() throws {
        let stage = try Self.stage(
            """
            { loss: { cross_entropy: { output: logits, label_smoothing: 0.1, class_weights: [1, 2.5] } },
                          optimizer: { sgd: { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 1.0e-4 } },
                          epochs: 3, batch_size: 8, schedule: { step: { warm_up: 5, every: 2, factor: 0.5 } },
                          clip_norm: 1, clip_value: 0.5, accumulate: 4, shares: 2, ema: 0.99, validation: 0.25, freeze: ["conv1.*", bias],
                          no_decay: "*bias", seed: 7, train_on: new,
                          early_stopping: { patience: 2, min_improvement: 0.01 }, adapters: { rank: 8, targets: ["*attn*"], merge: true },
                          threads: 2 }
            """, beside: "gate: { metric: f1, drop_at_most: 0.005, rows_at_least: 5 }", schema: "{ label: y, weight: w, classes: [a, b] }")
        #expect(
            stage
                == OptimizeStage(
                    gradient: GradientDescent(
                        loss: .crossEntropy(labelSmoothing: 0.1, classWeights: [1, 2.5]), optimizer: .sgd(momentum: 0.9, nesterov: true),
                        learningRate: 0.1, weightDecay: 1e-4
                    ) {
                        $0.outputs = ["logits"]
                        $0.epochs = 3
                        $0.batchSize = 8
                        $0.schedule.kind = .step
                        $0.schedule.warmUp = 5
                        $0.schedule.every = 2
                        $0.schedule.factor = 0.5
                        $0.clipNorm = 1
                        $0.clipValue = 0.5
                        $0.accumulate = 4
                        $0.shares = 2
                        $0.average = 0.99
                        $0.validation = 0.25
                        $0.freeze = ["conv1.*", "bias"]
                        $0.noDecay = ["*bias"]
                        $0.seed = 7
                        $0.trainOn = .new
                        $0.earlyStopping = .init(patience: 2, minimumImprovement: 0.01)
                        $0.adapters = .init(rank: 8, targets: ["*attn*"])
                        $0.threads = 2
                    },
                    gate: Gate(metric: .f1, dropAtMost: 0.005, rowsAtLeast: 5)))
    }

    @Test func untieNamesPatterns() throws {
        let stage = try Self.stage("{ loss: mean_squared_error, untie: [\"lm_head.*\", decoder.weight] }")
        #expect(stage.gradient.untie == ["lm_head.*", "decoder.weight"])
        #expect(try Self.stage("{ loss: mean_squared_error, untie: lm_head.weight }").gradient.untie == ["lm_head.weight"])
        #expect(try Self.stage("{ loss: mean_squared_error }").gradient.untie == [])
    }

    @Test(
        arguments: [
            ("binary_cross_entropy", .binaryCrossEntropy()), ("multilabel", .multilabel()), ("mean_squared_error", .meanSquaredError),
            ("cross_entropy: { targets: probabilities }", .crossEntropy(targets: .probabilities)),
            ("binary_cross_entropy: { positive_weight: 3, scores: logits }", .binaryCrossEntropy(positiveWeight: 3, scores: .logits)),
            ("multilabel: { class_weights: [1, 2], scores: probabilities }", .multilabel(classWeights: [1, 2], scores: .probabilities)),
            ("mean_absolute_error: {}", .meanAbsoluteError), ("huber", .huber(delta: 1)), ("huber: { delta: 2 }", .huber(delta: 2)),
            ("quantile: { quantile: 0.9 }", .quantile([0.9])), ("quantile: { quantile: [0.1, 0.9] }", .quantile([0.1, 0.9])),
            ("poisson", .poisson()), ("poisson: { rate: log_rate }", .poisson(rate: .logRate)), ("cosine_embedding", .cosineEmbedding()),
            ("cosine_embedding: { margin: 0.5 }", .cosineEmbedding(margin: 0.5)),
            ("output: total_loss", .output("total_loss")),
        ] as [(String, Loss)])
    func losses(text: String, expected: Loss) throws {
        #expect(try Self.stage("{ loss: \(text.contains(":") ? "{ \(text) }" : text) }").gradient.loss == expected)
    }

    @Test(
        arguments: [
            ("adam", .adam(), 1e-3, 0), ("lion", .lion(beta1: 0.9, beta2: 0.99), 1e-4, 0.01),
            ("{ lamb: { betas: [0.8, 0.9], epsilon: 1.0e-5 } }", .lamb(.init(beta1: 0.8, beta2: 0.9, epsilon: 1e-5)), 1e-3, 0.01),
            ("{ rmsprop: { alpha: 0.9, momentum: 0.5 } }", .rmsprop(alpha: 0.9, epsilon: 1e-8, momentum: 0.5), 1e-3, 0),
            ("{ adagrad: {} }", .adagrad(epsilon: 1e-10), 0.01, 0),
        ] as [(String, Optimizer, Double, Double)])
    func optimizers(text: String, expected: Optimizer, learningRate: Double, weightDecay: Double) throws {
        let gradient = try Self.stage("{ loss: poisson, optimizer: \(text) }").gradient
        #expect(gradient.optimizer == expected && gradient.schedule.peak == learningRate && gradient.weightDecay == weightDecay)
    }

    @Test func aModelThatComputesItsOwnLossNeedsNoLabel() throws {
        #expect(try Self.stage("{ loss: { output: l } }", schema: "{}").gradient.loss == .output("l"))
    }

    @Test func patienceAloneIsEarlyStopping() throws {
        #expect(try Self.stage("{ loss: poisson, early_stopping: 3 }").gradient.earlyStopping == .init(patience: 3))
    }

    /// Each row: what `gradient` has beside a loss, and what is said of it, without file, line and the path of `gradient`.
    @Test(
        arguments: [
            ("epoch: 3", "epoch: there is no such key; did you mean `epochs`?"),
            (
                "loss: crossentropy",
                """
                loss: `crossentropy` is none of cross_entropy, binary_cross_entropy, multilabel, mean_squared_error, mean_absolute_error, \
                huber, quantile, poisson, cosine_embedding, output; did you mean `cross_entropy`?
                """
            ),
            ("loss: { huber: { detla: 1 } }", "loss.huber.detla: there is no such key; did you mean `delta`?"),
            ("loss: { huber: { delta: 0 } }", "loss.huber.delta: 0 is out of range; write a number above 0, like 1.0"),
            ("loss: output", "loss: which output is the loss is not said; name it, like { output: loss }"),
            ("loss: { output: \"\" }", "loss.output: an empty name; name the model output that is the loss"),
            (
                "loss: { huber: {}, poisson: {} }",
                """
                loss: one is wanted, and there are huber, poisson; write its options below it, like cross_entropy: { label_smoothing: 0.1 }
                """
            ),
            ("optimizer: adamx", "optimizer: `adamx` is none of sgd, adagrad, rmsprop, adam, adamw, lion, lamb; did you mean `adam`?"),
            (
                "optimizer: { adam: { momentum: 0.9 } }",
                "optimizer.adam.momentum: there is no such key; the keys here are learning_rate, weight_decay, betas, epsilon"
            ),
            (
                "optimizer: { adam: { learning_rate: -1 } }",
                "optimizer.adam.learning_rate: -1 is out of range; write a number above 0, like 1.0e-3"
            ),
            (
                "optimizer: { adam: { learning_rate: \"1\" } }",
                "optimizer.adam.learning_rate: the text \"1\" is not a number; write one without quotes, like 1.0e-3"
            ),
            (
                "optimizer: { adam: { betas: [0.9] } }",
                "optimizer.adam.betas: a list of 1 stands where one of 2 belongs; write one, like [0.9, 0.999]"
            ),
            (
                "optimizer: { adam: { betas: [0.9, 1] } }",
                "optimizer.adam.betas: 1 is out of range; write a number of at least 0 and below 1, like [0.9, 0.999]"
            ),
            (
                "optimizer: { sgd: { nesterov: true } }",
                "optimizer.sgd.nesterov: there is no momentum to look ahead by; write momentum: 0.9, or remove it"
            ),
            ("optimizer: [adam]", "optimizer: a list stands where one word belongs; write one, like adamw: { learning_rate: 1.0e-3 }"),
            ("schedule: { cosine: { every: 2 } }", "schedule.cosine.every: there is no such key; the keys here are warm_up, end"),
            ("schedule: cosin", "schedule: `cosin` is none of constant, linear, cosine, step, one_cycle; did you mean `cosine`?"),
            ("epochs: 0", "epochs: 0 is out of range; write a number from 1 to 100000"),
            ("clip_norm: none", "clip_norm: `none` is not a number; write one without quotes, like 1.0"),
            ("ema: 1", "ema: 1 is out of range; write a number between 0 and 1, like 0.999"),
            ("validation: 1.0", "validation: 1.0 is out of range; write a number of at least 0 and below 1, like 0.2"),
            ("validation: .nan", "validation: `.nan` is not a number; write one without quotes, like 0.2"),
            ("train_on: old", "train_on: `old` is none of new, all; write one of them"),
            ("seed: -1", "seed: -1 is out of range; write a number from 0 to 9223372036854775807"),
            ("freeze: [a, a]", "freeze: \"a\" stands twice; remove one of them"),
            ("early_stopping: {}", "early_stopping.patience: missing; say how many epochs to wait for an improvement, like patience: 3"),
            (
                "early_stopping: 3, validation: 0",
                "early_stopping: without held-out rows nothing says when to stop; write validation: 0.2, or remove it"
            ),
            ("adapters: { targets: [a] }", "adapters.rank: missing; say how many columns the factors have, like rank: 8"),
            ("adapters: { rank: 8, targets: [] }", "adapters.targets: an empty list adapts nothing; name weights, like [\"*attn*\"]"),
            (
                "untie: [lm_head.weight], adapters: { rank: 8, targets: [a] }",
                "untie: beside adapters no weight is trained, so that none is shared; remove it, or the adapters"
            ),
            (
                "batch_normalization: train, adapters: { rank: 8, targets: [a] }",
                "batch_normalization: beside adapters nothing else is trained; remove it, or the adapters"
            ),
            (
                "adapters: { rank: 8, targets: [a], merge: no }",
                "adapters.merge: `no` is neither true nor false; write true or false, without quotes"
            ),
        ])
    func badValues(text: String, expected: String) {
        let given = text.hasPrefix("loss") ? text : "loss: cross_entropy, " + text
        let found = problems(Self.text("{ \(given) }"))
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.hasSuffix("stages[1].optimize.gradient.\(expected)") == true, "\(found)")
        #expect(found.first?.hasPrefix("p.yaml:7:") == true)
    }

    /// Each row: a whole file, and what is said of it.
    @Test(
        arguments: [
            (
                text("{ loss: poisson }", beside: "gate: { metric: accuracy }"),
                """
                p.yaml:8:23: stages[1].optimize.gate.metric: accuracy is for classes, and the loss poisson is for numbers; \
                write rmse, mae, r2, loss
                """
            ),
            (
                text("{ loss: poisson, validation: 0 }", beside: "gate: { drop_at_most: 1 }"),
                """
                p.yaml:8:13: stages[1].optimize.gate.metric: without held-out rows there is nothing to measure on; \
                write validation: 0.2, or remove the gate
                """
            ),
            (
                text("{ loss: poisson }", beside: "gate: { drop_at_most: -1 }"),
                "p.yaml:8:29: stages[1].optimize.gate.drop_at_most: -1 is out of range; write a number of at least 0, like 0.005"
            ),
            (
                text("{ loss: poisson }", beside: "gate: { rows_at_least: 0 }"),
                "p.yaml:8:30: stages[1].optimize.gate.rows_at_least: 0 is out of range; write a number from 1 to 1000000000"
            ),
            (
                text("{ loss: { cross_entropy: { class_weights: [1, 2] } } }", schema: "{ label: y, classes: [a] }"),
                """
                p.yaml:7:59: stages[1].optimize.gradient.loss.cross_entropy.class_weights: \
                there are 2 weights for the 1 classes of schema.classes; write one for each class, in their order
                """
            ),
            (
                text("{ epochs: 3 }"),
                "p.yaml:7:17: stages[1].optimize.gradient.loss: missing; say what training makes small, like loss: cross_entropy"
            ),
            (
                text("{ loss: poisson }", schema: "{}"),
                """
                p.yaml:7:7: stages[1].optimize.gradient: it has nothing to learn; \
                name the column: schema: { label: COLUMN }, or remove the stage
                """
            ),
            (
                text("{ loss: poisson }").replacing("labelled: l, ", with: ""),
                """
                p.yaml:7:7: stages[1].optimize.gradient: it has no labelled data to learn from; \
                add spool: { labelled: FOLDER }, or remove the stage
                """
            ),
            (
                base.replacing("data: in/data", with: "labelled: l, data: in/data"),
                """
                p.yaml:2:39: spool.labelled: labelled data arrives and no stage learns from it; \
                add `- optimize: { gradient: { loss: cross_entropy } }` to the stages, or remove it
                """
            ),
            (
                base.replacing("[deserialize,", with: "[deserialize, optimize,"),
                """
                p.yaml:3:23: stages[1].optimize: an optimize stage without anything to do; \
                say how, like gradient: { loss: cross_entropy }, or precision: auto
                """
            ),
            (
                base.replacing("[deserialize,", with: "[deserialize, optimize: { gate: { metric: loss } },"),
                """
                p.yaml:3:23: stages[1].optimize: neither gradient nor graph nor precision; \
                say how, like gradient: { loss: cross_entropy }, or precision: auto
                """
            ),
            (
                text("{ loss: poisson }").replacing("  - forward", with: "  - optimize: { gradient: { loss: poisson } }\n  - forward"),
                "p.yaml:9:5: stages[2].optimize.gradient: a stage before it has one too; keep one, which trains as far as it is told to"
            ),
            (
                text("{ loss: poisson }").replacing("  - forward\n", with: "").replacing("stages:", with: "stages:\n  - forward"),
                nil
            ),
        ] as [(String, String?)])
    func sectionsThatDoNotFit(text: String, expected: String?) {
        let found = problems(text)
        if let expected { #expect(found == [expected]) } else { #expect(!found.isEmpty) }
    }

    /// Each row: another `gradient`, or what stands beside it; every pair of them is a revision of its own.
    private static let changes = [
        ("loss: cross_entropy", ""), ("loss: binary_cross_entropy", ""), ("loss: { cross_entropy: { label_smoothing: 0.1 } }", ""),
        ("loss: { cross_entropy: { class_weights: [1, 2] } }", ""), ("loss: { cross_entropy: { output: a } }", ""),
        ("loss: { output: a }", ""),
        ("loss: { huber: { delta: 2 } }", ""), ("loss: { poisson: { rate: rate } }", ""), ("loss: { multilabel: { scores: logits } }", ""),
        ("loss: { binary_cross_entropy: { positive_weight: 2 } }", ""), ("loss: { cosine_embedding: { margin: 0.1 } }", ""),
        ("loss: cross_entropy, batch_normalization: affine", ""), ("loss: cross_entropy, batch_normalization: train", ""),
        ("loss: cross_entropy, schedule: { cosine: { end: 0.1 } }", ""), ("loss: { quantile: { quantile: 0.9 } }", ""),
        ("loss: cross_entropy, epochs: 2", ""),
        ("loss: cross_entropy, batch_size: 2", ""), ("loss: cross_entropy, optimizer: sgd", ""),
        ("loss: cross_entropy, optimizer: { adamw: { learning_rate: 2.0e-3 } }", ""), ("loss: cross_entropy, schedule: cosine", ""),
        ("loss: cross_entropy, schedule: { cosine: { warm_up: 9 } }", ""), ("loss: cross_entropy, clip_norm: 2", ""),
        ("loss: cross_entropy, clip_value: 2", ""), ("loss: cross_entropy, accumulate: 2", ""), ("loss: cross_entropy, ema: 0.9", ""),
        ("loss: cross_entropy, shares: 2", ""),
        ("loss: cross_entropy, validation: 0.3", ""), ("loss: cross_entropy, freeze: [a]", ""), ("loss: cross_entropy, untie: [a]", ""),
        ("loss: cross_entropy, no_decay: [a]", ""),
        ("loss: cross_entropy, seed: 2", ""), ("loss: cross_entropy, train_on: new", ""), ("loss: cross_entropy, early_stopping: 2", ""),
        ("loss: cross_entropy, adapters: { rank: 2, targets: [a] }", ""),
        ("loss: cross_entropy, adapters: { rank: 2, targets: [a], merge: false }", ""),
        ("loss: cross_entropy, threads: 1", ""), ("loss: cross_entropy", "gate: { metric: auc }"),
        ("loss: cross_entropy", "gate: { drop_at_most: 1 }"),
        ("loss: cross_entropy", "gate: { rows_at_least: 1 }"),
    ]

    @Test func eachChangeIsARevisionOfItsOwn() throws {
        var seen: [Revision: String] = [:]
        for (gradient, beside) in Self.changes {
            let revision = try read(Self.text("{ \(gradient) }", beside: beside)).revision
            #expect(seen.updateValue(gradient + beside, forKey: revision) == nil, "\(gradient) \(beside)")
        }
        for schema in [
            "{ label: z }", "{ label: [y, z] }", "{ label: \"y*\" }", "{ label: y, weight: w }", "{ label: y, missing_label: error }",
        ] {
            let revision = try read(Self.text("{ loss: cross_entropy }", schema: schema)).revision
            #expect(seen.updateValue(schema, forKey: revision) == nil, "\(schema)")
        }
    }

    /// A forgotten option would give two pipelines one revision, and what one has done would count for the other.
    @Test func eachOptionOfAnOptimizerIsARevisionOfItsOwn() throws {
        for kind in Optimizer.Kind.allCases {
            let standard = Optimizer(kind)
            var seen: [Revision: String] = [:]
            for option in Optimizer.options where option.value(standard) != nil {
                let texts =
                    switch option.domain {
                    case .flag: ["momentum: 0.7, \(option.key): true", "momentum: 0.7, \(option.key): false"]
                    case .numbers: ["\(option.key): [0.25, 0.75]", "\(option.key): [0.5, 0.75]", "\(option.key): [0.25, 0.5]"]
                    default: ["\(option.key): 0.25", "\(option.key): 0.75"]
                    }
                for text in texts {
                    let revision = try read(Self.text("{ loss: cross_entropy, optimizer: { \(kind): { \(text) } } }")).revision
                    #expect(seen.updateValue(text, forKey: revision) == nil, "\(kind): \(text)")
                }
            }
            #expect(!seen.isEmpty)
        }
    }

    @Test func eachOptionOfAScheduleIsARevisionOfItsOwn() throws {
        for kind in Schedule.Kind.allCases where kind != .constant {
            var seen: [Revision: String] = [:]
            var standard = Schedule(peak: 0.1)
            standard.kind = kind
            for option in Schedule.options where option.key == "warm_up" || option.value(standard) != nil {
                let values = if case .integer = option.domain { ["3", "5"] } else { ["0.25", "0.75"] }
                for value in values {
                    let text = "schedule: { \(kind.rawValue): { \(option.key): \(value) } }"
                    let revision = try read(Self.text("{ loss: cross_entropy, \(text) }")).revision
                    #expect(seen.updateValue(text, forKey: revision) == nil, "\(text)")
                }
            }
            #expect(!seen.isEmpty)
        }
    }

    @Test(arguments: [
        ("loss: { cross_entropy: {} }", ""), ("loss: { cross_entropy: { label_smoothing: 0 } }", ""),
        ("loss: cross_entropy, epochs: 10", ""),
        ("loss: cross_entropy, optimizer: { adamw: { weight_decay: 0.01 } }", ""), ("loss: cross_entropy, schedule: constant", ""),
        ("loss: cross_entropy, train_on: all, validation: 0.2", ""), ("loss: cross_entropy", "gate: { metric: loss, drop_at_most: 0 }"),
        ("loss: cross_entropy", "gate: { rows_at_least: 30 }"),
    ])
    func whatIsTheDefaultAnywayIsNoRevision(gradient: String, beside: String) throws {
        let standard = try read(Self.text("{ loss: cross_entropy }")).revision
        #expect(try read(Self.text("{ \(gradient) }", beside: beside)).revision == standard)
    }
}
