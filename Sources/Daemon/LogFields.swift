import Logging

extension Logger.MetadataValue {
    /// Returns a number, which JSON logs write as one.
    static func number(_ value: some (CustomStringConvertible & Sendable & Numeric)) -> Logger.MetadataValue { .stringConvertible(value) }

    static func list(_ values: [String]) -> Logger.MetadataValue { .array(values.map { .string($0) }) }
}
