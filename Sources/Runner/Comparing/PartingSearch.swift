import Attempts
import Engine
import Names
import ONNX
import Reasons
import Tensors

/// Finds the first value that two models both make and that differs.
struct PartingSearch {
    /// The number of values that are computed first, in one go, and the most that are.
    private static let (firstValues, mostValues) = (16, 512)
    /// About how many bytes the values take that are computed in one go, in each model.
    private static let bytesAtOnce = 128 << 20

    private let sides: [(side: ModelsOnRows.Side, rows: Rows)]
    private let kept: KeptRows
    private let tolerance: Double
    private let options: SessionOptions
    private let interruption: Interruption

    /// - Parameters:
    ///   - sides: both models, with what is known of how they take rows.
    ///   - kept: the rows on which values are compared.
    init(
        sides: [(side: ModelsOnRows.Side, rows: Rows)], kept: KeptRows, tolerance: Double, threads: Int, _ interruption: Interruption
    ) {
        self.sides = sides
        self.kept = kept
        self.tolerance = tolerance
        self.interruption = interruption
        // The engine executes the nodes as they stand in the graph, and fuses none.
        options = SessionOptions(threads: threads, optimization: .none)
    }

    func run() throws(Failure) -> RowsComparison.Parting {
        let common: CommonValues
        do throws(ONNXError) { common = try CommonValues(sides[0].side.model, sides[1].side.model) } catch {
            throw Failure(model: error, place: sides[0].side.path)
        }
        var compared = 0, before = 0.0
        var start = 0, count = Self.firstValues
        while start < common.pairs.count {
            let pairs = common.pairs[start..<min(start + count, common.pairs.count)]
            var bytes = 0
            for (pair, distance) in zip(pairs, try distances(pairs, &bytes)) {
                // Values of other shapes are no common ones, whatever their names.
                guard let distance, distance.reason == nil else { continue }
                compared += 1
                if distance.isMore(than: tolerance) {
                    let first = RowsComparison.Value(
                        a: pair.a, b: pair.b, nodeOfA: pair.nodeOfA.place, nodeOfB: pair.nodeOfB.place, distance: distance)
                    return parting(compared, before, first)
                }
                before = max(before, distance.error)
            }
            start += pairs.count
            count = max(1, min(Self.bytesAtOnce / max(bytes / pairs.count, 1), Self.mostValues))
        }
        return parting(compared, before, nil)
    }

    private func parting(_ compared: Int, _ before: Double, _ first: RowsComparison.Value?) -> RowsComparison.Parting {
        RowsComparison.Parting(
            firstRow: kept.firstRow, lastRow: kept.firstRow + kept.rowCount - 1, comparedValues: compared, errorBefore: before, first: first
        )
    }

    /// Returns how far the values are apart; nil for those that the engine does not give, such as sequences.
    /// - Parameter bytes: grows by the bytes of the values in the first model.
    private func distances(_ pairs: ArraySlice<CommonValues.Pair>, _ bytes: inout Int) throws(Failure) -> [ValueDistance?] {
        do throws(Failure) { return try computed(pairs, &bytes) } catch {
            try interruption.check()
            if error.kind == .machine || error.kind == .resource || error.kind == .memoryLimit { throw error }
            if pairs.count == 1 { return [nil] }
            // One of them cannot be computed alone; the others are.
            let middle = pairs.startIndex + pairs.count / 2
            return try distances(pairs[..<middle], &bytes) + distances(pairs[middle...], &bytes)
        }
    }

    private func computed(_ pairs: ArraySlice<CommonValues.Pair>, _ bytes: inout Int) throws(Failure) -> [ValueDistance?] {
        let a = try values(pairs.map(\.a), 0), b = try values(pairs.map(\.b), 1)
        bytes += a.joined().reduce(0) { $0 + ($1?.bytes.count ?? 0) }
        return zip(pairs, zip(a, b)).map { pair, values in
            var meter = DistanceMeter(pair.a)
            for (index, run) in kept.runs.enumerated() {
                guard let mine = values.0[index], let other = values.1[index] else { return nil }
                meter.add(mine, other, rows: run.rows)
            }
            return meter.distance
        }
    }

    /// Returns the values of one model, each in all runs; nil for those that are no tensors.
    private func values(_ names: [String], _ index: Int) throws(Failure) -> [[Tensor?]] {
        let (side, rows) = sides[index]
        var wanted: [String] = []
        for name in names where !wanted.containsName(name) { wanted.append(name) }
        let session = try side.model.reduced(to: wanted).session(options, path: side.path)
        let run = rows.run(for: session.outputs.map(\.name), of: session)
        var found: [[Tensor?]] = wanted.map { _ in [] }
        for kept in kept.runs {
            try interruption.check()
            let values: [EngineValue]
            do throws(EngineError) {
                values = try run.raw(kept.tensors, rows: kept.rows, cancellation: interruption.engine)
            } catch { throw Failure(loading: error, place: side.path) }
            for (index, value) in values.enumerated() { found[index].append(value.tensor) }
        }
        return names.map { name in found[wanted.firstIndex { $0.isName(name) }!] }
    }
}
