import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// The rows of a file, read as a whole or in ranges, as text that tells every value and every type apart.
struct ReadRows: Equatable {
    var fields: [String] = []
    var rows: [String] = []
    var bound: [String] = []
    var inFileOrder: [String: [String]] = [:]
    var types: [String: String] = [:]

    mutating func take(_ batch: InputBatch, _ path: String) throws {
        var lines = [String](repeating: "", count: batch.rowCount)
        for (_, tensor) in batch.tensors.sorted(by: { $0.key < $1.key }) {
            let width = tensor.shape.dimensions.dropFirst().reduce(1, *)
            let size = (tensor.elementType.bitWidth ?? 8) / 8
            for row in 0..<batch.rowCount {
                if let strings = tensor.strings {
                    lines[row] += strings[row * width..<(row + 1) * width].joined(separator: "|") + "||"
                } else {
                    lines[row] += tensor.bytes[row * width * size..<(row + 1) * width * size].map { String($0, radix: 16) }.joined() + "||"
                }
            }
        }
        fields = batch.kept.columns.map { "\($0.field.name) \($0.field.format) \($0.field.valueFormat) \($0.field.isNullable)" }
        for column in batch.kept.columns {
            let cell = try CellText(column, isJSON: false, file: path)
            for row in 0..<batch.rowCount {
                var text: [UInt8] = []
                cell.append(row, to: &text)
                lines[row] += (column.isNull(row) ? "∅" : String(decoding: text, as: UTF8.self)) + "||"
            }
        }
        rows += lines
    }
}

/// Reads a file whole and in ranges.
struct RangeReading {
    var path: String
    var options = ReadOptions()
    var inputs = [ModelInput(name: "x", elementType: .float64, dimensions: [nil, 1])]
    var rules: NameMap<InputRule> = [:]
    var schema = TableSchemaRule()
    var pinned: [String: String] = [:]
    var batchRows = 7

    private func open(_ options: ReadOptions, _ rejected: [String: Set<KeptType>]) throws -> any InputBatches {
        try openInputs(
            path: path, options: options, inputs: inputs, rules: rules, schema: schema, batchRows: batchRows,
            typing: .inferred(pinned: pinned, rejected: rejected))
    }

    private func rows(_ batches: any InputBatches, into all: inout ReadRows, _ rejected: inout [String: Set<KeptType>]) throws -> Bool {
        do {
            while let batch = try batches.next() { try all.take(batch, path) }
        } catch {
            guard let misfit = batches.misfit else { throw error }
            rejected[misfit.column, default: []].formUnion(misfit.types)
            return false
        }
        all.bound = batches.boundColumns.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        all.inFileOrder = batches.columnsInFileOrder
        all.types = batches.foundTypes
        return true
    }

    func whole() throws -> ReadRows {
        var rejected: [String: Set<KeptType>] = [:]
        while true {
            var all = ReadRows()
            if try rows(open(options, rejected), into: &all, &rejected) { return all }
        }
    }

    /// The rows of all ranges one after the other, and the number of ranges; the plan goes through JSON, as to another process.
    func inRanges(_ byteCount: Int?) throws -> (rows: ReadRows, count: Int) {
        var rejected: [String: Set<KeptType>] = [:]
        again: while true {
            let first = try open(options, rejected)
            let made = try first.rangePlan(byteCount: byteCount)
            let plan = try JSONDecoder().decode(RangePlan.self, from: JSONEncoder().encode(made))
            #expect(plan == made && !plan.ranges.isEmpty)
            #expect(try plan == open(options, rejected).rangePlan(byteCount: byteCount), "a plan is the same each time")
            if plan.ranges.count == 1 { #expect(plan == .whole) }
            var all = ReadRows()
            for range in plan.ranges {
                var own = options
                own.range = range
                own.known = plan.known
                let batches = try open(own, rejected)
                #expect(try batches.rangePlan(byteCount: 1) == .whole || range == .whole, "a range is not cut")
                if try !rows(batches, into: &all, &rejected) { continue again }
            }
            // The one that was asked for the plan goes on from the first row.
            var unbroken = ReadRows()
            var misfits: [String: Set<KeptType>] = [:]
            #expect(try rows(first, into: &unbroken, &misfits) && unbroken == all)
            return (all, plan.ranges.count)
        }
    }

    /// Compares ranges with the whole at each size; where the whole is an error, a range is one too. Returns the largest number of ranges.
    @discardableResult
    func check(_ sizes: [Int?] = [1, 5, 33, 200, 1000, nil], _ comment: Comment? = nil) -> Int {
        let expected = Result { try whole() }
        var most = 0
        for size in sizes {
            switch (expected, Result { try inRanges(size) }) {
            case (.success(let whole), .success(let ranges)):
                most = max(most, ranges.count)
                if whole == ranges.rows { continue }
                let place = zip(whole.rows, ranges.rows.rows).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                Issue.record(
                    """
                    \(comment?.rawValue ?? "") \(path) in ranges of \(size ?? 0) bytes: \(whole.rows.count) and \(ranges.rows.rows.count) \
                    rows, row \
                    \(place ?? -1): \(place.map { whole.rows[$0] } ?? "") and \(place.map { ranges.rows.rows[$0] } ?? ""), \
                    \(whole.fields) and \
                    \(ranges.rows.fields)
                    """)
            case (.failure, .failure): continue
            case (.success, .failure(let error)):
                Issue.record("\(comment?.rawValue ?? "") \(path) in ranges of \(size ?? 0) bytes: \(error)")
            case (.failure(let error), .success):
                Issue.record("\(comment?.rawValue ?? "") \(path) in ranges of \(size ?? 0) bytes: no error, where the whole gives \(error)")
            }
        }
        return most
    }
}
