package import Names
package import Tensors

/// Rows of a CSV, JSON Lines, Parquet or Arrow file as the model's inputs, with the kept columns beside them.
///
/// Which columns an input takes, in this order:
/// 1. those that its rule names: a list, in that order, or a pattern, in numeric-aware name order (`pixel_2` before `pixel_10`),
///    never the label;
/// 2. the column of its own name, where the input takes one value a row (`[N]`, `[N, 1]`) or the column holds lists;
/// 3. the model's only input: all numeric columns (all text columns where it takes strings) less label, key and kept ones, in
///    file order; booleans count as numbers, and so does a column without any value in the first block of a text file;
/// 4. `name_*`.
///
/// An input of shape `[N, a, b]` takes a*b columns, row-major. Only the columns that are needed are read. Where columns are not named,
/// or a JSON key is not in the first rows, all of a text file is looked at first, so that no answer depends on where a value stands.
///
/// Numbers become any numeric type that can hold them; integers and decimals become floats by rounding to the nearest, and never pass
/// through a float on their way to integers. Text that is a number is one, in every format, and so are `true` and `false` (1 and 0); null
/// words are missing values there. A value that the input cannot hold is an error. Booleans and times become text only as the rule says.
/// Kept columns of CSV are strings unless `types` says otherwise.
package final class TableBinder: InputBatches {
    package let boundColumns: NameMap<[String]>
    package let columnsInFileOrder: [String: [String]]
    package let keptFields: [Field]

    private let reader: TableReader
    private let bindings: [PortBinding]
    private let fillers: [any PortFiller]
    /// Positions in the reader's selection.
    private let sources: [[Int]]
    private let kept: [(position: Int, cast: String?)]
    private let batchRows: Int
    /// One for each binding, where it matters.
    private var spellings: [SpellingCheck?]

    private var current: (batch: RecordBatch, sources: [PortSource], kept: [Column])?
    private var position = 0
    private var rowsBefore = 0
    private var rowsGiven = 0

    /// `memory` is what the engine wants filled, by input name, for `batchRows` rows each; inputs that are not there get
    /// tensors of their own. `pinned` is an earlier file's `columnsInFileOrder`: other columns are an error.
    /// Takes over `reader`, which must be fresh.
    package init(
        reader: TableReader, ports: [InputPort], rules: NameMap<InputRule> = [:], schema table: TableSchemaRule = TableSchemaRule(),
        batchRows: Int, memory: NameMap<TensorBuffer> = [:], pinned: [String: [String]] = [:]
    ) throws(ColumnarError) {
        var binding = ColumnBinding(file: reader.file, schema: reader.schema, format: reader.format, table: table, pinned: pinned)
        if !reader.isSurveyed, binding.dependsOnWholeFile(ports, rules) {
            try reader.survey()
            binding = ColumnBinding(file: reader.file, schema: reader.schema, format: reader.format, table: table, pinned: pinned)
        }
        let bindings = try binding.bind(ports, rules)
        let keptPositions = try binding.keptPositions()
        var fillers: [any PortFiller] = []
        for bound in bindings {
            fillers.append(try makePortFiller(bound.port, rule: bound.rule, width: bound.width, memory: memory[bound.port.name]))
        }
        var selection = ColumnSelection(schema: reader.schema, format: reader.format)
        var kept: [(position: Int, cast: String?)] = []
        for position in keptPositions { kept.append(try selection.keep(position, types: table.types)) }
        sources = bindings.map { bound in
            bound.positions.map { selection.typed($0, for: bound.port, bound.rule) }
        }
        let boundColumns = NameMap(uniqueKeysWithValues: bindings.map { bound in
            (bound.port.name, bound.positions.map { reader.schema.fields[$0].name })
        })
        self.boundColumns = boundColumns
        // Nothing but a model's only input is bound in the file's order.
        columnsInFileOrder = Dictionary(
            bindings.filter(\.isInFileOrder).map { bound in (bound.port.name, boundColumns[bound.port.name] ?? []) }, uniquingKeysWith: { $1 })
        if selection.requests.isEmpty { throw .badRule("\(reader.file): the model takes no columns") }
        try reader.select(selection.requests)
        spellings = bindings.map { SpellingCheck($0.port, $0.rule, columns: $0.positions.count, reader.format) }
        keptFields = kept.map { kept in
            let field = reader.schema.fields[kept.position]
            return kept.cast.map { Field(name: field.name, format: $0, isNullable: field.isNullable) } ?? field
        }
        self.kept = kept
        self.reader = reader
        self.bindings = bindings
        self.fillers = fillers
        self.batchRows = max(batchRows, 1)
    }

    package func next() throws(ColumnarError) -> InputBatch? {
        for filler in fillers { filler.begin(rows: batchRows) }
        var keptParts: [[Column]] = kept.map { _ in [] }
        let firstRow = reader.firstRowNumber + rowsGiven
        var filled = 0
        while filled < batchRows {
            if current == nil { current = try advance() }
            guard let current else { break }
            let rows = position..<min(position + batchRows - filled, current.batch.rowCount)
            for (index, bound) in bindings.enumerated() {
                do throws(ColumnarError) {
                    try fillers[index].append(current.sources[index], rows: rows, place: place(bound))
                } catch {
                    throw withOtherGaps(error, at: index, in: rows)
                }
                try spellings[index]?.look(current.sources[index], rows, file: reader.file)
            }
            for index in kept.indices { keptParts[index].append(current.kept[index].slice(rows)) }
            filled += rows.count
            position = rows.upperBound
            if position == current.batch.rowCount {
                rowsBefore += position
                self.current = nil
            }
        }
        guard filled > 0 else {
            if rowsGiven == 0 { throw .noRows(file: reader.file) }
            for (check, bound) in zip(spellings, bindings) { try check?.finish(file: reader.file, names: boundColumns[bound.port.name] ?? []) }
            return nil
        }
        rowsGiven += filled
        var tensors: NameMap<Tensor> = [:]
        for (index, bound) in bindings.enumerated() {
            let axes = bound.port.dimensions.count == 1 ? [] : bound.rowShape
            tensors[bound.port.name] = fillers[index].take(rowShape: axes)
        }
        var columns: [Column] = []
        for parts in keptParts { columns.append(try Column.concatenating(parts, file: reader.file)) }
        return InputBatch(
            tensors: tensors, kept: RecordBatch(columns: columns, rowCount: filled), rowCount: filled, firstRow: firstRow)
    }

    private func gapReason(_ index: Int) -> String? { fillers[index].refusesGaps ? fillers[index].gapReason : nil }

    private func place(_ bound: PortBinding) -> PortPlace {
        PortPlace(
            file: reader.file, input: bound.port.name, columns: boundColumns[bound.port.name] ?? [],
            firstRow: reader.firstRowNumber + rowsBefore)
    }

    /// The error of a missing value, with the other inputs that lack one from here on: one edit mends them all.
    private func withOtherGaps(_ error: ColumnarError, at failed: Int, in rows: Range<Int>) -> ColumnarError {
        guard case .badValue(let location, let reason) = error, current?.sources[failed].gap(in: rows) != nil, fillers[failed].refusesGaps else { return error }
        var open = Set(bindings.indices.filter { $0 != failed && fillers[$0].refusesGaps && bindings[$0].rule.missing != .refused })
        var found: [(index: Int, text: String)] = []
        var check = spellings[failed]
        while let here = current {
            do { try check?.look(here.sources[failed], position..<here.batch.rowCount, file: reader.file) } catch { check = nil }
            for index in open {
                guard let gap = here.sources[index].gap(in: position..<here.batch.rowCount) else { continue }
                open.remove(index)
                let names = boundColumns[bindings[index].port.name] ?? []
                let column = names.count == 1 ? names[0] : names[gap.column]
                found.append((index, "\"\(bindings[index].port.name)\" (row \(reader.firstRowNumber + rowsBefore + gap.row), column \"\(column)\")"))
            }
            if open.isEmpty, check?.isOpen != true { break }
            rowsBefore += here.batch.rowCount
            current = try? advance()
        }
        // How booleans and times are spelled is asked first: typed columns ask before a row is read.
        do { try check?.finish(file: reader.file, names: boundColumns[bindings[failed].port.name] ?? []) } catch let question { return question }
        if found.isEmpty { return error }
        let others = found.sorted { $0.index < $1.index }.map(\.text).joined(separator: ", ")
        return .badValue(location, reason: "\(reason); values are missing in other inputs too: \(others). schema.missing says it once for all inputs")
    }

    /// The reader's next rows, decoded as far as the inputs need; empty batches are passed over.
    private func advance() throws(ColumnarError) -> (batch: RecordBatch, sources: [PortSource], kept: [Column])? {
        var next: RecordBatch?
        repeat { next = try read() } while next?.rowCount == 0
        guard let batch = next else { return nil }
        var all: [PortSource] = []
        for (index, bound) in bindings.enumerated() {
            if bound.isList {
                all.append(try listSource(batch.columns[sources[index][0]], bound, gapReason(index)))
                continue
            }
            var columns: [Column] = []
            for source in sources[index] {
                columns.append(
                    try batch.columns[source].readable(
                        for: bound.port, bound.rule, nullWords: reader.nullWords, gapReason: gapReason(index), place: place(bound), column: columns.count))
            }
            all.append(.columns(columns))
        }
        var keptColumns: [Column] = []
        for kept in kept {
            let column = batch.columns[kept.position]
            keptColumns.append(try kept.cast.map { format throws(ColumnarError) in try column.cast(to: format, file: reader.file) } ?? column)
        }
        position = 0
        return (batch, all, keptColumns)
    }

    /// An error at a column says which input wanted it.
    private func read() throws(ColumnarError) -> RecordBatch? {
        do throws(ColumnarError) {
            return try reader.next()
        } catch .badValue(var location, let reason) {
            guard let column = location.column else { throw .badValue(location, reason: reason) }
            guard let index = bindings.firstIndex(where: { boundColumns[$0.port.name]?.containsName(column) ?? false }) else {
                throw .badValue(location, reason: "\(reason): the kept column's type can be given in the pipeline's schema.types")
            }
            location.input = bindings[index].port.name
            // A value that is missing in a row before it comes first, as in formats whose values have types.
            if let row = reader.missingRow, let gap = gapReason(index) {
                location.row = row
                throw .badValue(location, reason: gap)
            }
            throw .badValue(location, reason: reason)
        }
    }

    /// The values of a column of lists, which must all be as long as the input is wide.
    private func listSource(_ column: Column, _ bound: PortBinding, _ gapReason: String?) throws(ColumnarError) -> PortSource {
        let place = place(bound)
        let (values, failure) = column.flattened(width: bound.width)
        if let failure { throw place.error(row: failure.row, column: 0, failure.reason) }
        guard let values else { throw place.error(row: 0, column: 0, "not a list") }
        let readable = try values.readable(
            for: bound.port, bound.rule, nullWords: reader.nullWords, gapReason: gapReason, place: place, valuesPerRow: bound.width)
        return .rows(readable, width: bound.width)
    }
}
