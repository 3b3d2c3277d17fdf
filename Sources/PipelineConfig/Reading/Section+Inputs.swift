internal import Reasons
internal import Recipes

/// Reads the keys of a model input or output that are not about its columns.
extension Section {
    /// The axis of the rows, as `batch_axis` gives it.
    var batchAxis: Int? { integer("batch_axis", in: 0...15) }

    /// Reads a value, or a list of them, nested or not, row-major.
    /// - Parameter others: keys that say how columns fill the input, and so cannot be given with a value.
    func inputValue(_ key: String, without others: [String]) -> [InputValue]? {
        guard let node = node(key) else { return nil }
        for other in others where has(other) {
            refuse(.badValue, other, "an input with a `\(key)` takes no column", "remove `\(other)`, or `\(key)`")
        }
        guard let values = values(node) else {
            refuse(.wrongType, key, "\(node.kind) is no value", "write a number, true, false, a text in quotes, or a list of them")
            return nil
        }
        if values.isEmpty {
            refuse(.badValue, key, "an empty list holds no value", "write one value for the whole input, or each value of a row")
        }
        if values.contains(where: \.isText), values.contains(where: { !$0.isText }) {
            refuse(.badValue, key, "texts stand beside numbers", "put all of them in quotes, or none")
        }
        return values
    }

    private func values(_ node: Node) -> [InputValue]? {
        switch node.content {
        case .scalar(let text, isPlain: false): return [InputValue(text: text, isText: true)]
        case .scalar(let text, isPlain: true): return InputValue(plain: text).map { [$0] }
        case .sequence(let items):
            var values: [InputValue] = []
            for item in items {
                guard let more = self.values(item) else { return nil }
                values += more
            }
            return values
        case .mapping: return nil
        }
    }
}
