internal import CArrow
import Machine
internal import Reasons
internal import Recipes
internal import Tensors

/// Gives one input's elements in one batch of the file.
enum InputSource {
    /// There is one column for each element of a row, in order.
    case columns([Column])
    /// A column has `width` values for each row, row after row: lists, or an array file.
    case rows(Column, width: Int)
}

/// Names the place of an input's values in errors.
struct InputPlace {
    let file: String
    let input: String
    let columns: [String]
    /// The number of the source's first row.
    var firstRow: Int
    /// The positions at which the rows' elements begin, for a source that gives elements as rows of one value; nil where the source's rows
    /// are the file's rows.
    var starts: [Int]?

    func error(row: Int, column: Int, _ reason: Reason) -> ColumnarError {
        var row = row
        if let starts, !starts.isEmpty {
            // It is the last row that begins at the element or before it.
            var (low, high) = (0, starts.count)
            while high - low > 1 {
                let middle = (low + high) / 2
                if starts[middle] <= row { low = middle } else { high = middle }
            }
            row = low
        }
        return .badValue(
            TableLocation(file: file, row: firstRow + row, column: columns.count == 1 ? columns[0] : columns[column], input: input),
            reason: reason)
    }
}

/// Turns rows of a source into rows of one input.
protocol InputFiller: AnyObject {
    /// Starts the batch with room for `rows` rows.
    func begin(rows: Int)
    /// Tells whether a missing value is an error.
    var refusesGaps: Bool { get }
    /// The reason that an error gives for a missing value.
    var gapReason: String { get }
    /// Appends rows of the source to those already filled.
    func append(_ source: InputSource, rows: Range<Int>, place: InputPlace) throws(ColumnarError)
    /// Returns the filled rows, as a tensor of `rowShape` rows.
    func take(rowShape: [Int]) -> Tensor
}

/// Makes the filler of an input. `memory`, where given, is filled in every batch; otherwise memory is used again as soon as nobody else
/// holds it.
func makeInputFiller(_ input: ModelInput, rule: InputRule, width: Int, memory: TensorBuffer?) throws(ColumnarError) -> any InputFiller {
    switch input.elementType {
    case .float32: try NumericFiller<Float>(input, rule, width, memory)
    case .float64: try NumericFiller<Double>(input, rule, width, memory)
    case .float16: try NumericFiller<Float16>(input, rule, width, memory)
    case .bfloat16: try NumericFiller<TensorBFloat16>(input, rule, width, memory)
    case .int8: try NumericFiller<Int8>(input, rule, width, memory)
    case .uint8: try NumericFiller<UInt8>(input, rule, width, memory)
    case .int16: try NumericFiller<Int16>(input, rule, width, memory)
    case .uint16: try NumericFiller<UInt16>(input, rule, width, memory)
    case .int32: try NumericFiller<Int32>(input, rule, width, memory)
    case .uint32: try NumericFiller<UInt32>(input, rule, width, memory)
    case .int64: try NumericFiller<Int64>(input, rule, width, memory)
    case .uint64: try NumericFiller<UInt64>(input, rule, width, memory)
    case .bool: try NumericFiller<TensorBool>(input, rule, width, memory)
    case .string: try StringFiller(input, rule, width)
    default:
        throw .badRule("model input \"\(input.name)\" is of type \(input.elementType.name), which no table column can fill")
    }
}

/// Returns the input's type as Arrow stores it, so that a column of that type needs no conversion; nil where Arrow has no such type.
func nativeFormat(of type: ElementType) -> String? { type == .bool ? nil : ColumnType.format(of: type) }
