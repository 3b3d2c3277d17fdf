internal import Recipes
internal import Tensors

/// Lists the types that a kept column of text may get by itself. Dates and times are not among them: pandas and Polars leave those of CSV
/// as text too, so that joins by them go on working.
package enum KeptType: String, Sendable, Hashable, CaseIterable {
    case int64, uint64, float64, bool, string

    var format: String {
        switch self {
        case .int64: "l"
        case .uint64: "L"
        case .float64: "g"
        case .bool: "b"
        case .string: "u"
        }
    }

    static func first(fitting text: String) -> KeptType {
        var text = text
        return text.withUTF8 { bytes in allCases.first { $0.prints(UnsafeRawBufferPointer(bytes)) } ?? .string }
    }

    /// Returns whether the text is exactly what the type prints for some finite value.
    func prints(_ text: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .int64: canonicalInteger(text, as: Int64.self) != nil
        case .uint64: canonicalInteger(text, as: UInt64.self) != nil
        case .float64: canonicalFloat(text)?.isFinite == true
        case .bool: canonicalBool(text) != nil
        case .string: true
        }
    }
}

/// Says how kept columns of text get their types.
package enum KeptTyping: Sendable, Hashable {
    /// The columns stay text, unless `schema.types` gives another type.
    case asText
    /// A column gets the type that the pipeline's first file pinned; without a pin, it gets the first type that prints every cell exactly
    /// as the file has it. The first rows decide the type: where a later row does not fit, the file is read again with that type in
    /// `rejected`.
    case inferred(pinned: [String: String] = [:], rejected: [String: Set<KeptType>] = [:])
}

/// Describes a later row of a kept column that does not fit the type taken from the file's first rows, and all types that this row rules
/// out.
package struct KeptMisfit: Sendable, Hashable {
    package let column: String
    package let types: Set<KeptType>
}

/// Decides the type of one kept column of text.
struct KeptColumnType {
    let column: String
    private var type: KeptType?
    let isPinned: Bool
    private let rejected: Set<KeptType>
    private let nullWords: Set<String>

    /// - Parameter known: the type that the first rows of the file have decided, for a range of it.
    init(column: String, typing: KeptTyping, nullWords: [String]?, known: String? = nil) {
        self.column = column
        self.nullWords = Set(nullWords ?? ["", "NA", "N/A", "NULL", "null"])
        guard case .inferred(let pinned, let rejected) = typing else {
            (type, isPinned, self.rejected) = (.string, false, [])
            return
        }
        type = pinned[column].flatMap(KeptType.init)
        isPinned = type != nil
        type = type ?? known.flatMap(KeptType.init)
        self.rejected = rejected[column] ?? []
    }

    /// The type, or nil while it is not decided.
    var known: KeptType? { type }

    /// The type of the column in a table without rows: text, unless an earlier file pinned another type.
    var ofNoRows: KeptType { type ?? .string }

    enum Outcome {
        case column(Column)
        /// The first row, counted from 0, whose text is not what the type prints; with its text, and the types that it rules out.
        case misfit(row: Int, cell: String, type: KeptType, ruledOut: Set<KeptType>)
    }

    /// Returns the column in its type; the first one decides which type that is.
    mutating func typed(_ text: Column, file: String) throws(ColumnarError) -> Outcome {
        if type == .string { return .column(text) }
        let cells = try BytesColumn(text, file: file)
        if let type {
            let (column, row) = convert(cells, to: type)
            if let column { return .column(column) }
            let ruledOut = KeptType.allCases.filter { !$0.prints(cells.bytes(row)) }
            return .misfit(row: row, cell: cells[row], type: type, ruledOut: Set(ruledOut).union([type]))
        }
        if let first = firstValue(cells) {
            for candidate in KeptType.allCases
            where candidate != .string && !rejected.contains(candidate) && candidate.prints(cells.bytes(first)) {
                guard let column = convert(cells, to: candidate).column else { continue }
                type = candidate
                return .column(column)
            }
        }
        type = .string
        return .column(text)
    }

    /// Returns the first cell that can decide the type: missing cells cannot, nor can infinities and NaN, which may be words.
    private func firstValue(_ cells: BytesColumn) -> Int? {
        (0..<cells.column.count).first { row in
            guard !cells.column.isNull(row), !isMissing(cells, row) else { return false }
            return !["inf", "-inf", "nan"].contains(String(decoding: cells.bytes(row), as: UTF8.self))
        }
    }

    private func convert(_ cells: BytesColumn, to type: KeptType) -> (column: Column?, row: Int) {
        switch type {
        case .int64: fill(cells, type) { canonicalInteger($0, as: Int64.self) }
        case .uint64: fill(cells, type) { canonicalInteger($0, as: UInt64.self) }
        case .float64: fill(cells, type, canonicalFloat)
        case .bool: fillBits(cells)
        case .string: (cells.column, 0)
        }
    }

    private func isMissing(_ cells: BytesColumn, _ row: Int) -> Bool {
        let bytes = cells.bytes(row)
        return bytes.isEmpty || nullWords.contains(String(decoding: bytes, as: UTF8.self))
    }

    private func fill<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ cells: BytesColumn, _ type: KeptType, _ parse: (UnsafeRawBufferPointer) -> Value?
    ) -> (column: Column?, row: Int) {
        let count = cells.column.count
        let memory = MemoryOwner()
        let values = memory.allocate(Value.self, count: count)
        var nulls = Validity(count: count, memory: memory)
        for row in 0..<count {
            if !cells.column.isNull(row), let value = parse(cells.bytes(row)) {
                values[row] = value
            } else if cells.column.isNull(row) || isMissing(cells, row) {
                values[row] = 0
                nulls.clear(row)
            } else {
                return (nil, row)
            }
        }
        return (column(cells, type, nulls, UnsafeRawPointer(values), memory), 0)
    }

    private func fillBits(_ cells: BytesColumn) -> (column: Column?, row: Int) {
        let count = cells.column.count
        let memory = MemoryOwner()
        let bits = memory.allocate(UInt8.self, count: count / 8 + 1)
        bits.update(repeating: 0, count: count / 8 + 1)
        var nulls = Validity(count: count, memory: memory)
        for row in 0..<count {
            if !cells.column.isNull(row), let value = canonicalBool(cells.bytes(row)) {
                if value { bits[row >> 3] |= 1 << UInt8(row & 7) }
            } else if cells.column.isNull(row) || isMissing(cells, row) {
                nulls.clear(row)
            } else {
                return (nil, row)
            }
        }
        return (column(cells, .bool, nulls, UnsafeRawPointer(bits), memory), 0)
    }

    private func column(
        _ cells: BytesColumn, _ type: KeptType, _ nulls: Validity, _ values: UnsafeRawPointer, _ memory: MemoryOwner
    ) -> Column {
        Column(
            name: column, format: type.format, count: cells.column.count,
            buffers: [nulls.nullCount == 0 ? nil : UnsafeRawPointer(nulls.bits), values], memory: memory, nullCount: nulls.nullCount,
            isNullable: true)
    }
}

/// Holds a bit for each row which tells whether it has a value.
private struct Validity {
    let bits: UnsafeMutablePointer<UInt8>
    private(set) var nullCount = 0

    init(count: Int, memory: MemoryOwner) {
        bits = memory.allocate(UInt8.self, count: count / 8 + 1)
        bits.update(repeating: 0xff, count: count / 8 + 1)
    }

    mutating func clear(_ row: Int) {
        nullCount += 1
        bits[row >> 3] &= ~(1 << UInt8(row & 7))
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}

/// Returns the integer if it prints as this text: `01`, `+1` and `-0` are refused.
private func canonicalInteger<Value: FixedWidthInteger>(_ text: UnsafeRawBufferPointer, as type: Value.Type) -> Value? {
    let isNegative = text.first == UInt8(ascii: "-")
    if isNegative, !Value.isSigned { return nil }
    let start = isNegative ? 1 : 0
    guard text.count > start, text.count - start <= 20 else { return nil }
    if text[start] == UInt8(ascii: "0"), text.count > 1 { return nil }
    var value: Value = 0
    for index in start..<text.count {
        guard text[index].isDigit else { return nil }
        let digit = Value(text[index] - UInt8(ascii: "0"))
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
        if overflow || carry { return nil }
        value = sum
    }
    return value
}

/// Returns the number if it prints as this text, which is the shortest that is read back as the same number: `1.50`, `1` and `1E5` are
/// refused.
private func canonicalFloat(_ text: UnsafeRawBufferPointer) -> Double? {
    guard let first = text.first, text.count <= 32,
        first.isDigit || [UInt8(ascii: "-"), UInt8(ascii: "i"), UInt8(ascii: "n")].contains(first)
    else { return nil }
    let string = String(decoding: text, as: UTF8.self)
    guard let value = Double(string), value.description == string else { return nil }
    return value
}

private func canonicalBool(_ text: UnsafeRawBufferPointer) -> Bool? {
    if text.elementsEqual("true".utf8) { return true }
    return text.elementsEqual("false".utf8) ? false : nil
}
