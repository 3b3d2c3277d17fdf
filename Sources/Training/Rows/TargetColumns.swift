import Columnar
package import Tensors

/// What the loss compares the model's answer with, and thereby what label columns must hold.
package struct Target: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// A class, as an index from 0 to `count`, or -100 for one that is left out.
        case classIndex(count: Int)
        /// 1 for yes and 0 for no, or a probability; where two classes are named, the second is the yes.
        case yesOrNo
        /// Each from 0 to 1.
        case probabilities
        case nonnegative
        case numbers
    }

    package var kind: Kind
    /// int64 for classes; otherwise what the model computes in, float32 or float64.
    package var elementType: ElementType
    /// Without the rows' axis; of one that is nil the label columns tell the extent.
    package var rowShape: [Int?]

    package init(_ kind: Kind, elementType: ElementType? = nil, rowShape: [Int?]) {
        self.kind = kind
        if case .classIndex = kind { self.elementType = .int64 } else { self.elementType = elementType ?? .float32 }
        self.rowShape = rowShape
    }
}

/// Label, weight and key columns of one file, batch by batch, checked against what the loss wants.
final class TargetColumns {
    /// Those of the label; none where only keys and weights are read.
    private(set) var columns: [String] = []

    private let file: String
    private let data: LabelledData
    private let target: Target?
    private let classes: [String: Int]?
    /// `nil` where nothing but features is read.
    private var batches: (any InputBatches)?
    private let weight: String?

    static let labelPort = "label"
    static let weightPort = "weight"

    init(_ data: LabelledData, file: LabelledData.File, target: Target?, batchRows: Int) throws(TrainingError) {
        self.file = file.path
        self.data = data
        self.target = target
        weight = data.weight
        classes = try target.flatMap { target throws(TrainingError) in try Self.classes(data, target, file.path) }
        var ports: [InputPort] = []
        var rules: [String: InputRule] = [:]
        if let target {
            guard let label = data.label else {
                throw .badLabels(file: file.path, reason: "no column is said to be the label", remedy: "name it: schema.label, or --label")
            }
            let isNamed = classes != nil
            ports.append(
                InputPort(name: Self.labelPort, elementType: isNamed ? .string : target.elementType, dimensions: [nil] + target.rowShape))
            rules[Self.labelPort] = InputRule(
                columns: label, missing: .refused, refusesNonFinite: !isNamed && target.elementType != .int64,
                booleans: isNamed ? Self.booleans(among: data.classes ?? []) : nil, times: .text)
        }
        if let weight = data.weight {
            ports.append(InputPort(name: Self.weightPort, elementType: .float32, dimensions: [nil]))
            rules[Self.weightPort] = InputRule(columns: .list([weight]), missing: .refused, refusesNonFinite: true)
        }
        guard !ports.isEmpty || !data.key.isEmpty else { return }
        var options = ReadOptions()
        options.dialect = data.dialect
        do {
            batches = try openInputs(
                path: file.path, format: file.format, options: options, ports: ports, rules: rules,
                schema: TableSchemaRule(keep: data.key, types: data.types), batchRows: batchRows)
        } catch { throw worded(error) }
        columns = batches?.boundColumns[Self.labelPort] ?? []
    }

    private static func classes(_ data: LabelledData, _ target: Target, _ file: String) throws(TrainingError) -> [String: Int]? {
        var count: Int?
        switch target.kind {
        case .classIndex(let classes): count = classes
        case .yesOrNo where target.rowShape.allSatisfy({ $0 == 1 }): count = 2
        default: break
        }
        guard let count, let names = data.classes else { return nil }
        guard names.count == count else {
            throw .badLabels(
                file: file, reason: "\(names.count) classes are named (schema.classes, or --classes) and the model tells \(count) apart",
                remedy: "name each class once, in the order of the model's class axis")
        }
        return Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// How booleans are spelled among the classes' names.
    private static func booleans(among classes: [String]) -> BooleanText {
        for (no, yes) in [("False", "True"), ("FALSE", "TRUE")] where classes.contains(yes) { return .words(no: no, yes: yes) }
        return .words(no: "false", yes: "true")
    }

    struct Batch {
        /// `[N, ...]`, as the layout's target field has it.
        let target: Tensor?
        /// `[N]`
        let weights: [Float]
        /// For each key column, a text for each row.
        let keys: [[String?]]
    }

    /// The labels of the next rows.
    /// - Parameter rows: as many as the features had.
    func next(rows: Int) throws(TrainingError) -> Batch {
        guard let batches else { return Batch(target: nil, weights: Array(repeating: 1, count: rows), keys: []) }
        let batch: InputBatch?
        do { batch = try batches.next() } catch { throw worded(error) }
        guard let batch, batch.rowCount == rows else { throw .cannotRead(path: file, reason: "it changed while it was read") }
        let keys = try keys(of: batch)
        let labels = batch.tensors[Self.labelPort]
        return Batch(
            target: try labels.map { labels throws(TrainingError) in try checked(labels, firstRow: batch.firstRow) }, weights: try weights(batch),
            keys: keys)
    }

    /// The keys of the next rows, of columns that hold nothing else; nil behind the last.
    func nextKeys() throws(TrainingError) -> [[String?]]? {
        do {
            guard let batch = try batches?.next() else { return nil }
            return try keys(of: batch)
        } catch let error as ColumnarError {
            throw worded(error)
        } catch { throw .cannotRead(path: file, reason: "\(error)") }
    }

    private func keys(of batch: InputBatch) throws(TrainingError) -> [[String?]] {
        var keys: [[String?]] = []
        for column in batch.kept.columns {
            do { keys.append(try column.texts(file: file)) } catch { throw .cannotRead(path: file, reason: "\(error)") }
        }
        return keys
    }

    private func weights(_ batch: InputBatch) throws(TrainingError) -> [Float] {
        guard let values = batch.tensors[Self.weightPort]?.values(as: Float.self) else { return Array(repeating: 1, count: batch.rowCount) }
        if let bad = values.firstIndex(where: { $0 < 0 }) {
            throw .badLabels(
                file: file, reason: "row \(batch.firstRow + bad): the weight \(values[bad]) in column \"\(weight ?? "")\" is negative",
                remedy: "a row counts 0 or more")
        }
        return values
    }

    private func checked(_ labels: Tensor, firstRow: Int) throws(TrainingError) -> Tensor {
        guard let target else { return labels }
        let width = max(labels.elementCount / max(labels.shape.dimensions.first ?? 1, 1), 1)
        func place(_ index: Int) -> String { "row \(firstRow + index / width), column \"\(columns[columns.count > 1 ? index % width : 0])\"" }
        if let classes {
            var indices: [Int] = []
            for (index, name) in (labels.strings ?? []).enumerated() {
                guard let known = classes[name] else {
                    let names = classes.sorted { $0.value < $1.value }.map { "\"\($0.key)\"" }
                    let shown = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
                    throw .badLabels(
                        file: file, reason: "\(place(index)): \"\(name)\" is no class; the classes are \(shown)",
                        remedy: "mend the label, or the classes' names (schema.classes, or --classes)")
                }
                indices.append(known)
            }
            switch target.elementType {
            case .int64: return Tensor(.int64, labels.shape, indices.map(Int64.init))
            case .float64: return Tensor(.float64, labels.shape, indices.map(Double.init))
            default: return Tensor(.float32, labels.shape, indices.map(Float.init))
            }
        }
        func refuse(_ index: Int, _ wanted: String) -> TrainingError {
            .badLabels(
                file: file, reason: "\(place(index)): the label \(labels.number(index)) is not \(wanted), as the loss wants it",
                remedy: "mend the label, or choose another loss")
        }
        for index in 0..<labels.elementCount {
            let value = labels.number(index)
            switch target.kind {
            case .classIndex(let count):
                guard value == -100 || value >= 0 && value < Double(count) else {
                    throw .badLabels(
                        file: file, reason: "\(place(index)): the class \(Int(value)) is none of the model's \(count), which count from 0",
                        remedy: "mend the label, or give the classes their names (schema.classes, or --classes) where labels are names")
                }
            case .yesOrNo, .probabilities: if value < 0 || value > 1 { throw refuse(index, "from 0 to 1") }
            case .nonnegative: if value < 0 { throw refuse(index, "0 or more") }
            case .numbers: break
            }
        }
        return labels
    }

    /// The ports above are ours, not the model's: errors speak of labels, weights and keys.
    private func worded(_ error: ColumnarError) -> TrainingError {
        let label = "the label (\(data.label?.words ?? "none"))"
        switch error {
        case .mismatch(var location, let reason), .badValue(var location, let reason), .badFile(var location, let reason):
            let input = location.input
            location.input = nil
            func bad(_ what: String, _ remedy: String) -> TrainingError { .badLabels(file: "\(location)", reason: "\(what): \(reason)", remedy: remedy) }
            if input == Self.weightPort { return bad("the sample weight", "give every row a weight, or name another column (schema.weight, or --weight)") }
            if input == nil, let column = location.column, data.key.contains(column) {
                return bad("the row key", "name columns that every labelled file has (schema.key, or --key)")
            }
            guard case .mismatch = error else { return bad(label, valueRemedy) }
            let remedy = location.column != nil
                ? "name the column to learn (schema.label, or --label)"
                : "name as many columns as the output has numbers for a row (schema.label, or --label), or choose a loss or an output that fits"
            return bad(label, remedy)
        case .badRule(let reason): return .badLabels(file: file, reason: reason, remedy: "mend the schema")
        default: return .cannotRead(path: file, reason: "\(error)")
        }
    }

    /// What to do about a label that cannot be taken.
    private var valueRemedy: String {
        switch target?.kind {
        case .classIndex(let count)?:
            classes == nil
                ? "write a class from 0 to \(count - 1), or name the classes (schema.classes, or --classes) where labels are names"
                : "write the name of a class, or leave the row out"
        default: "write a number, or leave the row out"
        }
    }
}

extension InputRule.Columns {
    /// As a message names them.
    var words: String {
        switch self {
        case .pattern(let pattern): pattern
        case .list(let names): names.joined(separator: ", ")
        }
    }
}
