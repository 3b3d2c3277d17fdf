package import Names
internal import Reasons
import Recipes
package import Tensors

/// Binds the rows of a CSV, JSON Lines, Parquet or Arrow file to the model's inputs, and reads the kept columns with them.
///
/// An input takes its columns in this order:
/// 1. those that its rule names: a list, in that order, or a pattern, in numeric-aware name order (`pixel_2` before `pixel_10`),
///    never the label;
/// 2. the column of its own name, where the input takes one value a row (`[N]`, `[N, 1]`) or the column holds lists;
/// 3. the model's only input: all numeric columns (all text columns where it takes strings) less label, key and kept ones, in
///    file order; booleans count as numbers, and so does a column without any value in the first block of a text file;
/// 4. `name_*`.
///
/// An input of shape `[N, a, b]` takes a*b columns, row-major, or one column of lists: of lists of lists for each axis, or of flat lists of
/// a*b elements. An axis that the model leaves open is as long as the lists are; see `LengthBatches`.
///
/// Only the columns that are needed are read. A text file is read as a whole first where its first rows cannot decide the columns or their
/// types: where the model's only input names no columns, and in JSON Lines also where an input takes columns by a pattern, or a key that is
/// named or kept is not in the first rows or has no type yet. So the result does not depend on where in the file a value stands.
///
/// Numbers become any numeric type that can hold them; integers and decimals become floats by rounding to the nearest, and never pass
/// through a float on their way to integers. Text that is a number is one, in every format, and so are `true` and `false` (1 and 0); null
/// words are missing values there. A value that the input cannot hold is an error. Booleans and times become text only as the rule says.
/// Kept columns of CSV have the types that `types` gives, or that `KeptTyping` finds. A column without a name and pandas' index are never
/// taken unless a list names them.
package final class TableBinder: InputBatches {
    package let boundColumns: NameMap<[String]>
    package let columnsInFileOrder: [String: [String]]
    package let absentColumns: [String]
    /// The kept columns. Those whose types are still to be found count as text.
    package private(set) var keptFields: [Field]
    package private(set) var misfit: KeptMisfit?

    private let reader: TableReader
    private let bindings: [InputBinding]
    private let fillers: [any InputFiller]
    /// The positions of each binding's columns in the reader's selection.
    private let sources: [[Int]]
    private let kept: [(position: Int, cast: String?)]
    /// The kept columns of text whose type is to be found, by their place among the kept columns.
    private var types: [Int: KeptColumnType]
    /// The hash of each kept column; nil for one that is kept as it is.
    private let hashes: [ColumnHash?]
    private let batchRows: Int
    /// Puts rows of different lengths together and fills them up; nil where all rows have the model's shape.
    private let lengths: LengthBatches?
    /// The place among the bindings of each input of the model; nil for a mask that is made.
    private let places: [Int?]
    /// The check of each binding's column for booleans and times; nil where the rule leaves nothing open.
    private var spellings: [SpellingCheck?]

    private typealias Rows = (batch: RecordBatch, sources: [InputSource], lists: [ListRows?], kept: [Column])
    /// The columns of a text file before some were selected; nil for other formats.
    private let knownColumns: [KnownColumn]?
    private var current: Rows?
    private var position = 0
    private var rowsBefore = 0
    private var rowsGiven = 0

    /// Takes over `reader`, which must not have been read. `memory` has, by input name, the memory that the engine wants filled, for
    /// `batchRows` rows each; inputs that are not in it get tensors of their own. `pinned` is the `columnsInFileOrder` of an earlier file:
    /// other columns are an error.
    package init(
        reader: TableReader, inputs: [ModelInput], rules: NameMap<InputRule> = [:], schema table: TableSchemaRule = TableSchemaRule(),
        batchRows: Int, memory: NameMap<TensorBuffer> = [:], pinned: [String: [String]] = [:], typing: KeptTyping = .asText,
        lists: ListLimits = ListLimits()
    ) throws(ColumnarError) {
        func columnBinding() -> ColumnBinding {
            ColumnBinding(
                file: reader.file, schema: reader.schema, format: reader.format, table: table, pinned: pinned,
                others: inputs.map(\.name) + rules.values.flatMap { $0.columns?.names ?? [] })
        }
        if !reader.isSurveyed, columnBinding().dependsOnWholeFile(inputs, rules) { try reader.survey() }
        let binding = columnBinding()
        let bindings: [InputBinding]
        do throws(ColumnarError) {
            bindings = try binding.bind(inputs, rules)
        } catch {
            let takesAll = inputs.contains { $0.elementType != .string && rules[$0.name]?.columns == nil }
            throw takesAll ? NumberLikeText.added(to: error, reader: reader, table: table) : error
        }
        let keptPositions = try binding.keptPositions()
        places = inputs.map { input in bindings.firstIndex { $0.input.name.isName(input.name) } }
        if bindings.contains(where: \.isOpen) || rules.values.contains(where: \.tellsLengths) {
            let planned = zip(inputs, places).map { input, place in
                let source: LengthPlan.Source = place.map { bindings[$0].isOpen ? .lists : .block(bindings[$0].rowShape) } ?? .mask
                return (input: input, rule: rules[input.name] ?? InputRule(), source: source)
            }
            lengths = LengthBatches(
                try LengthPlan(planned, mixesLengths: lists.mixesLengths), file: reader.file, rows: batchRows, limits: lists, memory: memory
            )
        } else {
            lengths = nil
        }
        var fillers: [any InputFiller] = []
        for bound in bindings {
            let memory = lengths == nil ? memory[bound.input.name] : nil
            fillers.append(try makeInputFiller(bound.input, rule: bound.rule, width: bound.width, memory: memory))
        }
        var selection = ColumnSelection(schema: reader.schema, format: reader.format)
        var kept: [(position: Int, cast: String?)] = []
        hashes = try table.keep.map { (name) throws(ColumnarError) in try ColumnHash(of: name, table) }
        for (position, hash) in zip(keptPositions, hashes) {
            kept.append(try selection.keep(position, types: table.types, isHashed: hash != nil))
        }
        sources = bindings.map { bound in
            bound.positions.map { selection.typed($0, for: bound.input, bound.rule) }
        }
        let boundColumns = NameMap(
            uniqueKeysWithValues: bindings.map { bound in
                (bound.input.name, bound.positions.map { reader.schema.fields[$0].name })
            })
        self.boundColumns = boundColumns
        // Only a model's only input is bound in the file's order.
        columnsInFileOrder = Dictionary(
            bindings.filter(\.isInFileOrder).map { bound in (bound.input.name, boundColumns[bound.input.name] ?? []) },
            uniquingKeysWith: { $1 })
        knownColumns = reader.knownColumns
        absentColumns = table.privacy.map { reader.absent(among: $0) } ?? []
        if selection.requests.isEmpty { throw .badRule("\(reader.file): the model takes no columns") }
        try reader.select(selection.requests)
        spellings = bindings.map { SpellingCheck($0.input, $0.rule, columns: $0.positions.count, reader.format) }
        keptFields = zip(kept, hashes).map { kept, hash in
            if let hash { return hash.field }
            let field = reader.schema.fields[kept.position]
            return kept.cast.map { Field(name: field.name, format: $0, isNullable: field.isNullable) } ?? field
        }
        if let privacy = table.privacy {
            for (field, hash) in zip(keptFields, hashes) where hash == nil { try privacy.check(field, file: reader.file) }
        }
        self.kept = kept
        var types: [Int: KeptColumnType] = [:]
        if reader.format.kind == .csv, typing != .asText {
            for (place, name) in table.keep.enumerated() where table.types[name] == nil && hashes[place] == nil {
                types[place] = KeptColumnType(
                    column: name, typing: typing, nullWords: reader.dialect.nullWords, known: reader.known.types[name])
            }
        }
        self.types = types
        self.reader = reader
        self.bindings = bindings
        self.fillers = fillers
        self.batchRows = lengths?.windowRows ?? max(batchRows, 1)
    }

    package var listAxes: (names: NameSet, isEmpty: Bool) { lengths?.plan.listAxes ?? ([], true) }

    /// Returns how the file can be read in ranges. Where the lengths of lists decide which rows go together, each row may have to be like
    /// the first one: such a file is not cut.
    package func rangePlan(byteCount: Int?) throws(ColumnarError) -> RangePlan {
        precondition(rowsGiven == 0, "a file is cut before it is read")
        guard lengths == nil else { return .whole }
        let size = try reader.descriptor.size(file: reader.file)
        let ranges = try reader.cut(byteCount: byteCount ?? reader.format.rangeBytes(ofFile: size))
        if ranges.count == 1 { return .whole }
        // The first rows decide the types of kept columns of text.
        if current == nil { current = try advance() }
        return RangePlan(ranges: ranges, known: KnownTable(columns: knownColumns, types: foundTypes))
    }

    package func next() throws(ColumnarError) -> InputBatch? {
        for (filler, bound) in zip(fillers, bindings) { filler.begin(rows: bound.isOpen ? 0 : batchRows) }
        lengths?.begin()
        var keptParts: [[Column]] = kept.map { _ in [] }
        let firstRow = 1 + rowsGiven
        var filled = 0
        while filled < batchRows {
            if current == nil { current = try advance() }
            guard let current else { break }
            var rows = position..<min(position + batchRows - filled, current.batch.rowCount)
            if let lengths { rows = lengths.fitting(rows, current.lists, isEmpty: filled == 0) }
            if rows.isEmpty { break }
            for (index, bound) in bindings.enumerated() {
                var place = place(bound)
                var taken = rows
                if bound.isOpen, let lengths, let lists = current.lists[index] {
                    try lengths.append(lists, rows: rows, input: places.firstIndex(of: index)!, place: place)
                    place.starts = lists.starts
                    taken = lists.starts[rows.lowerBound]..<lists.starts[rows.upperBound]
                }
                do throws(ColumnarError) {
                    try fillers[index].append(current.sources[index], rows: taken, place: place)
                } catch {
                    throw withOtherGaps(error, at: index, in: taken)
                }
                try spellings[index]?.look(current.sources[index], taken, file: reader.file)
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
            if rowsGiven == 0 { return nil }
            for (check, bound) in zip(spellings, bindings) {
                try check?.finish(file: reader.file, names: boundColumns[bound.input.name] ?? [])
            }
            return nil
        }
        rowsGiven += filled
        var columns: [Column] = []
        for parts in keptParts { columns.append(try Column.concatenating(parts, file: reader.file)) }
        let keptRows = RecordBatch(columns: columns, rowCount: filled)
        if let lengths {
            let elements = places.map { place in place.map { fillers[$0].take(rowShape: bindings[$0].rowShape) } }
            let groups = try lengths.groups(elements, rowCount: filled, firstRow: firstRow)
            return InputBatch(groups, kept: keptRows, rowCount: filled, firstRow: firstRow)
        }
        var tensors: NameMap<Tensor> = [:]
        for (index, bound) in bindings.enumerated() {
            let axes = bound.input.dimensions.count == 1 ? [] : bound.rowShape
            tensors[bound.input.name] = fillers[index].take(rowShape: axes)
        }
        return InputBatch(tensors: tensors, kept: keptRows, rowCount: filled, firstRow: firstRow)
    }

    private func gapReason(_ index: Int) -> String? { fillers[index].refusesGaps ? fillers[index].gapReason : nil }

    private func place(_ bound: InputBinding) -> InputPlace {
        InputPlace(
            file: reader.file, input: bound.input.name, columns: boundColumns[bound.input.name] ?? [],
            firstRow: 1 + rowsBefore)
    }

    /// Returns the error of a missing value with the names of the other inputs that lack a value from here on, so that one edit of the
    /// pipeline corrects all of them.
    private func withOtherGaps(_ error: ColumnarError, at failed: Int, in rows: Range<Int>) -> ColumnarError {
        guard case .badValue(let location, let reason) = error, current?.sources[failed].gap(in: rows) != nil, fillers[failed].refusesGaps
        else { return error }
        // Rows of lists with lengths of their own are counted in another way.
        if bindings.contains(where: \.isOpen) { return error }
        var open = Set(bindings.indices.filter { $0 != failed && fillers[$0].refusesGaps && bindings[$0].rule.missing != .refused })
        var found: [(index: Int, text: String)] = []
        var check = spellings[failed]
        while let here = current {
            do { try check?.look(here.sources[failed], position..<here.batch.rowCount, file: reader.file) } catch { check = nil }
            for index in open {
                guard let gap = here.sources[index].gap(in: position..<here.batch.rowCount) else { continue }
                open.remove(index)
                let names = boundColumns[bindings[index].input.name] ?? []
                let column = names.count == 1 ? names[0] : names[gap.column]
                found.append((index, "\"\(bindings[index].input.name)\" (row \(1 + rowsBefore + gap.row), column \"\(column)\")"))
            }
            if open.isEmpty, check?.isOpen != true { break }
            rowsBefore += here.batch.rowCount
            current = try? advance()
        }
        // The spelling of booleans and times is asked for first: typed columns ask before a row is read.
        do {
            try check?.finish(file: reader.file, names: boundColumns[bindings[failed].input.name] ?? [])
        } catch let question {
            return question
        }
        if found.isEmpty { return error }
        let others = found.sorted { $0.index < $1.index }.map(\.text).joined(separator: ", ")
        return .badValue(
            location, reason: "\(reason); values are missing in other inputs too: \(others). schema.missing says it once for all inputs")
    }

    /// Returns the reader's next rows, decoded as far as the inputs need; empty batches are skipped.
    private func advance() throws(ColumnarError) -> Rows? {
        var next: RecordBatch?
        repeat { next = try read() } while next?.rowCount == 0
        guard let batch = next else { return nil }
        var all: [InputSource] = []
        var lists: [ListRows?] = []
        for (index, bound) in bindings.enumerated() {
            if bound.isList {
                let rows = try listRows(batch.columns[sources[index][0]], bound)
                var place = place(bound)
                if bound.isOpen { place.starts = rows.starts }
                let readable = try rows.elements.readable(
                    for: bound.input, bound.rule, nullWords: reader.nullWords, gapReason: gapReason(index), place: place,
                    valuesPerRow: bound.width)
                all.append(.rows(readable, width: bound.width))
                lists.append(rows)
                continue
            }
            lists.append(nil)
            var columns: [Column] = []
            for source in sources[index] {
                columns.append(
                    try batch.columns[source].readable(
                        for: bound.input, bound.rule, nullWords: reader.nullWords, gapReason: gapReason(index), place: place(bound),
                        column: columns.count))
            }
            all.append(.columns(columns))
        }
        var keptColumns: [Column] = []
        for (place, kept) in kept.enumerated() {
            let column = batch.columns[kept.position]
            if types[place] != nil {
                keptColumns.append(try typed(column, place))
                continue
            }
            let typed = try kept.cast.map { format throws(ColumnarError) in try asKept(column, format) } ?? column
            keptColumns.append(try hashes[place]?.hashed(typed, file: reader.file) ?? typed)
        }
        position = 0
        return (batch, all, lists, keptColumns)
    }

    /// Returns a kept column as the type that is asked for; text is read like the text of a CSV file.
    private func asKept(_ column: Column, _ format: String) throws(ColumnarError) -> Column {
        guard column.field.type.isString, format != "u" else { return try column.cast(to: format, file: reader.file) }
        do throws(ColumnarError) {
            return try column.parsed(as: format, nullWords: reader.nullWords, file: reader.file)
        } catch .badValue(var location, let reason) {
            location.row = location.row.map { rowsBefore + $0 }
            throw .badValue(location, reason: reason + Self.keptRemedy)
        }
    }

    private static let keptRemedy = ": the kept column's type can be given in the pipeline's schema.types"

    /// Returns a kept column of text in the type that its first rows, or an earlier file's, have.
    private func typed(_ text: Column, _ place: Int) throws(ColumnarError) -> Column {
        switch try types[place]!.typed(text, file: reader.file) {
        case .column(let column):
            keptFields[place] = column.field
            return column
        case .misfit(let row, let cell, let type, let ruledOut):
            let isPinned = types[place]!.isPinned
            if !isPinned { misfit = KeptMisfit(column: text.field.name, types: ruledOut) }
            let cause = isPinned ? "the pipeline's first file" : "the first rows"
            let reason: Reason =
                "the text is not one that \(type.rawValue) prints, which \(cause) made the kept column's type: "
                + "say what it is in schema.types, such as string"
            throw .badValue(
                TableLocation(file: reader.file, row: 1 + rowsBefore + row, column: text.field.name), reason: reason.about(cell: cell))
        }
    }

    package var foundTypes: [String: String] {
        Dictionary(
            types.values.compactMap { type in type.known.map { (type.column, $0.rawValue) } }, uniquingKeysWith: { first, _ in first })
    }

    /// Reads the next rows. An error at a column names the input that wanted it.
    private func read() throws(ColumnarError) -> RecordBatch? {
        do throws(ColumnarError) {
            return try reader.next()
        } catch .badValue(var location, let reason) {
            guard let column = location.column else { throw .badValue(location, reason: reason) }
            guard let index = bindings.firstIndex(where: { boundColumns[$0.input.name]?.containsName(column) ?? false }) else {
                throw .badValue(location, reason: reason + Self.keptRemedy)
            }
            location.input = bindings[index].input.name
            // A missing value in a row before it has precedence, as in formats whose values have types.
            if let row = reader.missingRow, let gap = gapReason(index) {
                location.row = row
                throw .badValue(location, reason: Reason(gap))
            }
            throw .badValue(location, reason: reason)
        }
    }

    /// Returns the lists of a column, which must all have the input's shape unless they have shapes of their own.
    private func listRows(_ column: Column, _ bound: InputBinding) throws(ColumnarError) -> ListRows {
        let place = place(bound)
        let (lists, failure) = try column.lists(file: reader.file)
        if let failure { throw place.error(row: failure.row, column: 0, Reason(failure.reason)) }
        guard let lists else { throw place.error(row: 0, column: 0, "not a list") }
        if bound.isOpen { return lists }
        let shape = lists.rank == 1 ? [bound.width] : bound.rowShape
        if let row = (0..<column.count).first(where: { lists.extents($0) != shape[...] }) {
            let own = lists.extents(row)
            throw place.error(
                row: row, column: 0,
                lists.rank == 1
                    ? "the list has \(own.first ?? 0) elements, the input takes \(bound.width)"
                    : "the lists are \(Shape(Array(own))), the input takes \(Shape(shape))")
        }
        return lists
    }
}

extension InputRule {
    /// Tells whether the rule says how rows of different lengths are handled.
    var tellsLengths: Bool { pad != nil || mask != nil || length != nil }
}

extension InputBatch {
    /// Makes a batch of rows whose lengths decide which of them share a run.
    init(_ groups: [RowGroup], kept: RecordBatch, rowCount: Int, firstRow: Int) {
        let isOne = groups.count == 1 && zip(groups[0].rows, 0..<rowCount).allSatisfy(==)
        self.init(tensors: isOne ? groups[0].tensors : [:], groups: groups, kept: kept, rowCount: rowCount, firstRow: firstRow)
    }
}
