import Columnar
import Names
import Tensors
import Watcher

extension FuzzBench {
    /// The most rows that are read of a file: a few bytes of Parquet may say that there are any number of equal ones, which is no fault.
    private static let mostRows = 100_000

    /// Reads all columns of a table, and then what a model takes of it.
    func readTable() throws {
        _ = FormatCheck.check(path: file)
        let reader = try TableReader(path: file)
        let names = reader.schema.names
        var rows = 0
        while rows < Self.mostRows, let batch = try reader.next() {
            // Lists and the like have no text.
            for column in batch.columns { _ = try? column.slice(0..<min(batch.rowCount, 1000)).texts(file: file) }
            rows += batch.rowCount
        }
        readInputs(keeping: Array(names.prefix(3)))
    }

    func readArrays() throws {
        _ = FormatCheck.check(path: file)
        readInputs(keeping: target == .npy ? [] : Array((try NamedArrays.names(file)).prefix(1)))
        let arrays = try NamedArrays.read(file)
        for (_, tensor) in arrays {
            let needed = tensor.shape.elementCount.flatMap { tensor.elementType.byteCount(elements: $0) }
            precondition(tensor.strings != nil || needed == tensor.bytes.count, "an array of another size than its shape")
        }
    }

    /// Reads the file as inputs of models of several types, whole and in ranges, which must have the same rows where both can be read. That
    /// the file fits none of the models is no fault of the file.
    private func readInputs(keeping kept: [String]) {
        for (type, axes) in [(ElementType.float32, [nil, nil]), (.int64, [nil, 1]), (.string, [nil, nil])] as [(ElementType, [Int?])] {
            let input = ModelInput(name: "x", elementType: type, dimensions: axes)
            for schema in [TableSchemaRule(), TableSchemaRule(keep: kept)] {
                do throws(ColumnarError) { try compareRanges(input, schema) } catch { precondition(!"\(error)".isEmpty) }
            }
        }
    }

    private func compareRanges(_ input: ModelInput, _ schema: TableSchemaRule) throws(ColumnarError) {
        let plan = try open(input, schema).rangePlan(byteCount: 64)
        guard let whole = try rows(ReadOptions(), input, schema), plan.ranges.count > 1 else { return }
        var inRanges = 0
        for range in plan.ranges.prefix(200) {
            var options = ReadOptions()
            options.range = range
            options.known = plan.known
            guard let more = try? rows(options, input, schema) else { return }
            inRanges += more
        }
        precondition(plan.ranges.count > 200 || inRanges == whole, "\(inRanges) rows in ranges, \(whole) as a whole")
    }

    private func open(
        _ input: ModelInput, _ schema: TableSchemaRule, _ options: ReadOptions = ReadOptions()
    ) throws(ColumnarError) -> any InputBatches {
        try openInputs(path: file, options: options, inputs: [input], schema: schema, batchRows: 512, typing: .inferred())
    }

    /// Returns the number of rows; nil where there are too many to read them all.
    private func rows(_ options: ReadOptions, _ input: ModelInput, _ schema: TableSchemaRule) throws(ColumnarError) -> Int? {
        let batches = try open(input, schema, options)
        var rows = 0
        while let batch = try batches.next() {
            rows += batch.rowCount
            if rows > Self.mostRows { return nil }
        }
        return rows
    }
}
