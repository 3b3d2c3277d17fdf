internal import Names
internal import Reasons
internal import Recipes

extension RowPrivacy {
    /// Throws where a column that is written as it is looks like one that `privacy` names, or has a field inside that it names: nobody would
    /// find out that its values are written.
    func check(_ field: Field, file: String) throws(ColumnarError) {
        try check(column: field.name, file: file)
        if let inner = field.namesWithin().first(where: { columns.contains($0) || columnLike($0) != nil }) {
            throw .mismatch(TableLocation(file: file, column: field.name), reason: Self.within(inner))
        }
    }

    /// Throws where the name of a column looks like one that `privacy` names.
    func check(column name: String, row: Int? = nil, file: String) throws(ColumnarError) {
        guard let meant = columnLike(name) else { return }
        throw .mismatch(
            TableLocation(file: file, row: row, column: name),
            reason: "`privacy` names the column \"\(meant)\", which may be this one: name it there as the file does, or rename it")
    }

    /// Says that a column has a field inside that `privacy` names.
    static func within(_ name: String) -> Reason {
        "it has a field \"\(name)\" inside, which `privacy` names, and a column is written as a whole or not at all: name this column in "
            + "`privacy` too, or write the field as a column of its own"
    }
}

extension TableReader {
    /// Returns the columns that `privacy` names and that neither the file nor its path has; none where later rows may bring them. It must be
    /// called before `select`.
    func absent(among privacy: RowPrivacy) -> [String] {
        if format.kind == .jsonLines, !isSurveyed { return [] }
        let elsewhere = NameSet(columnsOfPath)
        return privacy.columns.sorted().filter { schema.positions(of: $0).isEmpty && !elsewhere.contains($0) }
    }
}

extension Field {
    /// Returns the names of all fields of structs inside of this one, at any depth.
    /// - Parameter isEntries: whether this struct has the keys and values of a map, to which nobody gave names.
    fileprivate func namesWithin(isEntries: Bool = false) -> [String] {
        let isStruct = type.ofValues == .structure && !isEntries
        return children.flatMap { child in (isStruct ? [child.name] : []) + child.namesWithin(isEntries: format == "+m") }
    }
}
