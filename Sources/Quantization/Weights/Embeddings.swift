import ONNX
import Tensors

/// Stores the tables that Gather reads as int8, with a scale for each row: `Gather(integers, ids) * Gather(scales, ids)`. Only rows that
/// are read become float.
struct Embeddings {
    /// The size below which a table stays as it is, since what it saves is not worth three more nodes.
    static let leastElements = 1 << 14

    /// The names of the integers and the scales of each table.
    private var tables: [String: (integers: String, scales: String)] = [:]

    /// Appends the nodes that read a table, whose result keeps its name. Returns false for other nodes, and where the table stays.
    mutating func replace(_ node: Node, in rewriting: inout GraphRewriting) throws(QuantizationError) -> Bool {
        guard node.qualifiedType == "Gather", node.attribute("axis")?.int ?? 0 == 0, node.inputs.count == 2,
            let table = rewriting.constant(node.inputs[0]), table.elementType == .float32, table.shape.rank == 2,
            let count = table.elementCount, count >= Self.leastElements
        else { return false }
        if rewriting.exclude.contains(node.label) {
            rewriting.leave(node.label, .excluded)
            return false
        }
        guard let made = try self.table(table, in: &rewriting) else {
            rewriting.leave(node.label, .notFinite)
            return false
        }
        let stem = node.outputs[0]
        let integers = rewriting.add("Gather", [made.integers, node.inputs[1]], stem: stem + "/int8")
        let scales = rewriting.add("Gather", [made.scales, node.inputs[1]], stem: stem + "/scales")
        let wide = rewriting.add("Cast", [integers], [.castTo(.float32)], stem: stem + "/wide")
        _ = rewriting.add("Mul", [wide, scales], output: node.outputs[0], name: node.name)
        rewriting.noteQuantized(node.label)
        return true
    }

    private mutating func table(
        _ table: StoredTensor, in rewriting: inout GraphRewriting
    ) throws(QuantizationError) -> (integers: String, scales: String)? {
        if let known = tables[table.name] { return known }
        let made = try rewriting.tensor(table).withFloats { (numbers) throws(QuantizationError) -> (integers: String, scales: String)? in
            let shape = table.shape.dimensions
            guard let grid = WeightGrid(numbers, shape, .channels(axis: 0), WeightLevels.full.range) else { return nil }
            return (
                try rewriting.int8(numbers, grid, stem: table.name + "/int8"),
                try rewriting.floats(grid.scales, [shape[0], 1], stem: table.name + "/scales")
            )
        }
        tables[table.name] = made
        return made
    }
}

extension GraphRewriting {
    /// Adds a weight as int8 in its own layout, and returns its name.
    mutating func int8(_ numbers: UnsafeBufferPointer<Float>, _ grid: WeightGrid, stem: String) throws(QuantizationError) -> String {
        try weight(.int8, Shape(grid.shape), stem: stem) { range, bytes in
            for (offset, position) in range.enumerated() {
                bytes[offset] = UInt8(truncatingIfNeeded: grid.integer(numbers[position], at: position))
            }
        }
    }

    /// Adds a weight as int4 in its own layout, two in a byte with the first in the low half, and returns its name.
    mutating func int4(_ numbers: UnsafeBufferPointer<Float>, _ grid: WeightGrid, stem: String) throws(QuantizationError) -> String {
        try weight(.int4, Shape(grid.shape), stem: stem) { range, bytes in
            for (offset, position) in range.enumerated() {
                let half = UInt8(truncatingIfNeeded: grid.integer(numbers[position], at: position)) & 15
                bytes[offset / 2] = offset % 2 == 0 ? half : bytes[offset / 2] | half << 4
            }
        }
    }
}
