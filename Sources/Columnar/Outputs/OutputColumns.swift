internal import Names
import Recipes
package import Tensors

/// Holds one output of the model over some rows.
package enum OutputValue: Sendable {
    /// The output is a tensor whose first axis is the rows.
    case tensor(Tensor)
    /// The output has the values of a classifier's ZipMap: `[K]` keys (strings or integers) and `[N, K]` values.
    case labelled(keys: Tensor, values: Tensor)
    /// The output has rows with extents of their own.
    case lists(OutputLists)
}

/// Says which columns a pipeline makes of one model output.
package struct OutputRule: Hashable, Sendable {
    /// The model output's name.
    package let output: String
    /// The name of the columns. A `*` stands for each element of a row; without one, it names the one column of an output of one value a
    /// row. With `nil` the raw values do not become columns.
    package let columns: String?
    /// The name of a column with the class of the greatest element.
    package let classColumn: String?
    /// The name of a column with the position of the greatest element, int64.
    package let argmaxColumn: String?
    /// Tells whether the raw values become columns under the output's own name, as they do without rules.
    package let hasOwnName: Bool

    package init(
        output: String, columns: String? = nil, hasOwnName: Bool = false, classColumn: String? = nil, argmaxColumn: String? = nil
    ) {
        self.output = output
        self.columns = columns
        self.hasOwnName = hasOwnName
        self.classColumn = classColumn
        self.argmaxColumn = argmaxColumn
    }
}

/// Makes columns of a model's outputs.
///
/// Without rules every output becomes columns under its own name: `score` for one value a row, else `score_0`, `score_1` …
/// (`score_0_0` … for more axes, row-major). Where a row has as many elements as there are classes, their names stand for the
/// positions; of a ZipMap's values, the keys do, and the values become float64. Elements keep their type where tables have it;
/// float16, bfloat16, float8 and float4 become the float32 that equals them, integers of less than eight bits int8 or uint8,
/// complex numbers two columns `_real` and `_imag`. An output without elements, as of shape `[N, 0]`, becomes no column.
/// An output with an axis that is as long as the rows' lists becomes one column of lists, without padding; with a `*` in its rule it
/// becomes columns, padding included, for which all rows must have one length. In `classColumn`, NaN is never the greatest, and the first
/// of equal values wins.
package struct OutputColumns: Sendable {
    private let rules: [OutputRule]?
    private let classes: [String]?

    package init(rules: [OutputRule]? = nil, classes: [String]? = nil) {
        self.rules = rules
        self.classes = classes
    }

    /// Returns the columns of `rowCount` rows. Values are copied, so the outputs' memory is free afterwards. `file` is for messages.
    package func columns(
        _ outputs: [(name: String, value: OutputValue)], rowCount: Int, file: String
    ) throws(ColumnarError) -> [Column] {
        guard let rules else {
            var columns: [Column] = []
            for output in outputs {
                if case .lists(let lists) = output.value, lists.followsLists {
                    columns.append(try lists.column(output.name, output: output.name))
                } else {
                    columns += try OutputTable(output.name, output.value, rowCount, classes).columns(named: nil)
                }
            }
            return columns
        }
        var columns: [Column] = []
        for rule in rules {
            let output = try find(rule.output, outputs)
            var isRaw = rule.hasOwnName || rule.columns != nil
            if isRaw, case .lists(let lists) = output.value, rule.columns?.contains("*") != true,
                lists.followsLists || rule.columns != nil && lists.isWide
            {
                columns.append(try lists.column(rule.columns ?? output.name, output: output.name))
                isRaw = false
            }
            if !isRaw, rule.classColumn == nil, rule.argmaxColumn == nil { continue }
            let table = try OutputTable(output.name, output.value, rowCount, classes)
            if isRaw { columns += try table.columns(named: rule.columns) }
            if let name = rule.classColumn { columns.append(try table.classColumn(name)) }
            if let name = rule.argmaxColumn { columns.append(try table.argmaxColumn(name)) }
        }
        return columns
    }

    /// Returns the rows of a table to write: the kept columns, then those of the outputs.
    package func batch(
        kept: RecordBatch, outputs: [(name: String, value: OutputValue)], rowCount: Int, file: String
    ) throws(ColumnarError) -> RecordBatch {
        let batch = RecordBatch(columns: kept.columns + (try columns(outputs, rowCount: rowCount, file: file)), rowCount: rowCount)
        guard batch.columns.isEmpty else { return batch }
        throw .badRule(
            "the outputs (\(listed(outputs.map(\.name)))) have no elements, which leaves no column to write: keep a column, or "
                + "write .npz")
    }

    /// Returns the arrays of `rowCount` rows, for formats that have no columns.
    func arrays(
        _ outputs: [(name: String, value: OutputValue)], rowCount: Int, file: String
    ) throws(ColumnarError) -> [(name: String, tensor: Tensor)] {
        var arrays: [(name: String, tensor: Tensor)] = []
        for rule in rules ?? outputs.map({ OutputRule(output: $0.name, columns: "*") }) {
            let output = try find(rule.output, outputs)
            if rule.hasOwnName || rule.columns != nil {
                switch output.value {
                case .tensor(let tensor): arrays.append((output.name, tensor))
                case .labelled(let keys, let values):
                    arrays.append((output.name, values))
                    let names = keys.strings ?? (keys.values(as: Int64.self) ?? []).map(String.init)
                    let repeated = (0..<rowCount).flatMap { _ in names }
                    arrays.append((output.name + "_keys", Tensor(strings: repeated, shape: [rowCount, names.count])))
                case .lists(let lists): arrays.append((output.name, try lists.rectangle(output.name, "one array cannot hold")))
                }
            }
            if rule.classColumn == nil, rule.argmaxColumn == nil { continue }
            let table = try OutputTable(output.name, output.value, rowCount, classes)
            if let name = rule.classColumn { arrays.append((name, try table.classColumn(name).tensor(file: file))) }
            if let name = rule.argmaxColumn { arrays.append((name, try table.argmaxColumn(name).tensor(file: file))) }
        }
        return arrays
    }

    /// Returns the names of `arrays`, without those of keys.
    func arrayNames(_ outputs: [String]) -> [String] {
        guard let rules else { return outputs }
        return rules.flatMap { [$0.hasOwnName || $0.columns != nil ? $0.output : nil, $0.classColumn, $0.argmaxColumn].compactMap(\.self) }
    }

    private func find(
        _ name: String, _ outputs: [(name: String, value: OutputValue)]
    ) throws(ColumnarError) -> (name: String, value: OutputValue) {
        if let output = outputs.first(where: { $0.name.isName(name) }) { return output }
        let hint = suggestion(for: name, among: outputs.map(\.name))
        throw .badRule(
            "the pipeline names the output \"\(name)\", which the model lacks: "
                + (hint.hasPrefix("the columns are") ? "its outputs are" + hint.dropFirst(15) : hint))
    }
}

/// Holds one output as rows of elements with names.
private struct OutputTable {
    let output: String
    /// The values, of a type that tables have, or of float16 or complex.
    let tensor: Tensor
    let rowCount: Int
    let width: Int
    /// The names of the elements of a row; empty if a row is one value without a name.
    let suffixes: [String]
    /// The values of `classColumn`, by position.
    let classNames: [String]?
    let isLabelled: Bool

    init(_ output: String, _ given: OutputValue, _ rowCount: Int, _ classes: [String]?) throws(ColumnarError) {
        self.output = output
        self.rowCount = rowCount
        var value = given
        if case .lists(let lists) = given { value = .tensor(try lists.rectangle(output, "fit no columns of one value each")) }
        switch value {
        case .lists: preconditionFailure("lists are a tensor by now")
        case .tensor(let tensor):
            guard tensor.shape.dimensions.first == rowCount || rowCount == 0 else {
                throw .badRule(
                    "model output \"\(output)\" has the shape \(tensor.shape) for \(rowCount) rows: its first axis must be the rows")
            }
            self.tensor = tensor.plain
            let axes = Array(tensor.shape.dimensions.dropFirst())
            width = axes.reduce(1, *)
            isLabelled = false
            let isClasses = axes.count == 1 && axes[0] == classes?.count
            classNames = isClasses ? classes : nil
            suffixes = isClasses ? classes ?? [] : axes.allSatisfy { $0 == 1 } ? [] : Self.positions(axes)
        case .labelled(let keys, let values):
            tensor = values.plain
            width = keys.elementCount
            isLabelled = true
            guard values.elementCount == rowCount * width else {
                throw .badRule("model output \"\(output)\": \(values.shape) values for \(width) keys and \(rowCount) rows")
            }
            var names = keys.strings ?? (keys.values(as: Int64.self) ?? []).map(String.init)
            if keys.strings == nil, let classes, classes.count == width, names == (0..<width).map(String.init) { names = classes }
            suffixes = names
            classNames = names
        }
    }

    private static func positions(_ axes: [Int]) -> [String] {
        axes.reduce([""]) { names, extent in
            names.flatMap { name in (0..<extent).map { name.isEmpty ? "\($0)" : "\(name)_\($0)" } }
        }
    }

    func columns(named pattern: String?) throws(ColumnarError) -> [Column] {
        // An output without elements has nothing to name or to read.
        if width == 0 { return [] }
        let names: [String]
        if let pattern, pattern.contains("*") {
            names = (suffixes.isEmpty ? ["0"] : suffixes).map { suffix in
                let star = pattern.firstIndex(of: "*")!
                return pattern[..<star] + suffix + pattern[pattern.index(after: star)...]
            }
        } else if suffixes.isEmpty {
            names = [pattern ?? output]
        } else if width == 1, pattern != nil {
            names = [pattern!]
        } else if let pattern {
            throw .badRule("output \"\(output)\" has \(width) values a row, and \"\(pattern)\" is one name: put a * in it")
        } else {
            names = suffixes.map { output + "_" + $0 }
        }
        var columns: [Column] = []
        for (index, name) in names.enumerated() { columns += try column(index, name: name) }
        return columns
    }

    func classColumn(_ name: String) throws(ColumnarError) -> Column {
        let best = try greatest()
        if let classNames { return Column(name: name, strings: best.map { classNames.indices.contains($0) ? classNames[$0] : "" }) }
        throw .badRule("output \"\(output)\" has \(width) values a row, and schema.classes does not name as many classes")
    }

    func argmaxColumn(_ name: String) throws(ColumnarError) -> Column {
        let best = try greatest()
        return Column(name: name, format: "l", count: best.count) { (target: UnsafeMutablePointer<Int64>) in
            for (row, position) in best.enumerated() { target[row] = Int64(position) }
        }
    }

    private func greatest() throws(ColumnarError) -> [Int] {
        guard tensor.elementType != .string, width > 0 else {
            throw .badRule("output \"\(output)\" holds \(width == 0 ? "no values" : "strings"): it has no greatest element")
        }
        var columns: [[Double]] = []
        for index in 0..<width { columns.append(try doubles(index)) }
        return (0..<rowCount).map { row in
            var best = 0
            for index in 1..<max(width, 1)
            where columns[index][row] > columns[best][row] || columns[best][row].isNaN && !columns[index][row].isNaN {
                best = index
            }
            return best
        }
    }

    private func doubles(_ index: Int) throws(ColumnarError) -> [Double] {
        switch tensor.elementType {
        case .float32: elements(index, Float.self).map(Double.init)
        case .float64: elements(index, Double.self)
        case .int8: elements(index, Int8.self).map(Double.init)
        case .uint8, .bool: elements(index, UInt8.self).map(Double.init)
        case .int16: elements(index, Int16.self).map(Double.init)
        case .uint16: elements(index, UInt16.self).map(Double.init)
        case .int32: elements(index, Int32.self).map(Double.init)
        case .uint32: elements(index, UInt32.self).map(Double.init)
        case .int64: elements(index, Int64.self).map(Double.init)
        case .uint64: elements(index, UInt64.self).map { Double($0) }
        case .complex64, .complex128, .string:
            throw .badRule("output \"\(output)\" is of type \(tensor.elementType.name): it has no greatest element")
        default: elements(index, Float16.self).map(Double.init)
        }
    }

    private func elements<Value>(_ index: Int, _ type: Value.Type) -> [Value] {
        withExtendedLifetime(tensor) {
            let values = tensor.bytes.assumingMemoryBound(to: Value.self)
            return (0..<rowCount).map { values[$0 * width + index] }
        }
    }

    private func column(_ index: Int, name: String) throws(ColumnarError) -> [Column] {
        if isLabelled, tensor.elementType != .string {
            let values = try doubles(index)
            return [
                Column(name: name, format: "g", count: rowCount) { (target: UnsafeMutablePointer<Double>) in
                    for row in 0..<rowCount { target[row] = values[row] }
                }
            ]
        }
        switch tensor.elementType {
        case .string:
            let strings = tensor.strings ?? []
            return [Column(name: name, strings: (0..<rowCount).map { strings[$0 * width + index] })]
        case .bool: return [Column(name: name, booleans: elements(index, UInt8.self).map { $0 != 0 })]
        case .float32: return [copied(index, name, UInt32.self)]
        case .float64: return [copied(index, name, UInt64.self)]
        case .int8, .uint8: return [copied(index, name, UInt8.self)]
        case .int16, .uint16: return [copied(index, name, UInt16.self)]
        case .int32, .uint32: return [copied(index, name, UInt32.self)]
        case .int64, .uint64: return [copied(index, name, UInt64.self)]
        case .complex64:
            return ["real", "imag"].enumerated().map { part, suffix in
                Column(name: "\(name)_\(suffix)", format: "f", count: rowCount) { (target: UnsafeMutablePointer<Float>) in
                    let values = tensor.bytes.assumingMemoryBound(to: Float.self)
                    for row in 0..<rowCount { target[row] = values[2 * (row * width + index) + part] }
                }
            }
        case .complex128:
            return ["real", "imag"].enumerated().map { part, suffix in
                Column(name: "\(name)_\(suffix)", format: "g", count: rowCount) { (target: UnsafeMutablePointer<Double>) in
                    let values = tensor.bytes.assumingMemoryBound(to: Double.self)
                    for row in 0..<rowCount { target[row] = values[2 * (row * width + index) + part] }
                }
            }
        default:
            let values = elements(index, Float16.self)
            return [
                Column(name: name, format: "f", count: rowCount) { (target: UnsafeMutablePointer<Float>) in
                    for row in 0..<rowCount { target[row] = Float(values[row]) }
                }
            ]
        }
    }

    private func copied<Bits>(_ index: Int, _ name: String, _ type: Bits.Type) -> Column {
        Column(name: name, format: ColumnType.format(of: tensor.elementType) ?? "l", count: rowCount) {
            (target: UnsafeMutablePointer<Bits>) in
            let values = tensor.bytes.assumingMemoryBound(to: Bits.self)
            for row in 0..<rowCount { target[row] = values[row * width + index] }
        }
    }
}
