extension Column {
    /// Returns every row as text, as a cell of CSV would have it; `nil` where it is null.
    package func texts(file: String) throws(ColumnarError) -> [String?] {
        let bytes = try BytesColumn(self, file: file)
        return (0..<count).map { isNull($0) ? nil : bytes[$0] }
    }
}
