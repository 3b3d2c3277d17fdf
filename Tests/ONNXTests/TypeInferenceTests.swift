import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors
import TestSupport
import Testing

@testable import ONNX

@Suite struct TypeInferenceTests {
    /// Cases where what ONNX states or expects is not what follows. May only shrink.
    static let exceptions: [String: String] = [:]

    /// What follows for each output, without what the model states about it, against the expected output itself.
    @Test(arguments: ConformanceSet.all)
    func whatFollowsAgreesWithTheExpectedOutputs(_ set: ConformanceSet) throws {
        var outputs = 0
        var ranked = 0
        var complete = 0
        var withoutRule: Set<String> = []
        for item in try set.cases() {
            let stated = try Model(serialized: item.model())
            var model = stated
            for position in model.graph.outputs.indices { model.graph.outputs[position].type = nil }
            let inferred: InferredTypes
            do throws(ONNXError) {
                inferred = try model.inferTypes()
                #expect(try stated.inferTypes().contradictions == [] || Self.exceptions[item.name] != nil, "\(item.name)")
            } catch {
                #expect(Self.exceptions[item.name] != nil, "\(item.name): \(error)")
                continue
            }
            withoutRule.formUnion(inferred.operatorsWithoutRule)
            for (position, output) in stated.graph.outputs.enumerated() {
                guard case .tensor(_, _)? = output.type,
                    let data = FileManager.default.contents(atPath: "\(item.directory)/test_data_set_0/output_\(position).pb")
                else { continue }
                let expected = StoredTensor(try Onnx_TensorProto(serializedBytes: data))
                outputs += 1
                guard case .tensor(let type, let extents)? = inferred[output.name] else { continue }
                let wrong =
                    (type != nil && type != expected.elementType)
                    || (extents.map { extents in
                        extents.count != expected.shape.rank
                            || zip(extents, expected.shape.dimensions).contains { $0.value != nil && $0.value != $1 }
                    } ?? false)
                #expect(
                    !wrong || Self.exceptions[item.name] != nil,
                    """
                    \(item.name): '\(output.name)' follows to be \(inferred[output.name]!), \
                    expected \(expected.elementType?.name ?? "")\(expected.shape)
                    """)
                guard type != nil || expected.elementType == nil, let extents else { continue }
                ranked += 1
                if extents.fixed != nil { complete += 1 }
            }
        }
        // The rest depends on values that only running tells. May only grow.
        #expect(ranked * 1000 >= outputs * 930, "rank known of \(ranked) of \(outputs)")
        #expect(complete * 1000 >= outputs * 780, "all extents known of \(complete) of \(outputs)")
        #expect(withoutRule.filter { !$0.hasPrefix("ai.onnx.preview.training.") } == [])
    }

    @Test func symbolicExtentsAreKeptThroughShapeArithmetic() throws {
        // y = Reshape(x, Concat(Shape(x)[0:1], [-1])), z = Transpose(y), as exporters flatten.
        let graph = Graph(
            nodes: [
                Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "zero"], ["n"], [Attribute("axis", .int(0))]),
                Node("Unsqueeze", ["n", "axes"], ["n1"]), Node("Concat", ["n1", "minus"], ["target"], [Attribute("axis", .int(0))]),
                Node("Reshape", ["x", "target"], ["y"]), Node("Transpose", ["y"], ["z"]),
            ],
            inputs: [Value("x", .tensor(.float16, [.symbolic("N"), .fixed(3), .fixed(4)]))], outputs: [Value("z", nil)],
            initializers: [
                StoredTensor("zero", .int64, [], [0] as [Int64]), StoredTensor("axes", .int64, [1], [0] as [Int64]),
                StoredTensor("minus", .int64, [1], [-1] as [Int64]),
            ])
        let model = Model(operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        let inferred = try model.inferTypes()
        #expect(inferred["target"] == .tensor(.int64, [.fixed(2)]))
        #expect(inferred["y"] == .tensor(.float16, [.symbolic("N"), .fixed(12)]))
        #expect(inferred["z"] == .tensor(.float16, [.fixed(12), .symbolic("N")]))
        #expect(["s", "n", "n1", "target", "y"].allSatisfy { inferred[$0] != nil })
    }

    @Test func aNodeThatCannotBeAppliedIsNamed() throws {
        var model = matrixModel()
        model.graph.inputs[0].type = .tensor(.float32, [.symbolic("N"), .fixed(5)])
        let error = #expect(throws: ONNXError.self) { try model.inferTypes() }
        #expect(
            error?.description.contains("node MatMul -> 'y': the inner extents differ: 5 against 2") == true, "\(String(describing: error))"
        )
    }

    @Test func whatTheFileStatesWronglyIsReported() throws {
        var model = matrixModel()
        model.graph.outputs[0].type = .tensor(.float32, [.symbolic("N"), .fixed(7)])
        let inferred = try model.inferTypes()
        #expect(inferred.contradictions.count == 1)
        #expect(inferred["y"] == .tensor(.float32, [.symbolic("N"), .fixed(3)]))
    }

    @Test func aFunctionIsSeenThroughWithItsAttributes() throws {
        var model = matrixModel()
        model.graph.nodes.append(Node("Turn", ["y"], ["t"], domain: "mine", [Attribute("order", .ints([1, 0]))]))
        model.graph.outputs[0] = Value("t", nil)
        model.functions = [
            Function(
                domain: "mine", name: "Turn", inputs: ["a"], outputs: ["b"],
                nodes: [Node("Transpose", ["a"], ["b"], [Attribute("perm", .reference("order", .ints))])],
                operatorSets: [OperatorSet(domain: "", version: 13)])
        ]
        #expect(try model.inferTypes()["t"] == .tensor(.float32, [.fixed(3), .symbolic("N")]))
    }

    /// Attributes are whatever a file says: no arithmetic on them may trap.
    @Test(arguments: [Int64.min, -1, 0, 1 << 40, .max])
    func absurdAttributesNeverTrap(_ number: Int64) throws {
        let input = Value("x", .tensor(.float32, [.fixed(1), .fixed(4), .fixed(6), .fixed(6)]))
        let filter = Value("w", .tensor(.float32, [.fixed(4), .fixed(4), .fixed(3), .fixed(3)]))
        let names = [
            "axis", "axes", "keepdims", "group", "kernel_shape", "strides", "pads", "dilations", "output_padding", "output_shape",
            "num_outputs", "split", "starts", "ends", "k", "blocksize", "hidden_size", "perm", "shape", "start", "end", "batch_dims",
            "num_scan_inputs", "scan_input_axes", "n_targets", "q_num_heads", "kv_num_heads", "sample_size", "inputdimensions", "to",
            "ngram_indexes", "noop_with_empty_axes", "num_loops", "ceil_mode", "output_height", "dtype",
        ]
        let scalars: Set<String> = [
            "axis", "keepdims", "group", "num_outputs", "k", "blocksize", "hidden_size", "start", "end", "batch_dims", "num_scan_inputs",
            "n_targets", "q_num_heads", "kv_num_heads", "sample_size", "to", "noop_with_empty_axes", "num_loops", "ceil_mode",
            "output_height", "dtype",
        ]
        for (domain, rules) in [
            ("", InferenceRules.standard), ("ai.onnx.ml", InferenceRules.machineLearning), ("ai.onnx.preview", InferenceRules.preview),
        ] {
            for type in rules.keys.sorted() {
                for version in [9, 22] as [Int64] {
                    for name in names {
                        let value: AttributeValue = scalars.contains(name) ? .int(number) : .ints([number, number])
                        var attributes = [Attribute(name, value)]
                        if name != "kernel_shape" { attributes.append(Attribute("kernel_shape", .ints([3, 3]))) }
                        let content = StoredTensor("c", .int64, [2], [number, number])
                        for inputs in [["x", "w", "w"], ["x", "c", "c", "c", "c"], ["c", "c", "c"]] {
                            let graph = Graph(
                                nodes: [Node(type, inputs, ["y", "z"], domain: domain, attributes)], inputs: [input, filter],
                                outputs: [Value("y", nil)], initializers: [content])
                            let model = Model(operatorSets: [OperatorSet(domain: domain, version: version)], graph: graph)
                            do throws(ONNXError) { _ = try model.inferTypes() } catch { #expect(!error.description.isEmpty) }
                        }
                    }
                }
            }
        }
    }
}
