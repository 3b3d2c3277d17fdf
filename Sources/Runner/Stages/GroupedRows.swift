import Columnar
import Engine
import Names
import Tensors

/// Joins the outputs of rows that go to the model in groups, since their lists differ in length, in the order of the rows.
struct GroupedRows {
    struct Output {
        let name: String
        let axes: OutputAxes

        /// - Parameter axis: the axis of the rows; nil where the output has none.
        init(_ output: ValueInfo, axis: Int? = 0) {
            name = output.name
            // An output without dimensions is a scalar, or its shape is not stated.
            axes = OutputAxes(
                output.dimensions.flatMap { dimensions in
                    dimensions.isEmpty
                        ? nil
                        : dimensions.enumerated().filter { $0.offset != axis }
                            .map { OutputAxes.Axis(extent: $0.element.value, name: $0.element.symbol) }
                })
            isTensor = output.dimensions != nil
        }

        fileprivate let isTensor: Bool
    }

    let outputs: [Output]

    /// Returns whether it is known, for every output, which part of it belongs to a row, whatever rows are in the same run.
    func mayMixLengths(of inputs: [ModelInput]) -> Bool {
        let names = NameSet(inputs.flatMap { zip($0.dimensions, $0.symbols).dropFirst().compactMap { $0 == nil ? $1 : nil } })
        return outputs.allSatisfy { !$0.isTensor || $0.axes.areAllAmong(names) }
    }

    /// - Parameter results: the outputs for each group of the batch.
    func merged(_ results: [[EngineValue]], _ batch: InputBatch, listAxes: NameSet) throws(ColumnarError) -> [OutputValue] {
        var merged: [OutputValue] = []
        for (index, output) in outputs.enumerated() {
            let values = results.map { $0[index] }
            let tensors = values.compactMap(\.tensor)
            if tensors.count == values.count {
                merged.append(try .merging(tensors, of: batch.groups, output: output.name, axes: output.axes, listAxes: listAxes))
                continue
            }
            var rows = [EngineValue](repeating: .none, count: batch.rowCount)
            for case (let group, .sequence(let elements)) in zip(batch.groups, values) {
                for (row, element) in zip(group.rows, elements) { rows[row] = element }
            }
            merged.append(try OutputValue(output.name, .sequence(rows)))
        }
        return merged
    }
}

extension OutputValue {
    /// Makes the value of an output from one run.
    init(_ name: String, _ value: EngineValue) throws(ColumnarError) {
        if let tensor = value.tensor {
            self = .tensor(tensor)
        } else if let map = MapColumns(value) {
            self = .labelled(keys: map.keys, values: map.values)
        } else {
            throw .badRule(
                "model output \"\(name)\" is neither a tensor nor a sequence of maps with the same keys: leave it out with forward.outputs")
        }
    }
}
