import FileSystem
import Logging

extension JSONValue {
    /// Makes a field of a log entry: numbers are numbers, and lists are lists.
    init(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): self = .text(text)
        case .array(let values): self = .list(values.map(JSONValue.init))
        case .dictionary(let values): self = .table(values.mapValues(JSONValue.init))
        case .stringConvertible(let value as Bool): self = .flag(value)
        case .stringConvertible(let value as any BinaryInteger): self = Int64(exactly: value).map { .integer($0) } ?? .text("\(value)")
        case .stringConvertible(let value as Double) where value.isFinite: self = .number(value)
        case .stringConvertible(let value): self = .text(value.description)
        }
    }
}
