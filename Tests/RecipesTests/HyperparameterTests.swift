import Recipes
import Testing

@Suite struct HyperparameterTests {
    @Test func noKeyStandsTwice() {
        func keys<Root>(_ keys: [Hyperparameter<Root>]) -> [String] { keys.map(\.key) }
        for keys in [
            keys(GradientDescent.hyperparameters), keys(GradientDescent.optimizerOptions), keys(GradientDescent.scheduleOptions),
            keys(Loss.options),
            keys(GradientDescent.earlyStoppingOptions),
        ] {
            #expect(Set(keys).count == keys.count, "\(keys)")
        }
    }

    /// What is set is what is read, for every option of every optimizer, schedule and loss; a kind that lacks the option stays as it is.
    @Test func optionsBelongToTheirKinds() {
        var expected: [String: [String]] = [:]
        for kind in Optimizer.Kind.allCases { expected[kind.rawValue] = options(Optimizer.options, of: Optimizer(kind)) }
        #expect(
            expected == [
                "sgd": ["momentum", "nesterov"], "adagrad": ["epsilon"], "rmsprop": ["momentum", "alpha", "epsilon"],
                "adam": ["betas", "epsilon"],
                "adamw": ["betas", "epsilon"], "lion": ["betas"], "lamb": ["betas", "epsilon"],
            ])
        var schedules: [String: [String]] = [:]
        for kind in Schedule.Kind.allCases {
            var schedule = Schedule(peak: 1)
            schedule.kind = kind
            #expect(schedule.kind == kind)
            schedules[kind.rawValue] = options(Schedule.options, of: schedule)
        }
        #expect(
            schedules == [
                "constant": ["warm_up"], "one_cycle": ["warm_up"], "linear": ["warm_up", "end"], "cosine": ["warm_up", "end"],
                "step": ["warm_up", "every", "factor"],
            ])
        var losses: [String: [String]] = [:]
        for kind in Loss.Kind.allCases {
            #expect(Loss(kind).kind == kind)
            losses[kind.rawValue] = options(Loss.options, of: Loss(kind))
        }
        #expect(
            losses == [
                "cross_entropy": ["label_smoothing", "targets", "class_weights"], "binary_cross_entropy": ["positive_weight", "scores"],
                "multilabel": ["scores", "class_weights"], "mean_squared_error": [], "mean_absolute_error": [], "huber": ["delta"],
                "quantile": ["quantile"], "poisson": ["rate"], "cosine_embedding": ["margin"], "output": [],
            ])
    }

    /// Sets each key to another value, and returns the keys that took it.
    private func options<Root: Equatable>(_ keys: [Hyperparameter<Root>], of root: Root) -> [String] {
        var taken: [String] = []
        for key in keys {
            let value = other(key)
            var changed = root
            key.set(&changed, value)
            if key.value(root) == nil {
                #expect(changed == root && key.value(changed) == nil, "\(key.key)")
            } else {
                #expect(key.value(changed) == value && changed != root, "\(key.key)")
                taken.append(key.key)
            }
        }
        return taken
    }

    private func other<Root>(_ key: Hyperparameter<Root>) -> HyperparameterValue {
        switch key.domain {
        case .integer(let range): .integer(min(range.lowerBound + 7, range.upperBound))
        case .number: .number(0.37)
        case .numbers(_, let count, _): .numbers(Array(repeating: 0.37, count: count ?? 3))
        case .flag: .flag(true)
        case .word(let words): .word(words[words.count - 1])
        case .names: .names(["z", "a"])
        }
    }

    @Test func eachKeyOfGradientIsSetAndRead() {
        for key in GradientDescent.hyperparameters {
            var recipe = GradientDescent(loss: .meanSquaredError)
            let value = key.key == "train_on" ? HyperparameterValue.word("new") : other(key)
            key.set(&recipe, value)
            #expect(key.value(recipe) == value, "\(key.key)")
            #expect(recipe != GradientDescent(loss: .meanSquaredError), "\(key.key)")
        }
    }

    /// Each row: a change, and what is said of it.
    private static let changes: [(change: @Sendable (inout GradientDescent) -> Void, fault: String)] = [
        ({ $0.epochs = 0 }, "epochs: it is 0, and must be from 1 to 100000"),
        ({ $0.accumulate = 0 }, "accumulate: it is 0, and must be from 1 to 100000"),
        ({ $0.shares = 0 }, "shares: it is 0, and must be from 1 to 1024"),
        (
            {
                $0.shares = 5; $0.batchSize = 4
            }, "shares: it is 5, and a batch has 4 rows"
        ),
        ({ $0.weightDecay = -1 }, "weight_decay: it is -1.0, and must be a number of at least 0"),
        ({ $0.schedule.peak = .infinity }, "learning_rate: it is inf, and must be a number above 0"),
        ({ $0.average = 1 }, "ema: it is 1.0, and must be a number between 0 and 1"),
        ({ $0.validation = 1 }, "validation: it is 1.0, and must be a number of at least 0 and below 1"),
        ({ $0.optimizer = .adam(.init(beta2: 1)) }, "betas: it is [0.9, 1.0], and must be each a number of at least 0 and below 1"),
        ({ $0.optimizer = .sgd(nesterov: true) }, "nesterov: there is no momentum to look ahead by"),
        ({ $0.earlyStopping = .init(patience: 0) }, "patience: it is 0, and must be from 1 to 100000"),
        (
            {
                $0.validation = 0; $0.earlyStopping = .init(patience: 1)
            }, "early_stopping: without held-out rows nothing says when to stop"
        ),
        (
            {
                $0.adapters = .init(rank: 1, targets: ["*"]); $0.untie = ["w"]
            }, "untie: beside adapters no weight is trained, so that none is shared"
        ),
        ({ $0.loss = .huber(delta: 0) }, "delta: it is 0.0, and must be a number above 0"), ({ _ in }, ""),
    ]

    @Test(arguments: changes.indices)
    func whatIsWrongIsSaid(row: Int) {
        var recipe = GradientDescent(loss: .meanSquaredError)
        Self.changes[row].change(&recipe)
        #expect(recipe.fault.map { "\($0.key): \($0.reason)" } ?? "" == Self.changes[row].fault)
    }
}
