import Columnar
import Foundation
import Names
import Reasons
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct RowStoreTests {
    private static let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])]
    private static let classes = Target(.classIndex(count: 3), rowShape: [])

    private func open(
        _ directory: TemporaryDirectory, _ names: [String], label: ColumnSelector = .list(["label"]), classes: [String]? = nil,
        weight: String? = nil, key: [String] = [], target: Target = RowStoreTests.classes, share: Double = 0.3, seed: UInt64 = 1,
        inputs: [ModelInput] = RowStoreTests.inputs, needsLabels: Bool = false, types: [String: StatedType] = [:],
        fingerprint: String = UUID().uuidString
    ) throws -> RowStore {
        let data = LabelledData(
            files: names.map { .init(directory($0)) }, label: label, classes: classes, refusesMissingLabels: needsLabels, weight: weight,
            key: key,
            types: types)
        return try RowStore.open(
            data, inputs: inputs, target: target, split: ValidationSplit(share: share, seed: seed), folder: try heldFolder(directory.path),
            fingerprint: fingerprint, check: {}, progress: { _ in })
    }

    /// `id,a,b,label` rows of these numbers; the label is `n % 3`.
    private func csv(_ numbers: some Sequence<Int>) -> String {
        "id,a,b,label\n" + numbers.map { "r\($0),\($0),\(Double($0) / 4),\($0 % 3)\n" }.joined()
    }

    private func values(_ file: RowFile) throws -> [Int] {
        guard file.rowCount > 0 else { return [] }
        let batch = try file.batch(0..<file.rowCount)
        let x = try #require(batch.inputs[0].values(as: Float.self))
        return stride(from: 0, to: x.count, by: 2).map { Int(x[$0]) }
    }

    @Test func rowsComeBackAsTheyWere() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(csv(0..<100), to: "a.csv")
        let store = try open(directory, ["a.csv"], key: ["id"])
        #expect(store.facts.trainingRows + store.facts.validationRows == 100)
        #expect(try (values(store.training) + values(store.validation)).sorted() == Array(0..<100))
        #expect(store.facts.columns == ["x": ["a", "b"]])
        let batch = try store.training.batch([3, 1])
        let x = try #require(batch.inputs[0].values(as: Float.self)), labels = try #require(batch.target?.values(as: Int64.self))
        for row in 0..<2 {
            #expect(x[2 * row + 1] == x[2 * row] / 4)
            #expect(labels[row] == Int64(x[2 * row]) % 3)
        }
        #expect(batch.inputs[0].shape == [2, 2] && batch.target?.shape == [2] && batch.weights.values(as: Float.self) == [1, 1])
    }

    /// By key or by features: a row's side follows from the row and the seed alone.
    @Test(arguments: [["id"], []])
    func aRowNeverChangesSides(key: [String]) throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(csv(0..<200), to: "all.csv")
        try directory.write(csv((0..<100).reversed()), to: "first.csv")
        let json = (0..<300).map { #"{"label": \#($0 % 3), "b": \#(Double($0) / 4), "id": "r\#($0)", "a": \#($0)}"# + "\n" }.joined()
        try directory.write(json, to: "more.jsonl")
        let inputs = [
            ModelInput(name: "a", elementType: .float32, dimensions: [nil]),
            ModelInput(name: "b", elementType: .float32, dimensions: [nil]),
        ]
        func held(_ names: [String], seed: UInt64 = 1) throws -> Set<Int> {
            let store = try open(directory, names, key: key, seed: seed, inputs: inputs)
            let batch = try store.validation.batch(0..<store.validation.rowCount)
            return Set(try #require(batch.inputs[0].values(as: Float.self)).map { Int($0) })
        }
        let all = try held(["all.csv"])
        #expect(try held(["first.csv"]) == all.filter { $0 < 100 })
        #expect(try held(["first.csv", "all.csv"]) == all)
        #expect(try held(["more.jsonl", "first.csv"]).filter { $0 < 200 } == all)
        #expect((30...90).contains(all.count))
        #expect(try held(["all.csv"], seed: 2) != all)
    }

    /// The row with the number 4, where it counts, by its labels in the order of the files.
    private func labels(ofRow number: Int, in store: RowStore) throws -> [Int64] {
        try [store.training, store.validation].flatMap { file -> [Int64] in
            guard file.rowCount > 0 else { return [] }
            let batch = try file.batch(0..<file.rowCount)
            let x = try #require(batch.inputs[0].values(as: Float.self)), labels = try #require(batch.target?.values(as: Int64.self))
            return labels.indices.filter { Int(x[2 * $0]) == number }.map { labels[$0] }
        }
    }

    @Test func aRowThatALaterFileHasAgainCountsAsThatFileHasIt() throws {
        let directory = try TemporaryDirectory("rows")
        // More rows than are read at once; the corrections say 2 for row 4 first, and 0 last.
        try directory.write(csv(0..<5000), to: "all.csv")
        try directory.write("id,a,b,label\nr4,4,1,2\nr4999,4999,1,0\nnew,9999,1,1\n", to: "second.csv")
        try directory.write("id,a,b,label\nr4,4,1,0\n", to: "third.csv")
        let store = try open(directory, ["all.csv", "second.csv", "third.csv"], key: ["id"])
        #expect(try labels(ofRow: 4, in: store) == [0])
        #expect(try labels(ofRow: 4999, in: store) == [0])
        #expect(try (values(store.training) + values(store.validation)).sorted() == Array(0..<5000) + [9999])
        #expect(store.facts.supersededRows == 3)
        #expect(store.facts.trainingRows + store.facts.validationRows == 5001)
        #expect(store.facts.trainingClasses[2] + store.facts.validationClasses[2] == 1666)
        // The order of the files is that in which they arrived.
        let other = try open(directory, ["third.csv", "second.csv", "all.csv"], key: ["id"])
        #expect(try labels(ofRow: 4, in: other) == [1])
    }

    @Test func rowsOfOneFileThatShareAKeyAllCount() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write("id,a,b,label\np,1,1,0\np,2,1,1\nq,3,1,2\n", to: "first.csv")
        try directory.write("id,a,b,label\np,4,1,0\np,5,1,1\np,5,1,1\n", to: "second.csv")
        let store = try open(directory, ["first.csv", "second.csv"], key: ["id"], share: 0)
        #expect(try values(store.training) == [3, 4, 5, 5] && store.facts.supersededRows == 2)
    }

    @Test func withoutKeyColumnsRowsWithTheSameFeaturesAreTwo() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(csv(0..<20), to: "first.csv")
        try directory.write("a,b,label\n4,1,2\n", to: "second.csv")
        let store = try open(
            directory, ["first.csv", "second.csv"],
            inputs: [
                ModelInput(name: "a", elementType: .float32, dimensions: [nil]),
                ModelInput(name: "b", elementType: .float32, dimensions: [nil]),
            ])
        #expect(store.facts.trainingRows + store.facts.validationRows == 21 && store.facts.supersededRows == 0)
    }

    @Test func duplicateRowsStayOnOneSide() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(csv((0..<50).flatMap { [$0, $0] }), to: "twice.csv")
        let store = try open(directory, ["twice.csv"])
        #expect(Set(try values(store.training)).isDisjoint(with: Set(try values(store.validation))))
    }

    @Test func classesMayBeNamedAndRowsWeighed() throws {
        let directory = try TemporaryDirectory("rows")
        let text = "a,b,kind,w\n" + (0..<60).map { "\($0),0,\(["low", "mid", "high"][$0 % 3]),\($0 % 2)\n" }.joined()
        try directory.write(text, to: "a.csv")
        let store = try open(directory, ["a.csv"], label: .list(["kind"]), classes: ["low", "mid", "high"], weight: "w")
        let batch = try store.training.batch(0..<store.training.rowCount)
        let x = try #require(batch.inputs[0].values(as: Float.self)), labels = try #require(batch.target?.values(as: Int64.self))
        let weights = try #require(batch.weights.values(as: Float.self))
        for row in 0..<batch.rowCount {
            #expect(labels[row] == Int64(x[2 * row]) % 3)
            #expect(weights[row] == Float(Int(x[2 * row]) % 2))
        }
        #expect(zip(store.facts.trainingClasses, store.facts.validationClasses).map(+) == [20, 20, 20])
    }

    @Test func twoNamedClassesAreYesAndNo() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write("a,b,label\n" + (0..<40).map { "\($0),1,\($0 % 2 == 0 ? "no" : "yes")\n" }.joined(), to: "a.csv")
        let store = try open(directory, ["a.csv"], classes: ["no", "yes"], target: Target(.yesOrNo, rowShape: []))
        let batch = try store.training.batch(0..<store.training.rowCount)
        let x = try #require(batch.inputs[0].values(as: Float.self))
        #expect(
            batch.target?.values(as: Float.self) == stride(from: 0, to: x.count, by: 2).map { x[$0].truncatingRemainder(dividingBy: 2) })
    }

    /// What PyTorch leaves out by default is left out here too, and no class.
    @Test func minusHundredIsLeftOut() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write("a,b,label\n" + (0..<40).map { "\($0),1,\($0 % 4 == 3 ? -100 : $0 % 4)\n" }.joined(), to: "a.csv")
        let store = try open(directory, ["a.csv"])
        #expect(zip(store.facts.trainingClasses, store.facts.validationClasses).map(+) == [10, 10, 10])
        #expect(store.facts.trainingRows + store.facts.validationRows == 40)
    }

    @Test func probabilitiesTakeAColumnEach() throws {
        let directory = try TemporaryDirectory("rows")
        let text = "a,b,p_0,p_1,p_2\n" + (0..<40).map { "\($0),1,0.25,\(Double($0 % 2) / 2),0.5\n" }.joined()
        try directory.write(text, to: "a.csv")
        let store = try open(
            directory, ["a.csv"], label: .pattern("p_*"), target: Target(.probabilities, rowShape: [3]))
        let batch = try store.training.batch([0])
        #expect(batch.target?.shape == [1, 3])
        #expect(batch.target?.values(as: Float.self)?[2] == 0.5)
        #expect(store.facts.columns == ["x": ["a", "b"]])
    }

    @Test func packedRowsAreUsedAgainByTheSameRunOnly() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(csv(0..<100), to: "a.csv")
        let first = try open(directory, ["a.csv"], fingerprint: "same")
        try FileManager.default.removeItem(atPath: directory("a.csv"))
        let again = try open(directory, ["a.csv"], fingerprint: "same")
        #expect(again.facts == first.facts)
        #expect(throws: TrainingError.self) { try open(directory, ["a.csv"], fingerprint: "other") }
        // Cut short, they are packed again.
        try directory.write([], to: "training.rows")
        #expect(throws: TrainingError.self) { try open(directory, ["a.csv"], fingerprint: "same") }
    }

    struct Bad: Sendable, CustomStringConvertible {
        let description: String
        let text: String
        var label: ColumnSelector = .list(["label"])
        var classes: [String]?
        var weight: String?
        var needsLabels = false
        var target = RowStoreTests.classes
        /// Words that the message must have.
        let words: [String]
        /// What of the message tells what a cell holds.
        var told: String?
    }

    static let bad: [Bad] = [
        Bad(description: "absent label", text: "a,b,lable\n1,2,0\n", words: ["label", "did you mean \"lable\""]),
        Bad(
            description: "constant class", text: "a,b,label\n1,2,2\n3,4,2\n", words: ["is 2 in every row", "other labels"],
            told: "2 in every"),
        Bad(
            description: "constant name", text: "a,b,label\n1,2,x\n3,4,x\n", classes: ["x", "y", "z"],
            words: ["is \"x\" in every row"], told: "\"x\""),
        Bad(
            description: "constant number", text: "a,b,label\n1,2,0.5\n3,4,0.5\n", target: Target(.numbers, rowShape: [1]),
            words: ["0.5 in every row"], told: "0.5"),
        Bad(
            description: "unknown class", text: "a,b,label\n1,2,x\n3,4,q\n", classes: ["x", "y", "z"],
            words: ["row 2", "\"q\" is no class", "\"x\", \"y\", \"z\""], told: "\"q\""),
        Bad(description: "class beyond", text: "a,b,label\n1,2,0\n3,4,3\n", words: ["row 2", "class 3", "model's 3"], told: "class 3"),
        Bad(description: "class below", text: "a,b,label\n1,2,-1\n3,4,0\n", words: ["row 1", "class -1"], told: "-1"),
        Bad(description: "class between", text: "a,b,label\n1,2,0\n3,4,0.5\n", words: ["row 2", "label"], told: "0.5"),
        Bad(description: "names without classes", text: "a,b,label\n1,2,cat\n", words: ["row 1", "label"], told: "cat"),
        Bad(description: "too few names", text: "a,b,label\n1,2,x\n", classes: ["x"], words: ["1 classes are named", "tells 3 apart"]),
        Bad(
            description: "no label where all need one", text: "a,b,label\n1,2,0\n3,4,\n", needsLabels: true,
            words: ["row 2", "no label", "missing_label"]),
        Bad(description: "no label at all", text: "a,b,label\n1,2,\n3,4,NA\n", words: ["none of its 2 rows has a label"]),
        Bad(
            description: "no name at all", text: "a,b,label\n1,2,\n3,4,NA\n", classes: ["x", "y", "z"],
            words: ["none of its 2 rows has a label"]),
        Bad(
            description: "infinite label", text: "a,b,label\n1,2,0\n3,4,inf\n", target: Target(.numbers, rowShape: [1]),
            words: ["row 2", "not finite"], told: "inf"),
        Bad(description: "no weight", text: "a,b,label,w\n1,2,0,1\n3,4,1,\n", weight: "w", words: ["row 2", "\"w\"", "no weight"]),
        Bad(description: "NaN feature", text: "a,b,label\n1,2,0\n3,NaN,1\n", words: ["row 2", "\"b\""]),
        Bad(description: "infinite feature", text: "a,b,label\n1,2,0\n3,inf,1\n", words: ["row 2", "\"b\""], told: "inf"),
        Bad(
            description: "no probability", text: "a,b,label\n1,2,0\n3,4,1.5\n", target: Target(.yesOrNo, rowShape: []),
            words: ["row 2", "1.5", "0 to 1"], told: "1.5"),
        Bad(
            description: "negative count", text: "a,b,label\n1,2,0\n3,4,-1\n", target: Target(.nonnegative, rowShape: []),
            words: ["row 2", "-1.0", "0 or more"], told: "-1"),
        Bad(
            description: "neither yes nor no", text: "a,b,label\n1,2,no\n3,4,maybe\n", classes: ["no", "yes"],
            target: Target(.yesOrNo, rowShape: []), words: ["row 2", "\"maybe\" is no class", "\"no\", \"yes\""], told: "maybe"),
        Bad(
            description: "negative weight", text: "a,b,label,w\n1,2,0,1\n3,4,1,-2\n", weight: "w", words: ["row 2", "weight -2.0"],
            told: "-2"),
        Bad(description: "weights of nothing", text: "a,b,label,w\n1,2,0,0\n3,4,1,0\n", weight: "w", words: ["weights", "all 0"]),
        Bad(description: "no rows", text: "a,b,label\n", words: ["no rows"]),
        Bad(
            description: "probabilities that are too few", text: "a,b,p_0,p_1\n1,2,0,1\n", label: .pattern("p_*"),
            target: Target(.numbers, rowShape: [3]), words: ["label"]),
    ]

    @Test(arguments: bad)
    func badLabelsAreNamed(_ bad: Bad) throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(bad.text, to: "a.csv")
        do {
            _ = try open(
                directory, ["a.csv"], label: bad.label, classes: bad.classes, weight: bad.weight, target: bad.target, share: 0,
                needsLabels: bad.needsLabels)
            Issue.record("accepted")
        } catch let error as TrainingError {
            for word in bad.words { #expect("\(error)".contains(word), "\(error)") }
            #expect((error.reason.cells == nil) == (bad.told == nil), "\(error.reason.text)")
            guard let told = bad.told else { return }
            // The folder's name is any text at all.
            let hidden = error.description(showingValues: false).replacing(directory.path, with: "")
            #expect("\(error)".contains(told) && !hidden.contains(told) && hidden.count > 20, "\(hidden)")
        }
    }

    @Test func aSplitWithoutOneSideIsSaid() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write("a,b,label\n1,2,0\n3,4,1\n", to: "a.csv")
        for (share, words) in [(1e-9, "none of the 2 rows is held out"), (0.999_999, "all 2 rows are held out")] {
            do {
                _ = try open(directory, ["a.csv"], share: share)
                Issue.record("accepted")
            } catch let error as TrainingError {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
    }

    @Test func filesMustAgreeOnTheirColumns() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write("a,b,label\n1,2,0\n3,4,1\n", to: "a.csv")
        try directory.write("b,a,label\n1,2,0\n3,4,1\n", to: "b.csv")
        #expect(throws: TrainingError.self) { try open(directory, ["a.csv", "b.csv"], share: 0) }
    }

    @Test func takingTheRunBackStopsThePacking() throws {
        let directory = try TemporaryDirectory("rows")
        try directory.write(csv(0..<10), to: "a.csv")
        #expect(throws: TrainingError.cancelled) {
            try RowStore.open(
                LabelledData(files: [.init(directory("a.csv"))], label: .list(["label"]), key: ["id"]), inputs: Self.inputs,
                target: Self.classes,
                split: ValidationSplit(share: 0, seed: 0), folder: try heldFolder(directory.path), fingerprint: "",
                check: { () throws(TrainingError) in throw .cancelled },
                progress: { _ in })
        }
        #expect(!directory.files().contains("rows.json"))
    }
}
