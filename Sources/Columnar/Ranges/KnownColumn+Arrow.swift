internal import CArrow

extension KnownColumn {
    init(_ field: Field) {
        name = field.name
        format = field.format
        let inner = (0..<Int(field.schema.n_children)).compactMap { field.child($0).map(KnownColumn.init) }
        children = inner.isEmpty ? nil : inner
    }

    /// The column as a field.
    var field: Field {
        guard let children else { return Field(name: name, format: format) }
        return Field(name: name, format: format, children: children.map(\.field))
    }
}
