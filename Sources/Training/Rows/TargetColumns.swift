import Columnar
import Names
import Reasons
import Recipes
package import Tensors

/// Says what kind of value the loss compares the model's answer with. It decides what label columns must hold.
package struct Target: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The label is a class: an index from 0 to `count` - 1, or -100 for a row that is left out.
        case classIndex(count: Int)
        /// The label is 1 for yes and 0 for no, or a probability; where two classes are named, the second is the yes.
        case yesOrNo
        /// The label is probabilities, each from 0 to 1.
        case probabilities
        case nonnegative
        case numbers
    }

    package var kind: Kind
    /// The element type: int64 for classes; otherwise the type that the model computes in, float32 or float64.
    package var elementType: ElementType
    /// The shape without the axis of the rows. The label columns decide an extent that is nil.
    package var rowShape: [Int?]

    package init(_ kind: Kind, elementType: ElementType? = nil, rowShape: [Int?]) {
        self.kind = kind
        if case .classIndex = kind { self.elementType = .int64 } else { self.elementType = elementType ?? .float32 }
        self.rowShape = rowShape
    }
}

/// Reads label, weight and key columns of one file, batch by batch, and compares them with what the loss wants.
final class TargetColumns {
    /// The columns of the label; empty if only keys and weights are read.
    private(set) var columns: [String] = []

    private let file: String
    private let data: LabelledData
    private let target: Target?
    private let classes: ClassNames?
    /// Tells whether the labels are the last kept column: names of classes, one in each row, which mean the same whatever type the column
    /// has.
    private let isLabelKept: Bool
    /// The rows of the columns; `nil` where only features are read.
    private var batches: (any InputBatches)?
    private let weight: String?
    /// The texts that mark a missing value where columns have no types.
    private let nullWords: Set<String>

    static let labelInput = "label"
    static let weightInput = "weight"

    /// - Parameter descriptor: the file, where it is open already; it must be open as long as rows are read.
    init(
        _ data: LabelledData, file: LabelledData.File, open descriptor: Int32?, target: Target?, batchRows: Int
    ) throws(TrainingError) {
        self.file = file.path
        self.data = data
        self.target = target
        weight = data.schema.weight
        classes = try target.flatMap { target throws(TrainingError) in try Self.classes(data, target, file.path) }
        let isCSV = (file.format ?? TableFormat(fileName: file.path))?.kind == .csv
        nullWords = isCSV ? Set(data.schema.dialect.nullWords ?? ["", "NA", "N/A", "NULL", "null", "NaN", "nan"]) : []
        var inputs: [ModelInput] = []
        var rules: NameMap<InputRule> = [:]
        var kept = data.schema.key
        if let target {
            guard let label = data.schema.label else {
                throw .badLabels(file: file.path, reason: "no column is said to be the label", remedy: "name it: schema.label, or --label")
            }
            isLabelKept = classes != nil && label.single != nil && target.rowShape.allSatisfy { $0 == 1 }
            if isLabelKept {
                kept.append(label.single!)
            } else {
                inputs.append(ModelInput(name: Self.labelInput, elementType: labelType(target), dimensions: [nil] + target.rowShape))
                rules[Self.labelInput] =
                    classes.map { classes in
                        InputRule(columns: label, missing: .refused, booleans: Self.booleans(among: classes.names), times: .text)
                    } ?? InputRule(columns: label, missing: .nan)
            }
        } else {
            isLabelKept = false
        }
        if let weight = data.schema.weight {
            inputs.append(ModelInput(name: Self.weightInput, elementType: .float32, dimensions: [nil]))
            rules[Self.weightInput] = InputRule(columns: .list([weight]), missing: .nan)
        }
        guard !inputs.isEmpty || !kept.isEmpty else { return }
        var options = ReadOptions()
        options.dialect = data.schema.dialect
        options.originalPath = file.originalPath
        options.descriptor = descriptor
        do {
            batches = try openInputs(
                path: file.path, format: file.format, options: options, inputs: inputs, rules: rules,
                schema: TableSchemaRule(keep: kept, types: data.schema.typeNames), batchRows: batchRows)
        } catch { throw trainingError(error) }
        columns = isLabelKept ? Array(kept.suffix(1)) : batches?.boundColumns[Self.labelInput] ?? []
    }

    /// Returns the type that labels are read as. Class numbers are read as float64, which holds them and missing values.
    private func labelType(_ target: Target) -> ElementType {
        classes != nil ? .string : target.elementType == .int64 ? .float64 : target.elementType
    }

    private static func classes(_ data: LabelledData, _ target: Target, _ file: String) throws(TrainingError) -> ClassNames? {
        var count: Int?
        switch target.kind {
        case .classIndex(let classes): count = classes
        case .yesOrNo where target.rowShape.allSatisfy({ $0 == 1 }): count = 2
        default: break
        }
        guard let count, let names = data.schema.classes else { return nil }
        guard names.count == count else {
            throw .badLabels(
                file: file, reason: "\(names.count) classes are named (schema.classes, or --classes) and the model tells \(count) apart",
                remedy: "name each class once, in the order of the model's class axis")
        }
        return ClassNames(names)
    }

    /// Returns the spelling of booleans in the classes' names.
    private static func booleans(among classes: [String]) -> BooleanSpelling {
        for (no, yes) in [("False", "True"), ("FALSE", "TRUE")] where classes.contains(yes) { return .words(no: no, yes: yes) }
        return .words(no: "false", yes: "true")
    }

    struct Batch {
        /// The targets `[N, ...]`, as the layout's target field has them. Rows without a label may hold anything.
        let target: Tensor?
        /// The numbers of the rows that have no label, ascending.
        let unlabelled: [Int]
        /// The weights, of shape `[N]`.
        let weights: [Float]
        /// A text for each row of each key column; nil where the row has no value.
        let keys: [[String?]]
    }

    /// Returns the labels of the next rows.
    /// - Parameter rows: the number of rows that the features had.
    func next(rows: Int) throws(TrainingError) -> Batch {
        guard batches != nil else { return Batch(target: nil, unlabelled: [], weights: Array(repeating: 1, count: rows), keys: []) }
        guard let batch = try next(), batch.weights.count == rows else {
            throw .cannotRead(path: file, reason: "it changed while it was read")
        }
        return batch
    }

    /// Returns the labels of the next rows, from columns that hold nothing else; nil after the last row.
    func next() throws(TrainingError) -> Batch? {
        let batch: InputBatch?
        do { batch = try batches?.next() } catch { throw trainingError(error) }
        guard let batch else { return nil }
        let (target, unlabelled) = try labels(of: batch)
        if data.schema.missingLabel == .error, let first = unlabelled.first {
            throw .badLabels(
                file: file, reason: "row \(batch.firstRow + first): there is no label (\(data.schema.label?.words ?? ""))",
                remedy: "give every row a label, or take schema.missing_label: error out, so that such rows are left out")
        }
        let keys = try batch.kept.columns.prefix(data.schema.key.count).map { (column) throws(TrainingError) in try self.keys(column) }
        return Batch(target: target, unlabelled: unlabelled, weights: try weights(batch, except: unlabelled), keys: keys)
    }

    /// Returns the keys, which mean the same whatever type their column has: 1, 1.0 and "1" are one key, unless `types` says that the
    /// column is text.
    private func keys(_ column: Column) throws(TrainingError) -> [String?] {
        let texts = try self.texts(column)
        if data.schema.typeNames[column.field.name] == "string" { return texts }
        guard case .number(let type) = column.field.type, type.isFloatingPoint else {
            return texts.map { text in text.map { DecimalText.canonical($0) ?? $0 } }
        }
        // Large whole numbers are printed with an exponent.
        return texts.map { text in text.flatMap(Double.init).flatMap { $0.isNaN ? nil : DecimalText.canonical($0) } }
    }

    private func texts(_ column: Column) throws(TrainingError) -> [String?] {
        let texts: [String?]
        do { texts = try column.texts(file: file) } catch { throw .cannotRead(path: file, reason: "\(error)") }
        guard !nullWords.isEmpty, column.field.type.isString else { return texts }
        return texts.map { text in text.flatMap { nullWords.contains($0) ? nil : $0 } }
    }

    private func weights(_ batch: InputBatch, except unlabelled: [Int]) throws(TrainingError) -> [Float] {
        guard var values = batch.tensors[Self.weightInput]?.values(as: Float.self) else {
            return Array(repeating: 1, count: batch.rowCount)
        }
        for row in unlabelled { values[row] = 0 }
        if let bad = values.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            let what: Reason =
                values[bad].isNaN
                ? "there is no weight"
                : values[bad] < 0
                    ? "\(cell: "\(values[bad])", shown: "the weight \(values[bad])", hidden: "the weight") is negative"
                    : "the weight is infinite"
            throw .badLabels(
                file: file, reason: "row \(batch.firstRow + bad), column \"\(weight ?? "")\": \(what)",
                remedy: "give every row a weight of 0 or more, or name another column (schema.weight, or --weight)")
        }
        return values
    }

    // MARK: Labels

    /// Returns the rows' labels, and the rows that have none: a row has no label if any of its label columns has no value.
    private func labels(of batch: InputBatch) throws(TrainingError) -> (target: Tensor?, unlabelled: [Int]) {
        guard let target else { return (nil, []) }
        if isLabelKept {
            var indices: [Int] = [], unlabelled: [Int] = []
            let texts: [String?]
            let column = batch.kept.columns[data.schema.key.count]
            do { texts = try column.texts(file: file) } catch { throw .cannotRead(path: file, reason: "\(error)") }
            for (row, text) in texts.enumerated() {
                if let text, let index = classes?.index(of: text) {
                    indices.append(index)
                } else if let text, !(column.field.type.isString && nullWords.contains(text)), text != "nan" || column.field.type.isString {
                    throw noClass(text, row: batch.firstRow + row, column: columns[0])
                } else {
                    indices.append(0)
                    unlabelled.append(row)
                }
            }
            return (tensor(indices, Shape([batch.rowCount] + target.rowShape.map { $0 ?? 1 })), unlabelled)
        }
        guard let labels = batch.tensors[Self.labelInput] else { return (nil, []) }
        return try checked(labels, target, firstRow: batch.firstRow)
    }

    private func tensor(_ indices: [Int], _ shape: Shape) -> Tensor {
        switch target?.elementType {
        case .int64: Tensor(.int64, shape, indices.map(Int64.init))
        case .float64: Tensor(.float64, shape, indices.map(Double.init))
        default: Tensor(.float32, shape, indices.map(Float.init))
        }
    }

    private func noClass(_ name: String, row: Int, column: String) -> TrainingError {
        let names = (classes?.names ?? []).map { "\"\($0)\"" }
        let shown = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
        return .badLabels(
            file: file,
            reason: "row \(row), column \"\(column)\": \(cell: name, hidden: "the label") is no class; the classes are \(shown)",
            remedy: "mend the label, or the classes' names (schema.classes, or --classes)")
    }

    private func checked(_ labels: Tensor, _ target: Target, firstRow: Int) throws(TrainingError) -> (target: Tensor, unlabelled: [Int]) {
        let width = max(labels.elementCount / max(labels.shape.dimensions.first ?? 1, 1), 1)
        func column(_ index: Int) -> String { columns[columns.count > 1 ? index % width : 0] }
        if let classes {
            var indices: [Int] = []
            for (index, name) in (labels.strings ?? []).enumerated() {
                guard let known = classes.index(of: name) else { throw noClass(name, row: firstRow + index / width, column: column(index)) }
                indices.append(known)
            }
            return (tensor(indices, labels.shape), [])
        }
        func place(_ index: Int) -> String { "row \(firstRow + index / width), column \"\(column(index))\"" }
        func refuse(_ index: Int, _ wanted: String) -> TrainingError {
            let value = "\(labels.number(index))"
            return .badLabels(
                file: file,
                reason:
                    "\(place(index)): \(cell: value, shown: "the label \(value)", hidden: "the label") is not \(wanted), as the "
                    + "loss wants it",
                remedy: "mend the label, or choose another loss")
        }
        var unlabelled: [Int] = []
        for index in 0..<labels.elementCount {
            let value = labels.number(index)
            if value.isNaN {
                if unlabelled.last != index / width { unlabelled.append(index / width) }
                continue
            }
            if value.isInfinite { throw refuse(index, "finite") }
            switch target.kind {
            case .classIndex(let count):
                guard value == -100 || value >= 0 && value < Double(count) && value == value.rounded() else {
                    let shown = value == value.rounded() ? "\(DecimalText.canonical(value))" : "\(value)"
                    throw .badLabels(
                        file: file,
                        reason:
                            "\(place(index)): \(cell: shown, shown: "the class \(shown)", hidden: "the class") is none of the "
                            + "model's \(count), "
                            + "which count from 0",
                        remedy: "mend the label, or give the classes their names (schema.classes, or --classes) where labels are names")
                }
            case .yesOrNo, .probabilities: if value < 0 || value > 1 { throw refuse(index, "from 0 to 1") }
            case .nonnegative: if value < 0 { throw refuse(index, "0 or more") }
            case .numbers: break
            }
        }
        guard case .classIndex = target.kind else { return (labels, unlabelled) }
        let classes = labels.values(as: Double.self) ?? []
        return (Tensor(.int64, labels.shape, classes.map { $0.isNaN ? 0 : Int64($0) }), unlabelled)
    }

    /// Makes a training error of one of binding. These two inputs are ours, not the model's, so that the words are about labels, weights
    /// and keys.
    private func trainingError(_ error: ColumnarError) -> TrainingError {
        let label = "the label (\(data.schema.label?.words ?? "none"))"
        guard let (location, reason) = error.located else {
            if case .badRule(let reason) = error { return .badLabels(file: file, reason: Reason(reason), remedy: "mend the schema") }
            return .cannotRead(path: file, reason: "\(error)")
        }
        let input = location.input
        let cell = TableLocation(file: location.file, row: location.row, column: location.column)
        func bad(_ what: String, _ remedy: String) -> TrainingError {
            .badLabels(file: "\(cell)", reason: "\(what): \(reason)", remedy: remedy)
        }
        if input == Self.weightInput {
            return bad("the sample weight", "give every row a weight, or name another column (schema.weight, or --weight)")
        }
        if input == nil, let column = location.column, data.schema.key.contains(column) {
            return bad("the row key", "name columns that every labelled file has (schema.key, or --key)")
        }
        guard case .mismatch = error else { return bad(label, valueRemedy) }
        let remedy =
            location.column != nil
            ? "name the column to learn (schema.label, or --label)"
            : "name as many columns as the output has numbers for a row (schema.label, or --label), or choose a loss or an output that fits"
        return bad(label, remedy)
    }

    /// The remedy for a label that cannot be used.
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

extension ColumnSelector {
    /// The column, if only one is named.
    fileprivate var single: String? {
        if case .list(let names) = self, names.count == 1, !NamePattern.isPattern(names[0]) { names[0] } else { nil }
    }

    /// The columns in the words of an error message.
    var words: String {
        switch self {
        case .pattern(let pattern): pattern
        case .list(let names): names.joined(separator: ", ")
        }
    }
}
