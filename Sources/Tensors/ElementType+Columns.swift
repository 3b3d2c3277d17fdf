extension ElementType {
    /// Tells whether columns of a table can fill an input of this type.
    package var isFilledFromColumns: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64, .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .uint64, .bool, .string: true
        default: false
        }
    }
}
