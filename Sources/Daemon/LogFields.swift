import Logging

extension Logger.MetadataValue {
    /// A number, which JSON logs give as one.
    static func number(_ value: some (CustomStringConvertible & Sendable & Numeric)) -> Logger.MetadataValue { .stringConvertible(value) }

    static func list(_ values: [String]) -> Logger.MetadataValue { .array(values.map { .string($0) }) }
}
