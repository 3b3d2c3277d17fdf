package import Names
import Recipes
package import Tensors

/// Represents a table without rows, which is normal: Spark writes one for every partition without data. Its types cannot be checked (a CSV
/// without rows has only names, JSON Lines not even those), so only the names that the pipeline gives are checked.
final class EmptyTable: InputBatches {
    let boundColumns: NameMap<[String]>
    let keptFields: [Field]
    /// An empty table pins nothing for the files after it.
    let columnsInFileOrder: [String: [String]] = [:]
    let listAxes: (names: NameSet, isEmpty: Bool) = ([], true)

    init(
        reader: TableReader, inputs: [ModelInput], rules: NameMap<InputRule>, schema table: TableSchemaRule, pinned: [String: [String]],
        typing: KeptTyping
    ) throws(ColumnarError) {
        let binding = ColumnBinding(
            file: reader.file, schema: reader.schema, format: reader.format, table: table, pinned: pinned,
            others: inputs.map(\.name) + rules.values.flatMap { $0.columns?.names ?? [] })
        // In JSON Lines, keys are only known from rows.
        let hasNames = reader.format.kind != .jsonLines
        if hasNames { try binding.checkNamed(rules) }
        let bound = hasNames ? try? binding.bind(inputs, rules) : nil
        boundColumns = NameMap(
            (bound ?? []).map { bound in (bound.input.name, bound.positions.map { reader.schema.fields[$0].name }) }
                + pinned.map { ($0.key, $0.value) },
            uniquingKeysWith: { _, pinned in pinned })
        let positions = hasNames ? try binding.keptPositions() : []
        var fields: [Field] = []
        for (index, name) in table.keep.enumerated() {
            if let hash = try ColumnHash(of: name, table) {
                fields.append(hash.field)
            } else if let type = table.types[name], let format = TableSchemaRule.format(ofType: type) {
                fields.append(Field(name: name, format: format))
            } else if reader.format.isText {
                fields.append(Field(name: name, format: KeptColumnType(column: name, typing: typing, nullWords: nil).ofNoRows.format))
            } else {
                fields.append(reader.schema.fields[positions[index]])
            }
        }
        keptFields = fields
    }

    func next() throws(ColumnarError) -> InputBatch? { nil }
}

/// Returns the rows of an open table, which may have none.
package func openTable(
    _ reader: TableReader, inputs: [ModelInput], rules: NameMap<InputRule> = [:], schema: TableSchemaRule = TableSchemaRule(),
    batchRows: Int,
    memory: NameMap<TensorBuffer> = [:], pinned: [String: [String]] = [:], typing: KeptTyping = .asText,
    lists: ListLimits = ListLimits()
) throws(ColumnarError) -> any InputBatches {
    var named = schema.keep + schema.key + inputs.map(\.name)
    for case .list(let names) in rules.values.compactMap(\.columns) { named += names }
    reader.addPathColumns(named)
    do throws(ColumnarError) {
        if reader.hasNoRows {
            return try EmptyTable(reader: reader, inputs: inputs, rules: rules, schema: schema, pinned: pinned, typing: typing)
        }
        return try TableBinder(
            reader: reader, inputs: inputs, rules: rules, schema: schema, batchRows: batchRows, memory: memory, pinned: pinned,
            typing: typing, lists: lists)
    } catch {
        throw reader.hinted(error)
    }
}

/// Returns whether a file of any format has a row. Only its beginning is read.
package func hasRows(path: String, format: TableFormat? = nil, options: ReadOptions = ReadOptions()) throws(ColumnarError) -> Bool {
    let format = format ?? TableFormat(fileName: path)
    if format?.isArrays ?? false { return try ArrayBinder.rowCount(path: path, format: format) > 0 }
    let reader = try TableReader(path: path, format: format, options: options)
    if reader.hasNoRows { return false }
    guard !reader.schema.fields.isEmpty else { return false }
    try reader.select([ColumnRequest(position: 0)])
    while let batch = try reader.next() {
        if batch.rowCount > 0 { return true }
    }
    return false
}
