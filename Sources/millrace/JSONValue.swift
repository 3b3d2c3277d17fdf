import FileSystem
import Logging

/// A field of a log entry as JSON has it: numbers are numbers, and lists are lists.
enum JSONValue: Encodable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case list([JSONValue])
    case table([String: JSONValue])

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

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .flag(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .table(let value): try container.encode(value)
        }
    }
}
