import Engine
import Names
import PipelineConfig
import Recipes
import Tensors

/// A model input with a value from the pipeline that is the same in every row.
struct ConstantInput {
    private let name: String
    private let type: ElementType
    private let rowAxis: Int?
    /// The extents of the axes other than that of the rows; nil where the model states no shape.
    private let extents: [Int]?

    /// - Parameter rowSymbols: the names that the model gives to the axis of the rows: an axis with one of them is as long as the run has
    /// rows.
    init(
        _ name: String, _ type: ElementType, _ dimensions: [Dimension]?, batchAxis: Int?, rowSymbols: NameMap<String>
    ) throws(AdmissionProblem) {
        self.name = name
        self.type = type
        guard let dimensions else {
            rowAxis = nil
            extents = nil
            return
        }
        if let batchAxis, batchAxis >= dimensions.count {
            throw Self.problem(
                name, "has \(dimensions.count) axes, and its batch_axis is \(batchAxis)", "Write a batch_axis that it has, or none.")
        }
        let open = dimensions.indices.filter { dimensions[$0].value == nil }
        let called = open.first { if case .symbolic(let name) = dimensions[$0] { rowSymbols[name] != nil } else { false } }
        let axis = batchAxis ?? called ?? (open.count == 1 ? open[0] : nil)
        rowAxis = axis.flatMap { open.contains($0) ? $0 : nil }
        var extents: [Int] = []
        for (index, dimension) in dimensions.enumerated() where index != rowAxis {
            guard let extent = dimension.value else {
                let shape = "[" + dimensions.map(\.description).joined(separator: ", ") + "]"
                throw Self.problem(
                    name, "is \(shape): a value does not say how long its open axes are",
                    "Say which one is the rows with batch_axis, and export the model with the others fixed.")
            }
            extents.append(extent)
        }
        self.extents = extents
    }

    private static func problem(_ name: String, _ what: String, _ remedy: String) -> AdmissionProblem {
        AdmissionProblem(key: "schema.inputs.\(name).value", what: "model input '\(name)' \(what)", remedy: remedy)
    }

    /// Returns the constant: one value fills the whole input, and several are the elements of one row, row-major.
    func constant(_ values: [InputValue]) throws(AdmissionProblem) -> RowRun.Constant {
        let shape = Shape(extents ?? (values.count == 1 ? [] : [values.count]))
        guard let count = shape.elementCount, count <= 1 << 28, values.count == 1 || values.count == count else {
            let wanted = shape.elementCount.map(String.init) ?? "too many"
            throw Self.problem(
                name, "takes \(wanted) value\(wanted == "1" ? "" : "s")\(rowAxis == nil ? "" : " a row"), and \(values.count) are given",
                "Give one for all of it, or \(wanted).")
        }
        let all = values.count == count ? values : [InputValue](repeating: values[0], count: count)
        return RowRun.Constant(tensor: try tensor(all, shape), rowAxis: rowAxis)
    }

    private func tensor(_ values: [InputValue], _ shape: Shape) throws(AdmissionProblem) -> Tensor {
        switch type {
        case .string:
            if let number = values.first(where: { !$0.isText }) { throw misfit(number, "Put it in quotes.") }
            return Tensor(strings: values.map(\.text), shape: shape)
        case .bool: return try numbers(values, shape) { $0 == "true" ? UInt8(1) : $0 == "false" ? 0 : nil }
        case .float32: return try numbers(values, shape) { Self.finite($0, Float($0)) }
        case .float64: return try numbers(values, shape) { Self.finite($0, Double($0)) }
        case .float16: return try numbers(values, shape) { Self.finite($0, Float($0).map { Float16($0) }) }
        case .bfloat16:
            return try numbers(values, shape) { text in
                // The value is rounded to the nearest, ties to even.
                Self.finite(text, Float(text)).map { (value: Float) -> UInt16 in
                    let bits = value.bitPattern
                    return value.isNaN ? 0x7FC0 : UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
                }
            }
        case .int8: return try numbers(values, shape) { Int8($0) }
        case .uint8: return try numbers(values, shape) { UInt8($0) }
        case .int16: return try numbers(values, shape) { Int16($0) }
        case .uint16: return try numbers(values, shape) { UInt16($0) }
        case .int32: return try numbers(values, shape) { Int32($0) }
        case .uint32: return try numbers(values, shape) { UInt32($0) }
        case .int64: return try numbers(values, shape) { Int64($0) }
        case .uint64: return try numbers(values, shape) { UInt64($0) }
        default: throw Self.problem(name, "is of type \(type.name), for which no value can be given", "Export the model with another type.")
        }
    }

    /// Returns nil where a finite number becomes infinite.
    private static func finite<Value: BinaryFloatingPoint>(_ text: String, _ value: Value?) -> Value? {
        guard let value, value.isInfinite else { return value }
        return Double(text)?.isInfinite == true && !text.contains(where: \.isNumber) ? value : nil
    }

    private func numbers<Scalar: BitwiseCopyable>(
        _ values: [InputValue], _ shape: Shape, _ convert: (String) -> Scalar?
    ) throws(AdmissionProblem) -> Tensor {
        var converted: [Scalar] = []
        converted.reserveCapacity(values.count)
        for value in values {
            guard !value.isText, let number = convert(value.text) else {
                throw misfit(value, value.isText ? "Write it without quotes." : "Give a value of that type.")
            }
            converted.append(number)
        }
        return Tensor(type, shape, converted)
    }

    private func misfit(_ value: InputValue, _ remedy: String) -> AdmissionProblem {
        Self.problem(name, "takes \(type.name), and the value \(value.isText ? "\"\(value.text)\"" : value.text) is none", remedy)
    }
}
