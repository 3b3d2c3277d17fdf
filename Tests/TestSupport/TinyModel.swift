import Foundation

/// Small ONNX models written field by field, so that tests of whole pipelines do not depend on our own serializer.
package enum TinyModel {
    /// `y = x + addend` for float `x` of shape `[N, 1]`.
    package static func adding(_ addend: Float, input: String = "x", output: String = "y") -> [UInt8] {
        let constant = message([
            .varint(1, 1), .varint(2, 1), .bytes(8, "addend"), .bytes(9, withUnsafeBytes(of: addend.bitPattern.littleEndian) { Array($0) }),
        ])
        let node = message([.bytes(1, input), .bytes(1, "addend"), .bytes(2, output), .bytes(3, "add"), .bytes(4, "Add")])
        return model(graph: [
            .bytes(1, node), .bytes(2, "adding"), .bytes(5, constant), .bytes(11, column(input)), .bytes(12, column(output)),
        ])
    }

    /// `y = x + o W` with `o` a column of ones and `W [1, 1]` the addend: a product, so that adapters have something to stand beside.
    package static func addingProduct(_ addend: Float) -> [UInt8] {
        func tensor(_ name: String, _ shape: [UInt64], _ value: Float) -> [UInt8] {
            message(
                shape.map { .varint(1, $0) } + [
                    .varint(2, 1), .bytes(8, name), .bytes(9, withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }),
                ])
        }
        func node(_ type: String, _ inputs: [String], _ output: String) -> Field {
            .bytes(1, message(inputs.map { .bytes(1, $0) } + [.bytes(2, output), .bytes(3, output), .bytes(4, type)]))
        }
        return model(graph: [
            node("Mul", ["x", "zero"], "zeros"), node("Add", ["zeros", "one"], "ones"), node("MatMul", ["ones", "addend"], "product"),
            node("Add", ["x", "product"], "y"), .bytes(2, "adding"), .bytes(5, tensor("addend", [1, 1], addend)),
            .bytes(5, tensor("zero", [1], 0)),
            .bytes(5, tensor("one", [1], 1)), .bytes(11, column("x")), .bytes(12, column("y")),
        ])
    }

    /// `y = x + n` with `n` the largest of the `x`, cut to a whole number: a Loop adds 1 so many times, so that data decides how long a run
    /// takes.
    package static func counting() -> [UInt8] {
        func value(_ name: String, type: UInt64, _ dimensions: [[UInt8]]) -> [UInt8] {
            let tensor = message([.varint(1, type), .bytes(2, message(dimensions.map { .bytes(1, $0) }))])
            return message([.bytes(1, name), .bytes(2, message([.bytes(1, tensor)]))])
        }
        func node(_ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [[UInt8]] = []) -> [UInt8] {
            message(
                inputs.map { .bytes(1, $0) } + outputs.map { .bytes(2, $0) } + [.bytes(3, outputs[0]), .bytes(4, type)]
                    + attributes.map { .bytes(5, $0) })
        }
        func integer(_ name: String, _ number: UInt64) -> [UInt8] { message([.bytes(1, name), .varint(3, number), .varint(20, 2)]) }
        let one = message([
            .varint(1, 1), .varint(2, 1), .bytes(8, "one"), .bytes(9, withUnsafeBytes(of: Float(1).bitPattern.littleEndian) { Array($0) }),
        ])
        let rows = [message([.bytes(2, "N")]), message([.varint(1, 1)])]
        let body = message([
            .bytes(1, node("Identity", ["condition"], ["again"])), .bytes(1, node("Add", ["sum", "one"], ["next"])), .bytes(2, "body"),
            .bytes(11, value("turn", type: 7, [])), .bytes(11, value("condition", type: 9, [])), .bytes(11, value("sum", type: 1, rows)),
            .bytes(12, value("again", type: 9, [])), .bytes(12, value("next", type: 1, rows)),
        ])
        return model(graph: [
            .bytes(1, node("ReduceMax", ["x"], ["largest"], [integer("keepdims", 0)])),
            .bytes(1, node("Cast", ["largest"], ["turns"], [integer("to", 7)])),
            .bytes(1, node("Loop", ["turns", "", "x"], ["y"], [message([.bytes(1, "body"), .bytes(6, body), .varint(20, 5)])])),
            .bytes(2, "counting"), .bytes(5, one), .bytes(11, column("x")), .bytes(12, column("y")),
        ])
    }

    /// One node of an operator that no engine has.
    package static func unknownOperator() -> [UInt8] {
        let node = message([.bytes(1, "x"), .bytes(2, "y"), .bytes(3, "odd"), .bytes(4, "NoSuchOperator")])
        return model(graph: [.bytes(1, node), .bytes(2, "odd"), .bytes(11, column("x")), .bytes(12, column("y"))])
    }

    /// `y = x + w` whose `w` lies in the file `location`, at `offset`, `length` bytes long.
    package static func withExternalData(location: String, offset: Int = 0, length: Int = 4) -> [UInt8] {
        func entry(_ key: String, _ value: String) -> [UInt8] { message([.bytes(1, key), .bytes(2, value)]) }
        let weights = message([
            .varint(1, 1), .varint(2, 1), .bytes(8, "w"), .bytes(13, entry("location", location)),
            .bytes(13, entry("offset", "\(offset)")), .bytes(13, entry("length", "\(length)")), .varint(14, 1),
        ])
        let node = message([.bytes(1, "x"), .bytes(1, "w"), .bytes(2, "y"), .bytes(3, "add"), .bytes(4, "Add")])
        return model(graph: [
            .bytes(1, node), .bytes(2, "external"), .bytes(5, weights), .bytes(11, column("x")), .bytes(12, column("y")),
        ])
    }

    /// `y = x + m` with `m` the largest of 300 numbers in the file `location`: so many that a version keeps them in a file of their own.
    package static func withLargeExternalData(location: String) -> [UInt8] {
        func entry(_ key: String, _ value: String) -> [UInt8] { message([.bytes(1, key), .bytes(2, value)]) }
        let weights = message([
            .varint(1, 300), .varint(2, 1), .bytes(8, "w"), .bytes(13, entry("location", location)), .bytes(13, entry("length", "1200")),
            .varint(14, 1),
        ])
        let keepsNone = message([.bytes(1, "keepdims"), .varint(3, 0), .varint(20, 2)])
        let largest = message([.bytes(1, "w"), .bytes(2, "m"), .bytes(3, "largest"), .bytes(4, "ReduceMax"), .bytes(5, keepsNone)])
        let sum = message([.bytes(1, "x"), .bytes(1, "m"), .bytes(2, "y"), .bytes(3, "add"), .bytes(4, "Add")])
        return model(graph: [
            .bytes(1, largest), .bytes(1, sum), .bytes(2, "external"), .bytes(5, weights), .bytes(11, column("x")), .bytes(12, column("y")),
        ])
    }

    private enum Field {
        case varint(Int, UInt64)
        case bytes(Int, [UInt8])
        static func bytes(_ number: Int, _ text: String) -> Field { .bytes(number, Array(text.utf8)) }
    }

    private static func model(graph: [Field]) -> [UInt8] {
        let opset = message([.bytes(1, ""), .varint(2, 13)])
        return message([.varint(1, 8), .bytes(2, "tests"), .bytes(7, message(graph)), .bytes(8, opset)])
    }

    /// A float value of shape `[N, 1]`.
    private static func column(_ name: String) -> [UInt8] {
        let shape = message([.bytes(1, message([.bytes(2, "N")])), .bytes(1, message([.varint(1, 1)]))])
        let tensor = message([.varint(1, 1), .bytes(2, shape)])
        return message([.bytes(1, name), .bytes(2, message([.bytes(1, tensor)]))])
    }

    private static func message(_ fields: [Field]) -> [UInt8] {
        var bytes: [UInt8] = []
        func put(_ value: UInt64) {
            var rest = value
            while rest >= 0x80 {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        for field in fields {
            switch field {
            case .varint(let number, let value):
                put(UInt64(number) << 3)
                put(value)
            case .bytes(let number, let content):
                put(UInt64(number) << 3 | 2)
                put(UInt64(content.count))
                bytes += content
            }
        }
        return bytes
    }
}
