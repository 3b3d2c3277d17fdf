import Columnar
import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

/// Labels and keys mean the same from every format and type that pandas writes them in (Fixtures/make-labels.py).
@Suite struct LabelFormatsTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/labels/"
    private static let files = (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? []
    private static let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])]
    private static let target = Target(.classIndex(count: 2), rowShape: [])

    private func open(
        _ paths: [String], classes: [String]?, key: [String] = ["id"], share: Double = 0.3, types: [String: StatedType] = [:],
        in directory: TemporaryDirectory
    ) throws -> RowStore {
        let data = LabelledData(files: paths.map { .init($0) }, label: .list(["label"]), classes: classes, key: key, types: types)
        return try RowStore.open(
            data, inputs: Self.inputs, target: Self.target, split: ValidationSplit(share: share, seed: 1),
            folder: try heldFolder(directory.path),
            fingerprint: UUID().uuidString, check: {}, progress: { _ in })
    }

    private func labels(_ file: RowFile) throws -> [Int: Int64] {
        guard file.rowCount > 0 else { return [:] }
        let batch = try file.batch(0..<file.rowCount)
        let x = try #require(batch.inputs[0].values(as: Float.self)), labels = try #require(batch.target?.values(as: Int64.self))
        return Dictionary(labels.indices.map { (Int(x[2 * $0]), labels[$0]) }, uniquingKeysWith: { first, _ in first })
    }

    private func classes(of file: String) -> [String] { file.hasPrefix("truth") ? ["False", "True"] : ["0", "1"] }

    @Test func thereAreFilesOfEveryKind() {
        #expect(
            Self.files.count == 41 && Set(Self.files.map { $0.split(separator: ".").last }) == ["arrow", "csv", "jsonl", "npz", "parquet"])
    }

    @Test(arguments: files)
    func aLabelMeetsTheClassThatItMeans(file: String) throws {
        let directory = try TemporaryDirectory("labels")
        let store = try open([Self.folder + file], classes: classes(of: file), in: directory)
        #expect(store.facts.unlabelledRows == 2)
        let expected = Dictionary(uniqueKeysWithValues: (0..<60).filter { $0 != 7 && $0 != 31 }.map { ($0, Int64($0 % 2)) })
        let training = try labels(store.training), held = try labels(store.validation)
        #expect(training.merging(held) { $1 } == expected && training.count + held.count == 58)
    }

    /// The rows on each side do not depend on the format or the type of the key; an array without missing integers has a key in every row.
    @Test(arguments: files.filter { !$0.hasSuffix(".npz") })
    func aKeyIsTheSameInEveryFormatAndType(file: String) throws {
        let directory = try TemporaryDirectory("labels"), other = try TemporaryDirectory("labels")
        let reference = Self.folder + "01-int-int.parquet"
        let wanted = try labels(try open([reference], classes: ["0", "1"], in: directory).validation)
        let store = try open([Self.folder + file], classes: classes(of: file), in: directory)
        #expect(try labels(store.validation) == wanted && !wanted.isEmpty)
        // Each row that has a key and a label takes the place of the same row before.
        guard file.hasPrefix("01") else { return }
        for order in [[reference, Self.folder + file], [Self.folder + file, reference]] {
            let both = try open(order, classes: ["0", "1"], share: 0, in: other)
            #expect(both.facts.supersededRows == 56 && both.facts.trainingRows == 60, "\(both.facts)")
        }
    }

    @Test(arguments: files.filter { $0.hasPrefix("01-int-") || $0.hasPrefix("01-float-") })
    func numbersNeedNoNames(file: String) throws {
        let directory = try TemporaryDirectory("labels")
        let store = try open([Self.folder + file], classes: nil, share: 0, in: directory)
        #expect(store.facts.unlabelledRows == 2 && store.facts.trainingClasses == [30, 28])
    }

    @Test func aKeyThatIsSaidToBeTextIsText() throws {
        let directory = try TemporaryDirectory("labels")
        try directory.write("id,a,b,label\n1,1,1,0\n2,2,1,1\n", to: "a.csv")
        try directory.write("id,a,b,label\n1.0,1,1,1\n2.00,2,1,0\n01,3,1,0\n", to: "b.csv")
        let paths = [directory("a.csv"), directory("b.csv")]
        #expect(try open(paths, classes: ["0", "1"], share: 0, in: directory).facts.supersededRows == 2)
        #expect(try open(paths, classes: ["0", "1"], share: 0, types: ["id": .string], in: directory).facts.supersededRows == 0)
    }

    @Test func rowsWithoutAKeyAllCount() throws {
        let directory = try TemporaryDirectory("labels")
        try directory.write("id,sub,a,b,label\n,1,1,1,0\n1,,2,1,1\n1,1,3,1,1\n", to: "a.csv")
        try directory.write("id,sub,a,b,label\n,1,4,1,0\nNA,1,5,1,1\n1,,6,1,1\n1,1,7,1,0\n", to: "b.csv")
        let store = try open([directory("a.csv"), directory("b.csv")], classes: ["0", "1"], key: ["id", "sub"], share: 0, in: directory)
        #expect(try labels(store.training).keys.sorted() == [1, 2, 4, 5, 6, 7])
        #expect(store.facts.supersededRows == 1)
    }

    /// Two columns are a key together, each by itself: `ab, c` is another row than `a, bc`.
    @Test func theColumnsOfAKeyDoNotRunTogether() throws {
        let directory = try TemporaryDirectory("labels")
        try directory.write("id,sub,a,b,label\nab,c,1,1,0\n", to: "a.csv")
        try directory.write("id,sub,a,b,label\na,bc,2,1,1\n", to: "b.csv")
        let store = try open([directory("a.csv"), directory("b.csv")], classes: ["0", "1"], key: ["id", "sub"], share: 0, in: directory)
        #expect(try labels(store.training) == [1: 0, 2: 1])
    }

    @Test func aRowWithoutALabelCorrectsNothing() throws {
        let directory = try TemporaryDirectory("labels")
        try directory.write("id,a,b,label\n1,1,1,0\n2,2,1,1\n", to: "a.csv")
        try directory.write("id,a,b,label\n1,3,1,\n2,4,1,1\n", to: "b.csv")
        let store = try open([directory("a.csv"), directory("b.csv")], classes: ["0", "1"], share: 0, in: directory)
        #expect(try labels(store.training) == [1: 0, 4: 1])
        #expect(store.facts.supersededRows == 1 && store.facts.unlabelledRows == 1)
    }

    /// What a row without a label weighs is not asked; of one with a label it is.
    @Test func aRowWithoutALabelNeedsNoWeight() throws {
        let directory = try TemporaryDirectory("labels")
        func open(_ text: String) throws -> RowStore {
            let path = try directory.write(text, to: "a.csv")
            let data = LabelledData(files: [.init(path)], label: .list(["label"]), classes: ["0", "1"], weight: "w", key: ["id"])
            return try RowStore.open(
                data, inputs: Self.inputs, target: Self.target, split: ValidationSplit(share: 0, seed: 1),
                folder: try heldFolder(directory.path),
                fingerprint: UUID().uuidString, check: {}, progress: { _ in })
        }
        let store = try open("id,a,b,w,label\n1,1,1,2,0\n2,2,1,,\n3,3,1,0.5,1\n4,4,1,-1,\n")
        #expect(try labels(store.training) == [1: 0, 3: 1])
        #expect(store.facts.unlabelledRows == 2 && store.facts.trainingWeight == 2.5)
        let error = #expect(throws: TrainingError.self) { try open("id,a,b,w,label\n1,1,1,2,0\n2,2,1,,1\n") }
        #expect(error.map { "\($0)" }?.contains("row 2, column \"w\": there is no weight") == true)
    }

    /// The class, the label, and which class it is.
    @Test(
        arguments: [
            (["0", "1"], "1.0", 1), (["0", "1"], "true", 1), (["0", "1"], "FALSE", 0), (["1.0", "2.0"], "2", 1), (["1", "2"], "1.00", 0),
            (["False", "True"], "true", 1), (["false", "true"], "True", 1), (["no", "yes"], "true", nil), (["False", "True"], "1.0", 1),
            (["1", "2"], "true", nil), (["1", "1.0"], "1.0", 1), (["1", "1.0"], "1.00", nil), (["a", "A"], "A", 1), (["01", "1"], "01", 0),
            (["01", "02"], "1", nil), (["-1", "1"], "-1.0", 0), (["0.5", "1"], "0.50", 0),
        ] as [([String], String, Int?)])
    func spellings(names: [String], label: String, index: Int?) { #expect(ClassNames(names).index(of: label) == index) }

    @Test func decimalTexts() {
        let same = [
            "0": "0", "-0.0": "0", "1.50": "1.5", "10": "10", "100.0": "100", "-7": "-7", "18446744073709551615": "18446744073709551615",
        ]
        for (text, canonical) in same { #expect(DecimalText.canonical(text) == canonical) }
        for text in ["", "-", "01", "00", "+1", "1e3", ".5", "1.", "1,5", "0x1", " 1", "nan"] {
            #expect(DecimalText.canonical(text) == nil, "\(text)")
        }
        #expect(DecimalText.canonical(1e15) == "1000000000000000" && DecimalText.canonical(1e16) == "10000000000000000")
    }
}
