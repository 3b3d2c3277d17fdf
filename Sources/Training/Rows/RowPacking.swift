import Columnar
import FileSystem
import Foundation
import Names
import Reasons
import Recipes
import Tensors

/// Reads labelled files batch by batch and packs their rows by side of the split. It needs memory for one batch, however large the files
/// are.
///
/// A file has two readers in step, one for features and one for labels, weights and keys, so that text is parsed twice in a run, and a
/// third time for its keys alone where later files may correct it (`Corrections`, which must know the last file before the first is
/// packed). One reader for both would be as bounded in memory; there are two because they are bound by rules that exclude one another:
/// the columns of the label must be known before a model's only input takes all numeric columns that are left, and with label and weight
/// it would not be the only input. An error about a cell, with its remedy, comes from the reader that needs the cell. The
/// second parse converts only its few columns: of CSV about 2 s for a GiB, a third of the reading, once before the first epoch.
struct RowPacking {
    private let data: LabelledData
    private let modelInputs: [ModelInput]
    private let target: Target?
    private let split: ValidationSplit
    private let folder: any GivenFolder
    private let use: RowUse

    private var writers: (training: RowWriter, validation: RowWriter, layout: RowLayout)?
    private var facts = RowStore.Facts()
    private var pinned: [String: [String]] = [:]
    private var range = LabelRange()

    /// The names of the two files.
    static let training = "training.rows", validation = "validation.rows"

    init(_ data: LabelledData, inputs: [ModelInput], target: Target?, split: ValidationSplit, folder: any GivenFolder, use: RowUse) {
        self.data = data
        self.use = use
        modelInputs = inputs
        self.target = target
        self.split = split
        self.folder = folder
        if case .classIndex(let count)? = target?.kind {
            facts.trainingClasses = Array(repeating: 0, count: count)
            facts.validationClasses = Array(repeating: 0, count: count)
        }
    }

    /// - Parameters:
    ///   - check: throws where the run is cancelled.
    ///   - progress: is told the rows packed so far.
    mutating func run(
        check: () throws(TrainingError) -> Void, progress: (Int) -> Void
    ) throws(TrainingError) -> (layout: RowLayout, facts: RowStore.Facts) {
        guard let first = data.files.first else {
            throw .badLabels(file: "no file", reason: "there are no labelled rows", remedy: "drop a labelled file")
        }
        for input in modelInputs where input.elementType == .string {
            throw .badModel(
                reason: use == .judging
                    ? "model input '\(input.name)' takes text, and labelled rows are kept as numbers"
                    : "model input '\(input.name)' takes text, which no gradient passes",
                remedy: "export the model without its text processing, or give the processed features as columns")
        }
        let corrections = try Corrections(data, target: target, seed: split.seed, check: check)
        facts.supersededRows = corrections.count
        for index in data.files.indices {
            try data.reading(data.files[index]) { descriptor throws(TrainingError) in
                try pack(index, descriptor, corrections, check, progress)
            }
        }
        guard let writers else { throw .badLabels(file: first.path, reason: "no rows", remedy: "drop it again with rows") }
        try writers.training.finish()
        try writers.validation.finish()
        facts.trainingRows = writers.training.rowCount
        facts.validationRows = writers.validation.rowCount
        facts.columns = pinned
        if use == .training { try refuseUnusable() }
        return (writers.layout, facts)
    }

    private mutating func pack(
        _ index: Int, _ descriptor: Int32?, _ corrections: Corrections, _ check: () throws(TrainingError) -> Void, _ progress: (Int) -> Void
    ) throws(TrainingError) {
        let file = data.files[index]
        let batchRows = 1024
        var done = 0, unlabelled = 0
        let targets = try TargetColumns(data, file: file, open: descriptor, target: target, batchRows: batchRows)
        let features = try openFeatures(file, descriptor, labels: targets.columns, batchRows: batchRows)
        while true {
            try check()
            let batch: InputBatch?
            do { batch = try features.next() } catch { throw Self.trainingError(error, file: file.path) }
            guard let batch else { break }
            // A file without rows pins nothing for those after it.
            if done == 0 { for (name, columns) in features.boundColumns where pinned[name] == nil { pinned[name] = columns } }
            let labelled = try targets.next(rows: batch.rowCount)
            let superseded = corrections.rows(done..<done + batch.rowCount, ofFile: index).map { $0 - done }
            try append(batch, labelled, except: superseded, file)
            done += batch.rowCount
            unlabelled += labelled.unlabelled.count
            progress((writers?.training.rowCount ?? 0) + (writers?.validation.rowCount ?? 0))
        }
        facts.unlabelledRows += unlabelled
        guard done == unlabelled, done > 0, use != .gradients else { return }
        throw .badLabels(
            file: file.path, reason: "none of its \(done) rows has a label (\(data.schema.label?.words ?? ""))",
            remedy: "give some rows a label, or name another column (schema.label, or --label)")
    }

    private func openFeatures(
        _ file: LabelledData.File, _ descriptor: Int32?, labels: [String], batchRows: Int
    ) throws(TrainingError) -> any InputBatches {
        var options = ReadOptions()
        options.dialect = data.schema.dialect
        options.originalPath = file.originalPath
        options.descriptor = descriptor
        var rules = data.inputs
        for (name, rule) in rules.sorted(by: { $0.key < $1.key }) {
            guard case .list(let columns)? = rule.columns, let both = columns.first(where: labels.contains) else { continue }
            throw .badLabels(
                file: file.path,
                reason: "column \"\(both)\" is the label and a feature of model input '\(name)' too, which leaves nothing to learn",
                remedy: "take it out of the input's columns, or learn another")
        }
        for input in modelInputs where input.elementType.isFloatingPoint { rules[input.name, default: InputRule()].refusesNonFinite = true }
        let others = labels.dropFirst() + [data.schema.weight].compactMap(\.self)
        // The rows were kept without what these columns held.
        let noFeatures = (data.schema.privacy?.drop ?? []) + (data.schema.privacy?.hash ?? [])
        do throws(ColumnarError) {
            if (file.format ?? TableFormat(fileName: file.path))?.isArrays ?? false {
                return try ArrayBinder(
                    path: file.path, format: file.format, inputs: modelInputs, rules: rules,
                    schema: TableSchemaRule(key: data.schema.key, label: labels.first, others: noFeatures, keep: Array(others)),
                    batchRows: batchRows,
                    lists: Self.lists, pinned: pinned, descriptor: descriptor)
            }
            let reader = try TableReader(path: file.path, format: file.format, options: options)
            // Kept columns are needed here only to know which columns are no features; a labelled file need not have them.
            let kept = data.schema.keep.filter { !reader.schema.positions(of: $0).isEmpty }
            return try openTable(
                reader, inputs: modelInputs, rules: rules,
                schema: TableSchemaRule(
                    key: data.schema.key, label: labels.first, others: noFeatures, keep: Array(others) + kept,
                    types: data.schema.typeNames),
                batchRows: batchRows, pinned: pinned, lists: Self.lists)
        } catch { throw Self.trainingError(error, file: file.path) }
    }

    /// A batch of features must have as many rows as the batch of labels.
    private static let lists = ListLimits(mixesLengths: false, isWindowed: false)

    private mutating func append(
        _ batch: InputBatch, _ labelled: TargetColumns.Batch, except superseded: [Int], _ file: LabelledData.File
    ) throws(TrainingError) {
        var inputs: [Tensor] = []
        if batch.groups.count > 1 { throw Self.unequal(file.path) }
        for input in modelInputs {
            guard let tensor = batch.tensors[input.name] else {
                throw .badModel(reason: "model input '\(input.name)' gets no rows", remedy: "say in schema.inputs which columns it takes")
            }
            inputs.append(tensor)
        }
        let writers = try writers(for: inputs, labelled.target, file)
        let weights = Tensor(.float32, [batch.rowCount], labelled.weights)
        let sources = inputs + [labelled.target, weights].compactMap(\.self)
        try withExtendedLifetime(sources) { () throws(TrainingError) in
            let bytes = sources.map(\.bytes)
            var superseded = superseded[...], unlabelled = labelled.unlabelled[...]
            for row in 0..<batch.rowCount {
                let isUnlabelled = unlabelled.first == row, isSuperseded = superseded.first == row
                if isUnlabelled { unlabelled.removeFirst() }
                if isSuperseded { superseded.removeFirst() }
                if isUnlabelled || isSuperseded { continue }
                let named = RowKey(labelled.keys, row: row, seed: split.seed)
                var key = named ?? RowKey(seed: split.seed)
                if named == nil {
                    for (index, field) in writers.layout.inputs.enumerated() {
                        key.add(UnsafeRawBufferPointer(rebasing: bytes[index][row * field.byteCount..<(row + 1) * field.byteCount]))
                    }
                }
                let isHeldOut = split.holdsOut(key.value)
                if use == .judging, !isHeldOut { continue }
                try (isHeldOut ? writers.validation : writers.training).append(bytes, row: row)
                note(labelled, row: row, isHeldOut: isHeldOut)
            }
        }
    }

    private mutating func writers(
        for inputs: [Tensor], _ label: Tensor?, _ file: LabelledData.File
    ) throws(TrainingError) -> (training: RowWriter, validation: RowWriter, layout: RowLayout) {
        if let writers {
            for (field, tensor) in zip(writers.layout.fields, inputs + [label].compactMap(\.self))
            where Array(tensor.shape.dimensions.dropFirst()) != field.rowShape {
                if data.inputs.values.contains(where: { $0.pad != nil }) { throw Self.unequal(file.path) }
                throw .badLabels(
                    file: file.path,
                    reason:
                        "rows of '\(field.name)' are \(Shape(Array(tensor.shape.dimensions.dropFirst()))) here and "
                        + "\(Shape(field.rowShape)) before",
                    remedy: "give all labelled files the same columns")
            }
            return writers
        }
        let fields = zip(modelInputs, inputs).map { input, tensor in
            (name: input.name, elementType: tensor.elementType, rowShape: Array(tensor.shape.dimensions.dropFirst()))
        }
        guard let layout = RowLayout(inputs: fields, target: label.map { ($0.elementType, Array($0.shape.dimensions.dropFirst())) }) else {
            throw .badLabels(file: file.path, reason: "its rows are too large to keep", remedy: "train on fewer columns")
        }
        let made = (
            training: try RowWriter(Self.training, in: folder, layout: layout),
            validation: try RowWriter(Self.validation, in: folder, layout: layout), layout: layout
        )
        writers = made
        return made
    }

    private mutating func note(_ batch: TargetColumns.Batch, row: Int, isHeldOut: Bool) {
        if isHeldOut { facts.validationWeight += Double(batch.weights[row]) } else { facts.trainingWeight += Double(batch.weights[row]) }
        guard let labels = batch.target else { return }
        let width = labels.elementCount / batch.weights.count
        for index in row * width..<(row + 1) * width {
            let value = labels.number(index)
            guard case .classIndex? = target?.kind else {
                range.add(value, column: index % width)
                continue
            }
            if value < 0 { continue }
            if isHeldOut { facts.validationClasses[Int(value)] += 1 } else { facts.trainingClasses[Int(value)] += 1 }
        }
    }

    private func refuseUnusable() throws(TrainingError) {
        var constant: String?
        if case .classIndex? = target?.kind {
            let seen = zip(facts.trainingClasses, facts.validationClasses).enumerated().filter { $1.0 + $1.1 > 0 }.map(\.offset)
            if seen.count < 2 { constant = seen.first.map { data.schema.classes?[$0].quoted ?? "\($0)" } ?? "left out (-100)" }
        } else if target != nil, let value = range.constant {
            constant = data.schema.classes.flatMap { $0.indices.contains(Int(value)) ? $0[Int(value)].quoted : nil } ?? "\(value)"
        }
        if let constant {
            throw .tooFewRows(
                reason:
                    "the label (\(data.schema.label?.words ?? "")) is \(cell: constant, shown: constant, hidden: "the same") in every row, "
                    + "which teaches nothing",
                remedy: "bring rows with other labels too")
        }
        if facts.trainingRows == 0 {
            throw .tooFewRows(
                reason: "all \(facts.validationRows) rows are held out for validation",
                remedy: "bring more rows, or lower validation")
        }
        if split.share > 0, facts.validationRows == 0 {
            throw .tooFewRows(
                reason: "none of the \(facts.trainingRows) rows is held out for validation (each is with probability \(split.share))",
                remedy: "bring more rows, raise validation, or set it to 0")
        }
        if facts.trainingWeight == 0 || facts.validationRows > 0 && facts.validationWeight == 0 {
            throw .tooFewRows(
                reason: "the weights of the \(facts.trainingWeight == 0 ? "training" : "validation") rows are all 0",
                remedy: "give some rows a weight above 0")
        }
    }

    private static func unequal(_ file: String) -> TrainingError {
        .badLabels(
            file: file, reason: "its rows have lists of different lengths, and all rows that are learned from have one length",
            remedy: "give the inputs with `pad` a `length` too (schema.inputs.NAME.length), to which shorter rows are filled up")
    }

    private static func trainingError(_ error: ColumnarError, file: String) -> TrainingError {
        switch error {
        case .mismatch(let location, let reason):
            .badLabels(file: "\(location)", reason: reason, remedy: "mend the file, or say in the schema what is meant")
        case .badValue(let location, let reason):
            .badLabels(file: "\(location)", reason: reason, remedy: "mend the file, or say in the schema what is meant")
        case .badRule(let reason): .badLabels(file: file, reason: Reason(reason), remedy: "mend the schema")
        default: .cannotRead(path: file, reason: "\(error)")
        }
    }
}

/// Finds out whether a label of numbers varies at all.
private struct LabelRange {
    private var first: [Int: Double] = [:]
    private var varies = false

    mutating func add(_ value: Double, column: Int) {
        guard !varies else { return }
        if let known = first[column] { varies = known != value } else { first[column] = value }
    }

    /// The value that every row has; nil where the values vary.
    var constant: Double? { varies ? nil : first.min { $0.key < $1.key }?.value }
}

extension String {
    fileprivate var quoted: String { "\"\(self)\"" }
}
