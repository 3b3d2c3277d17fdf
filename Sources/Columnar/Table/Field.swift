internal import CArrow
internal import Names
package import Tensors

/// Describes the type of a column, as far as binding and writing need it.
package enum ColumnType: Hashable, Sendable {
    /// All values are null.
    case null
    case boolean
    /// The values are numbers of an integer or floating-point element type.
    case number(ElementType)
    case decimal
    case string
    case binary
    /// The values are dates, times, timestamps or durations.
    case time
    indirect case dictionary(of: ColumnType)
    case list
    case structure
    /// The type is known by its Arrow format string; files of Arrow and Parquet carry it through, and it is refused elsewhere.
    case other(String)

    /// Tells whether a numeric model input can take the values: numbers, decimals and booleans, and dictionaries of them.
    package var isNumeric: Bool {
        switch self {
        case .number, .decimal, .boolean: true
        case .dictionary(let values): values.isNumeric
        default: false
        }
    }

    package var isString: Bool {
        switch self {
        case .string: true
        case .dictionary(let values): values.isString
        default: false
        }
    }

    /// The type without its dictionary.
    var ofValues: ColumnType {
        if case .dictionary(let values) = self { values } else { self }
    }

    /// The name of the type in messages.
    package var name: String {
        switch self {
        case .null: "empty"
        case .boolean: "boolean"
        case .number(let type): type.name
        case .decimal: "decimal"
        case .string: "string"
        case .binary: "binary"
        case .time: "time"
        case .dictionary(let values): values.name
        case .list: "list"
        case .structure: "struct"
        case .other(let format): "Arrow type \(format)"
        }
    }

    /// Reads an Arrow C Data Interface format string, without its dictionary.
    init(format: String) {
        switch format {
        case "n": self = .null
        case "b": self = .boolean
        case "c": self = .number(.int8)
        case "C": self = .number(.uint8)
        case "s": self = .number(.int16)
        case "S": self = .number(.uint16)
        case "i": self = .number(.int32)
        case "I": self = .number(.uint32)
        case "l": self = .number(.int64)
        case "L": self = .number(.uint64)
        case "e": self = .number(.float16)
        case "f": self = .number(.float32)
        case "g": self = .number(.float64)
        case "u", "U", "vu": self = .string
        case "z", "Z", "vz": self = .binary
        case "+l", "+L", "+vl", "+vL", "+m": self = .list
        case "+s": self = .structure
        default:
            if format.hasPrefix("d:") {
                self = .decimal
            } else if format.hasPrefix("t") {
                self = .time
            } else if format.hasPrefix("w:") {
                self = .binary
            } else if format.hasPrefix("+w:") {
                self = .list
            } else {
                self = .other(format)
            }
        }
    }

    /// Returns the Arrow format string of a type that this module makes columns of; nil for other types.
    static func format(of type: ElementType) -> String? {
        switch type {
        case .bool: "b"
        case .int8: "c"
        case .uint8: "C"
        case .int16: "s"
        case .uint16: "S"
        case .int32: "i"
        case .uint32: "I"
        case .int64: "l"
        case .uint64: "L"
        case .float16: "e"
        case .float32: "f"
        case .float64: "g"
        case .string: "u"
        default: nil
        }
    }
}

/// Holds a column's name and type. It carries the Arrow schema that it came with, so that a kept column is written with the type that it
/// was read with.
package struct Field: @unchecked Sendable {
    package let name: String
    package let type: ColumnType
    package let isNullable: Bool
    /// A shallow copy; the memory that it points to belongs to `owner`, which is never changed.
    let schema: ArrowSchema
    let owner: AnyObject

    /// The format string of Arrow; for a dictionary, that of its indices.
    let format: String
    /// The type that the values have once a dictionary is decoded.
    let valueFormat: String

    init(name: String, type: ColumnType, isNullable: Bool, schema: ArrowSchema, owner: AnyObject) {
        self.name = name
        self.type = type
        self.isNullable = isNullable
        self.schema = schema
        self.owner = owner
        format = String(cString: schema.format)
        valueFormat = schema.dictionary.map { String(cString: $0.pointee.format) } ?? format
    }
}

extension Field {
    /// The name of the column's type in messages; types that binding does not tell apart have Arrow's own names.
    var typeName: String {
        switch valueFormat {
        case "+r": "run-end encoded"
        case "+vl", "+vL": "list view"
        case "tDs", "tDm", "tDu", "tDn": "duration"
        case "tiM", "tiD", "tin": "interval"
        case let format where format.hasPrefix("+u"): "union"
        case "+m": "map"
        default: type.name
        }
    }
}

extension Field: Equatable {
    package static func == (left: Field, right: Field) -> Bool {
        left.name.isName(right.name) && left.format == right.format && left.valueFormat == right.valueFormat
    }
}

/// Holds the columns of a table, in file order.
package struct TableSchema: Sendable {
    package let fields: [Field]
    package let metadata: [String: String]
    private let index: NameMap<[Int]>

    package init(fields: [Field], metadata: [String: String] = [:]) {
        self.fields = fields
        self.metadata = metadata
        var index: NameMap<[Int]> = NameMap(minimumCapacity: fields.count)
        for (position, field) in fields.enumerated() { index[field.name, default: []].append(position) }
        self.index = index
    }

    package var names: [String] { fields.map(\.name) }

    /// Returns the positions of the columns of that name: none, one, or more where the file repeats it.
    package func positions(of name: String) -> [Int] { index[name] ?? [] }
}
