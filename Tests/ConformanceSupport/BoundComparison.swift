package import Engine
package import Tensors

/// Runs a model through `BoundSession` and plainly over the same rows, and compares every output. The memory of a bound output is filled
/// with other bytes before each run but the first, so that what the engine does not write is seen.
///
/// The batches are: all rows; the same number in another order; one row more, where the model lets it; and the short last batch of one row.
package struct BoundComparison {
    package enum Outcome: Equatable {
        case same
        /// No row can fill the model, or an output is refused by name, or the plain run fails too.
        case refused(String)
        /// The plain run does not repeat itself.
        case random
        case different(String)
    }

    private let session: Session
    private let rows: [String: Tensor]

    /// - Parameter rows: a tensor for each input, whose first axis is the rows.
    package init(_ session: Session, rows: [String: Tensor]) {
        self.session = session
        self.rows = rows
    }

    package func run() -> Outcome {
        let plan: BatchPlan
        do { plan = try BatchPlan(of: session, rowShapes: rows.mapValues { Shape(Array($0.shape.dimensions.dropFirst())) }) } catch {
            return .refused("\(error)")
        }
        guard let count = plan.inputs.first.flatMap({ rows[$0.name]?.shape.dimensions.first }), count > 0,
            plan.inputs.allSatisfy({ rows[$0.name]?.shape.dimensions.first == count })
        else { return .refused("no rows, or not equally many for each input") }
        let bound: BoundSession
        do { bound = try BoundSession(session, plan: plan, capacity: count + 1) } catch { return .refused("\(error)") }
        var order = [Array(0..<count), Array((0..<count).reversed())]
        if plan.fixedRows == nil { order.append(Array(0..<count) + [0]) }
        order.append([count - 1])
        var runs = 0
        for picked in order {
            // The rows of a fixed batch are made up with the last.
            let whole = plan.fixedRows.map { picked + Array(repeating: picked[picked.count - 1], count: $0 - picked.count) } ?? picked
            let feeds = plan.inputs.map { (name: $0.name, value: EngineValue.tensor(rows[$0.name]!.picking(whole))) }
            let plain: [EngineValue]
            do { plain = try session.run(feeds) } catch {
                if runs == 0 { return .refused("\(error)") }
                continue
            }
            for (position, input) in plan.inputs.enumerated() {
                let tensor = rows[input.name]!.picking(picked)
                if let strings = tensor.strings {
                    bound.setStrings(strings, position)
                } else {
                    bound.buffer(position).mutableBytes.copyMemory(from: tensor.bytes)
                }
            }
            let got: [EngineValue]
            do { got = try bound.run(rows: picked.count) } catch {
                if case .noBatchAxis = error { return .refused("\(error)") }
                return .different("\(picked.count) rows: \(error)")
            }
            for (info, (value, expected)) in zip(session.outputs, zip(got, plain)) {
                let wanted = expected.cut(to: picked.count)
                if ValueComparison.identical(value, wanted) { continue }
                if let again = try? session.run(feeds), let index = session.outputs.firstIndex(of: info),
                    !ValueComparison.identical(again[index], expected)
                {
                    return .random
                }
                return .different(
                    "output '\(info.name)', \(picked.count) rows: \(ValueComparison.difference(value, wanted) ?? "bytes differ")")
            }
            for case .tensor(let tensor) in got {
                if case .buffer(let buffer) = tensor.storage {
                    for index in buffer.mutableBytes.indices { buffer.mutableBytes[index] = 0xA5 }
                }
            }
            runs += 1
        }
        return .same
    }
}

extension EngineValue {
    fileprivate func cut(to rows: Int) -> EngineValue {
        switch self {
        case .tensor(let tensor) where tensor.shape.rank > 0: .tensor(tensor.picking(Array(0..<rows)))
        case .sequence(let elements): .sequence(Array(elements.prefix(rows)))
        default: self
        }
    }
}

extension Tensor {
    /// The rows at these positions. Rows of less than a byte can only be taken from the first on.
    package func picking(_ picked: [Int]) -> Tensor {
        let shape = Shape([picked.count] + self.shape.dimensions.dropFirst())
        let width = self.shape.dimensions.dropFirst().reduce(1, *)
        if let strings { return Tensor(strings: picked.flatMap { strings[$0 * width..<($0 + 1) * width] }, shape: shape) }
        let made = TensorBuffer(byteCount: elementType.byteCount(elements: picked.count * width) ?? 0)
        let rowBits = width * (elementType.bitWidth ?? 8)
        guard rowBits % 8 == 0 else {
            made.mutableBytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(made.byteCount)))
            return Tensor(elementType: elementType, shape: shape, buffer: made)
        }
        for (row, source) in picked.enumerated() {
            let range = source * rowBits / 8..<(source + 1) * rowBits / 8
            if range.isEmpty { continue }
            (made.address + row * rowBits / 8).copyMemory(from: bytes.baseAddress! + range.lowerBound, byteCount: range.count)
        }
        return Tensor(elementType: elementType, shape: shape, buffer: made)
    }
}
