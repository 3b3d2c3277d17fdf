internal import CArrow
import Machine
internal import Reasons
internal import Recipes
internal import Tensors

final class NumericFiller<Scalar: TensorScalar>: InputFiller {
    private let input: ModelInput
    private let native: String?
    private let width: Int
    private let memory: TensorBuffer?
    private let missing: InputRule.Missing
    private let fill: Scalar?
    private let refusesNonFinite: Bool
    private let scale: (factor: Double, term: Double)?
    private var buffer: TensorBuffer
    private var capacity = 0
    private var filled = 0
    private var scratch: [UnsafeMutablePointer<Scalar>] = []
    /// The number of rows that are converted at a time, so that what was converted is still in the cache when it is gathered.
    private let blockRows = 2048

    init(_ input: ModelInput, _ rule: InputRule, _ width: Int, _ memory: TensorBuffer?) throws(ColumnarError) {
        self.input = input
        self.width = width
        self.memory = memory
        native = nativeFormat(of: input.elementType)
        missing = rule.missing
        refusesNonFinite = rule.refusesNonFinite
        scale = rule.scale == nil && rule.offset == nil ? nil : (rule.scale ?? 1, rule.offset ?? 0)
        buffer = memory ?? TensorBuffer(byteCount: 0)
        let name = "model input \"\(input.name)\" of type \(input.elementType.name)"
        if scale != nil, Scalar.self == TensorBool.self { throw .badRule("\(name) cannot be scaled") }
        switch rule.missing {
        case .error, .refused: fill = nil
        case .nan:
            guard Scalar.isFloat, let nan = Scalar.rounding(.nan) else {
                throw .badRule("missing: nan does not fit \(name): give a number, or error")
            }
            fill = nan
        case .value(let value):
            var scaled = value
            if let scale { scaled = value * scale.factor + scale.term }
            guard let held = Scalar.rounding(scaled), scale != nil || Scalar.isFloat || value == value.rounded() else {
                throw .badRule("missing: \(value) does not fit \(name)")
            }
            fill = held
        case .text: throw .badRule("missing: a text does not fit \(name): give a number, nan or error")
        }
    }

    deinit { for block in scratch { block.deallocate() } }

    func begin(rows: Int) {
        filled = 0
        capacity = rows
        if let memory {
            precondition(memory.byteCount >= rows * rowByteCount, "memory for \(input.name) is too small for \(rows) rows")
        } else if !isKnownUniquelyReferenced(&buffer) {
            buffer = TensorBuffer(byteCount: 0)
        }
    }

    var refusesGaps: Bool { fill == nil }

    private var rowByteCount: Int { width * MemoryLayout<Scalar>.stride }

    /// Makes room for more rows. The rows of a small file get memory for themselves; if there are more rows, they get it for the whole
    /// batch.
    private func reserve(_ rows: Int, file: String) throws(ColumnarError) {
        guard memory == nil, buffer.byteCount < (filled + rows) * rowByteCount else { return }
        let needed = filled + rows
        // The elements of lists are read as rows of one value, and their number is not known yet.
        let wanted = filled == 0 && buffer.byteCount == 0 ? needed : needed <= capacity ? capacity : max(needed, 2 * filled)
        let larger: TensorBuffer
        do throws(OutOfMemory) { larger = try TensorBuffer(requested: wanted * rowByteCount) } catch { throw .outOfMemory(file: file) }
        larger.address.copyMemory(from: buffer.address, byteCount: filled * rowByteCount)
        buffer = larger
    }

    func take(rowShape: [Int]) -> Tensor {
        Tensor(elementType: input.elementType, shape: Shape([filled] + rowShape), buffer: buffer)
    }

    func append(_ source: InputSource, rows: Range<Int>, place: InputPlace) throws(ColumnarError) {
        try reserve(rows.count, file: place.file)
        let target = buffer.address.assumingMemoryBound(to: Scalar.self)
        switch source {
        case .rows(let column, let width):
            let values = rows.lowerBound * width..<rows.upperBound * width
            try convert(column, values, into: target + filled * width, place, valuesPerRow: width)
            filled += rows.count
        case .columns(let columns):
            for begin in stride(from: rows.lowerBound, to: rows.upperBound, by: blockRows) {
                let block = begin..<min(begin + blockRows, rows.upperBound)
                try gatherBlock(columns, block, into: target + filled * width, place)
                filled += block.count
            }
        }
    }

    private func gatherBlock(
        _ columns: [Column], _ rows: Range<Int>, into target: UnsafeMutablePointer<Scalar>, _ place: InputPlace
    ) throws(ColumnarError) {
        if columns.count == 1 { return try convert(columns[0], rows, into: target, place, valuesPerRow: 1) }
        var pointers: [UnsafePointer<Scalar>] = []
        pointers.reserveCapacity(columns.count)
        for (index, column) in columns.enumerated() {
            if scale == nil, column.field.format == native, column.field.schema.dictionary == nil, !column.mayHaveNulls {
                let direct = column.values(as: Scalar.self) + rows.lowerBound
                try check(direct, rows, place, column: index, valuesPerRow: 1)
                if needsNoFilling(direct, rows.count) {
                    pointers.append(direct)
                    continue
                }
            }
            while scratch.count <= index { scratch.append(.allocate(capacity: blockRows)) }
            try convert(column, rows, into: scratch[index], place, valuesPerRow: 1, column: index)
            pointers.append(UnsafePointer(scratch[index]))
        }
        withExtendedLifetime(columns) {
            pointers.withUnsafeBufferPointer { Scalar.interleave($0, rows: rows.count, into: target) }
        }
    }

    /// Returns whether such values can be taken as they are. With `missing: VALUE`, NaN must be replaced too.
    private func needsNoFilling(_ values: UnsafePointer<Scalar>, _ count: Int) -> Bool {
        guard Scalar.isFloat, case .value = missing else { return true }
        return Scalar.firstNaN(values, count) == nil
    }

    /// Throws for NaN where it counts as missing and nothing fills it, and for infinities where they are unwanted.
    private func check(
        _ values: UnsafePointer<Scalar>, _ rows: Range<Int>, _ place: InputPlace, column: Int, valuesPerRow: Int
    ) throws(ColumnarError) {
        guard Scalar.isFloat, fill == nil || refusesNonFinite else { return }
        let bad =
            if !refusesNonFinite { Scalar.firstNaN(values, rows.count) } else if fill == nil {
                Scalar.firstNonFinite(values, rows.count)
            } else { Scalar.firstInfinite(values, rows.count) }
        guard let bad else { return }
        let text = values[bad].text
        let reason: Reason =
            values[bad].isNaN
            ? "the value is NaN\(missingRemedy)" : "\(cell: text, shown: "the value is \(text), which") is not finite"
        throw place.error(row: (rows.lowerBound + bad) / valuesPerRow, column: column, reason)
    }

    private var missingRemedy: String {
        if missing == .refused { return "" }
        return Scalar.isFloat
            ? ": give the input `missing: nan` or a number if that is meant" : ": give the input `missing:` a number if that is meant"
    }

    /// Converts values of a column to those of the input: missing ones are filled, and values are scaled and checked.
    private func convert(
        _ column: Column, _ rows: Range<Int>, into target: UnsafeMutablePointer<Scalar>, _ place: InputPlace, valuesPerRow: Int,
        column index: Int = 0
    ) throws(ColumnarError) {
        let count = rows.count
        if column.field.type == .null {
            guard let fill else { throw nullError(rows.lowerBound / valuesPerRow, place, index) }
            target.update(repeating: fill, count: count)
            return
        }
        let hasNulls = column.mayHaveNulls
        let firstNull = hasNulls && fill == nil ? rows.first(where: column.isNull) : nil
        let failed = withExtendedLifetime(column.owner) { Scalar.load(column, rows, native: native, to: target) }
        // The bytes under a null can be anything, so a failure there does not count: the conversion goes on after it.
        if var bad = failed {
            guard hasNulls || Scalar.isFloat == false else { throw refusal(column, rows, bad, place, index, valuesPerRow) }
            while true {
                guard column.isNull(rows.lowerBound + bad) else { throw refusal(column, rows, bad, place, index, valuesPerRow) }
                let rest = rows.lowerBound + bad + 1..<rows.upperBound
                guard !rest.isEmpty,
                    let next = withExtendedLifetime(column.owner, { Scalar.load(column, rest, native: native, to: target + bad + 1) })
                else { break }
                bad += 1 + next
            }
        }
        if let firstNull { throw nullError(firstNull / valuesPerRow, place, index) }
        if let nan = nanInIntegers(column, rows), fill == nil { throw nullError(nan / valuesPerRow, place, index) }
        try check(target, hasNulls ? 0..<0 : rows, place, column: index, valuesPerRow: valuesPerRow)
        if hasNulls, refusesNonFinite || fill == nil {
            for row in rows where !column.isNull(row) {
                try check(target + (row - rows.lowerBound), row..<row + 1, place, column: index, valuesPerRow: valuesPerRow)
            }
        }
        var missingRows: [Int] = []
        if let fill {
            let fillsNaN: Bool = if case .value = missing { true } else { false }
            for row in 0..<count {
                let isMissing =
                    hasNulls && column.isNull(rows.lowerBound + row)
                    || fillsNaN && (target[row].isNaN || column.isNaN(rows.lowerBound + row))
                if isMissing {
                    target[row] = fill
                    if scale != nil { missingRows.append(row) }
                }
            }
        }
        if let scale {
            // Filled-in values are scaled already, and a bit pattern under a null must not overflow.
            for row in missingRows { target[row] = Scalar.rounding(0)! }
            if let bad = Scalar.scale(target, count, by: scale.factor, plus: scale.term) {
                throw rangeError(column, rows, bad, place, index, valuesPerRow)
            }
            if let fill { for row in missingRows { target[row] = fill } }
        }
    }

    private func nullError(_ row: Int, _ place: InputPlace, _ column: Int) -> ColumnarError {
        place.error(row: row, column: column, Reason(gapReason))
    }

    var gapReason: String { "there is no value\(missingRemedy)" }

    /// Returns the error for the value at `bad`, or for a missing value in a row before it.
    private func refusal(
        _ column: Column, _ rows: Range<Int>, _ bad: Int, _ place: InputPlace, _ index: Int, _ valuesPerRow: Int
    ) -> ColumnarError {
        let before = rows.lowerBound..<rows.lowerBound + bad
        guard fill == nil, let gap = before.first(where: { column.isNull($0) || column.isNaN($0) }) else {
            return rangeError(column, rows, bad, place, index, valuesPerRow)
        }
        if column.isNull(gap) || !Scalar.isFloat { return nullError(gap / valuesPerRow, place, index) }
        return place.error(row: gap / valuesPerRow, column: index, "the value is NaN\(missingRemedy)")
    }

    private func rangeError(
        _ column: Column, _ rows: Range<Int>, _ bad: Int, _ place: InputPlace, _ index: Int, _ valuesPerRow: Int
    ) -> ColumnarError {
        var text: [UInt8] = []
        if let cell = try? CellText(column, isJSON: false, file: place.file) { cell.append(rows.lowerBound + bad, to: &text) }
        let value = String(decoding: text, as: UTF8.self)
        let scaled = scale == nil ? "" : ", scaled,"
        return place.error(
            row: (rows.lowerBound + bad) / valuesPerRow, column: index,
            "\(cell: value, shown: "the value " + numberText(value))\(scaled) does not fit \(input.elementType.name)")
    }

    /// Returns the first NaN among floats that go into integers; for an input of floats nil, because they are checked after they are
    /// converted.
    private func nanInIntegers(_ column: Column, _ rows: Range<Int>) -> Int? {
        guard !Scalar.isFloat else { return nil }
        return rows.first { column.isNaN($0) && !column.isNull($0) }
    }
}
