package import ONNX
import Tensors

/// Models of a few kilobytes of which an engine makes far more, with inputs `x [N]` and `c` and the output `y`; and small ones alike.
package enum BombModels {
    static let rows = ValueType.tensor(.float32, [.symbolic("N")])
    static let flag = ValueType.tensor(.bool, [])

    package static func integers(_ name: String, _ values: [Int64]) -> StoredTensor { StoredTensor(name, .int64, [values.count], values) }

    package static func model(_ nodes: [Node], _ initializers: [StoredTensor] = [], functions: [Function] = []) -> Model {
        let graph = Graph(
            name: "g", nodes: nodes, inputs: [Value("x", rows), Value("c", flag)], outputs: [Value("y", nil)], initializers: initializers)
        var model = Model(
            operatorSets: [OperatorSet(domain: "", version: 17), OperatorSet(domain: "f", version: 1)], graph: graph)
        model.functions = functions
        return model
    }

    package static func chain(_ count: Int) -> Model {
        model((0..<count).map { Node("Neg", [$0 == 0 ? "x" : "v\($0)"], [$0 == count - 1 ? "y" : "v\($0 + 1)"]) })
    }

    /// Functions `f0`, `f1`, … each of which calls the next `calls` times; the last is one Neg.
    package static func functions(_ count: Int, calls: Int = 2) -> Model {
        let functions = (0..<count).map { number in
            let names = ["x"] + (1..<max(calls, 1)).map { "v\($0)" } + ["y"]
            let nodes =
                number == count - 1
                ? [Node("Neg", ["x"], ["y"])]
                : (0..<calls).map { Node("f\(number + 1)", [names[$0]], [names[$0 + 1]], domain: "f") }
            return Function(
                domain: "f", name: "f\(number)", inputs: ["x"], outputs: ["y"], nodes: nodes,
                operatorSets: [OperatorSet(domain: "", version: 17), OperatorSet(domain: "f", version: 1)])
        }
        return model([Node("f0", ["x"], ["y"], domain: "f")], functions: functions)
    }

    static func branch(_ output: String, _ nodes: [Node] = []) -> Graph {
        Graph(name: output, nodes: nodes + [Node("Identity", ["x"], [output])], outputs: [Value(output, nil)])
    }

    static func condition(_ output: String, _ then: [Node] = []) -> Node {
        Node(
            "If", ["c"], [output],
            [
                Attribute("then_branch", .graph(branch(output + "t", then))), Attribute("else_branch", .graph(branch(output + "e"))),
            ])
    }

    /// `values` Negs, and an If over them that holds `inner` Ifs.
    package static func conditions(values: Int, inner: Int) -> Model {
        model(
            (0..<values).map { Node("Neg", ["x"], ["v\($0)"]) } + [condition("y", (0..<inner).map { condition("i\($0)") })])
    }

    /// A loop of `M` turns that carries `value`; `end`: what makes the body's condition `on` of its condition `k` and iteration `i`.
    package static func loop(
        count: String = "M", condition: String = "yes", _ value: String, _ output: String, inner: [Node] = [], result: String = "a",
        end: [Node] = [Node("Identity", ["k"], ["on"])]
    ) -> Node {
        let body = Graph(
            name: "body", nodes: end + inner + [Node("Neg", [result], [output + "b"])],
            inputs: [Value("i", .tensor(.int64, [])), Value("k", flag), Value("a", rows)],
            outputs: [Value("on", flag), Value(output + "b", rows)])
        return Node("Loop", [count, condition, value], [output], [Attribute("body", .graph(body))])
    }

    package static func loops(_ turns: Int64, _ node: Node, constants: [StoredTensor] = []) -> Model {
        model(
            [node],
            [
                StoredTensor("M", .int64, [], [turns]), StoredTensor("yes", .bool, [], [true]),
                StoredTensor("ten", .int64, [], [10 as Int64]),
            ]
                + constants)
    }

    /// The product of `count` matrices `[n, n]` of constants, added to the input.
    package static func products(_ count: Int, _ n: Int64) -> Model {
        let first = Node("ConstantOfShape", ["shape"], ["p0"])
        let products = (0..<count).map { Node("MatMul", ["p\($0)", "p0"], ["p\($0 + 1)"]) }
        return model(
            [first] + products + [
                Node("ReduceMax", ["p\(count)"], ["m"], [Attribute("keepdims", .int(0))]), Node("Add", ["x", "m"], ["y"]),
            ],
            [integers("shape", [n, n])])
    }
}
