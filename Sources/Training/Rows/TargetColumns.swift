import Columnar
package import Tensors

/// What the loss compares the model's answer with, and thereby what label columns must hold.
package enum Target: Sendable, Hashable {
    /// A class for each row (or for each position of a row), as an index from 0. `count` is how many classes the model tells apart.
    case classIndex(count: Int, rowShape: [Int])
    /// float32 values of that shape a row: numbers to predict, probabilities of classes, or zeros and ones.
    case values(rowShape: [Int], range: ValueRange)

    package enum ValueRange: Sendable, Hashable {
        case any
        /// Each from 0 to 1.
        case probability
        /// At least 0.
        case nonnegative
    }

    package var elementType: ElementType {
        switch self {
        case .classIndex: .int64
        case .values: .float32
        }
    }

    package var rowShape: [Int] {
        switch self {
        case .classIndex(_, let shape), .values(let shape, _): shape
        }
    }
}

/// Label, weight and key columns of one file, batch by batch, checked against what the loss wants.
final class TargetColumns {
    let columns: [String]

    private let file: String
    private let target: Target
    private let classes: [String: Int]?
    private let batches: any InputBatches
    private let weight: String?
    private let key: [String]

    static let labelPort = "label"
    static let weightPort = "weight"

    init(_ data: LabelledData, file: LabelledData.File, target: Target, batchRows: Int) throws(TrainingError) {
        self.file = file.path
        self.target = target
        weight = data.weight
        key = data.key
        var classes: [String: Int]?
        if case .classIndex(let count, _) = target, let names = data.classes {
            guard names.count == count else {
                throw .badLabels(
                    file: file.path, reason: "schema.classes names \(names.count) classes and the model tells \(count) apart",
                    remedy: "name each class once, in the order of the model's class axis")
            }
            classes = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }
        self.classes = classes
        let isNamed = classes != nil
        let width = target.rowShape.reduce(1, *)
        var ports = [
            InputPort(
                name: Self.labelPort, elementType: isNamed ? .string : target.elementType,
                dimensions: width == 1 ? [nil] : [nil, width])
        ]
        var rules = [Self.labelPort: InputRule(columns: data.label, refusesNonFinite: !isNamed && target.elementType == .float32)]
        if let weight = data.weight {
            ports.append(InputPort(name: Self.weightPort, elementType: .float32, dimensions: [nil]))
            rules[Self.weightPort] = InputRule(columns: .list([weight]), refusesNonFinite: true)
        }
        var options = ReadOptions()
        options.dialect = data.dialect
        do {
            batches = try openInputs(
                path: file.path, format: file.format, options: options, ports: ports, rules: rules,
                schema: TableSchemaRule(keep: data.key, types: data.types), batchRows: batchRows)
        } catch { throw Self.worded(error, file: file.path, label: data.label, target: target) }
        columns = batches.boundColumns[Self.labelPort] ?? []
    }

    struct Batch {
        let rowCount: Int
        /// `[rowCount, ...]`, as the layout's target field has it.
        let target: Tensor
        /// `[rowCount]`
        let weights: [Float]
        /// For each key column, a text for each row.
        let keys: [[String?]]
    }

    func next() throws(TrainingError) -> Batch? {
        let batch: InputBatch?
        do { batch = try batches.next() } catch { throw Self.worded(error, file: file, label: .list(columns), target: target) }
        guard let batch, let labels = batch.tensors[Self.labelPort] else { return nil }
        var keys: [[String?]] = []
        for column in batch.kept.columns {
            do { keys.append(try column.texts(file: file)) } catch { throw .cannotRead(path: file, reason: "\(error)") }
        }
        return Batch(
            rowCount: batch.rowCount, target: try checked(labels, firstRow: batch.firstRow, rows: batch.rowCount),
            weights: try weights(batch), keys: keys)
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

    private func checked(_ labels: Tensor, firstRow: Int, rows: Int) throws(TrainingError) -> Tensor {
        let shape = Shape([rows] + target.rowShape)
        let width = max(labels.elementCount / max(rows, 1), 1)
        func place(_ index: Int) -> String { "row \(firstRow + index / width), column \"\(columns[columns.count > 1 ? index % width : 0])\"" }
        switch target {
        case .classIndex(let count, _):
            guard let classes else {
                let indices = labels.values(as: Int64.self) ?? []
                if let bad = indices.firstIndex(where: { $0 < 0 || $0 >= count }) {
                    throw .badLabels(
                        file: file, reason: "\(place(bad)): the class \(indices[bad]) is none of the model's \(count), which count from 0",
                        remedy: "mend the label, or name the classes in schema.classes where labels are names")
                }
                return Tensor(.int64, shape, indices)
            }
            var indices: [Int64] = []
            for (index, name) in (labels.strings ?? []).enumerated() {
                guard let known = classes[name] else {
                    let names = classes.sorted { $0.value < $1.value }.map { "\"\($0.key)\"" }
                    let shown = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
                    throw .badLabels(
                        file: file, reason: "\(place(index)): \"\(name)\" is no class; the classes are \(shown)",
                        remedy: "mend the label, or the names in schema.classes")
                }
                indices.append(Int64(known))
            }
            return Tensor(.int64, shape, indices)
        case .values(_, let range):
            let values = labels.values(as: Float.self) ?? []
            let bad: Int? = switch range {
            case .any: nil
            case .probability: values.firstIndex { $0 < 0 || $0 > 1 }
            case .nonnegative: values.firstIndex { $0 < 0 }
            }
            if let bad {
                throw .badLabels(
                    file: file,
                    reason: "\(place(bad)): the label \(values[bad]) is not "
                        + (range == .probability ? "from 0 to 1, as this loss wants it" : "0 or more, as this loss wants it"),
                    remedy: "mend the label, or choose another loss")
            }
            return Tensor(.float32, shape, values)
        }
    }

    /// The ports above are ours, not the model's: errors speak of labels.
    private static func worded(
        _ error: ColumnarError, file: String, label: InputRule.Columns, target: Target
    ) -> TrainingError {
        let wanted = switch label {
        case .pattern(let pattern): pattern
        case .list(let names): names.joined(separator: ", ")
        }
        switch error {
        case .mismatch(var location, let reason), .badValue(var location, let reason), .badFile(var location, let reason):
            let isWeight = location.input == weightPort
            location.input = nil
            let what = isWeight ? "the sample weight" : "the label (\(wanted))"
            return .badLabels(
                file: "\(location)", reason: "\(what): \(reason)",
                remedy: isWeight ? "give every row a weight, or leave the weight column out" : "give every row a label that the loss can take")
        case .badRule(let reason): return .badLabels(file: file, reason: reason, remedy: "mend the schema")
        case .noRows: return .badLabels(file: file, reason: "no rows", remedy: "drop it again with rows")
        default: return .cannotRead(path: file, reason: "\(error)")
        }
    }
}
