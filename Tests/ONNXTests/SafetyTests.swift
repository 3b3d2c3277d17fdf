import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors
import Testing

@testable import ONNX

@Suite struct SafetyTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        /// Part of the message that an operator reads.
        let words: String
        let plant: @Sendable (inout Onnx_ModelProto) -> Void
        var testDescription: String { name }

        init(_ name: String, _ words: String, _ plant: @escaping @Sendable (inout Onnx_ModelProto) -> Void) {
            self.name = name
            self.words = words
            self.plant = plant
        }
    }

    private static func function(_ name: String, calls: String) -> Onnx_FunctionProto {
        .with {
            $0.name = name; $0.domain = "mine"; $0.input = ["a"]; $0.output = ["b"]
            $0.node = [
                .with {
                    $0.opType = calls; $0.domain = "mine"; $0.input = ["a"]; $0.output = ["b"]
                }
            ]
            $0.opsetImport = [
                .with {
                    $0.domain = "mine"; $0.version = 1
                }
            ]
        }
    }

    static let faults: [Fault] = [
        Fault("no graph", "no graph") { $0.clearGraph() },
        Fault("no IR version", "IR version") { $0.clearIrVersion() },
        Fault("no opset", "no operator set") { $0.opsetImport = [] },
        Fault("opset zero", "version 0") { $0.opsetImport[0].version = 0 },
        Fault("raw too short", "20 bytes of raw data") { $0.graph.initializer[0].rawData.removeLast(4) },
        Fault("raw too long", "25 bytes of raw data") { $0.graph.initializer[0].rawData.append(0) },
        Fault("no data at all", "0 entries in float_data") { $0.graph.initializer[0].clearRawData() },
        Fault("two kinds of data", "at once") { $0.graph.initializer[0].floatData = [1, 2, 3, 4, 5, 6] },
        Fault("data in another type's list", "entries in float_data") {
            $0.graph.initializer[0].clearRawData(); $0.graph.initializer[0].int32Data = [1, 2, 3, 4, 5, 6]
        },
        Fault("negative dimension", "negative dimension -2") { $0.graph.initializer[0].dims = [-2, -3] },
        Fault("overflowing dimensions", "too large") { $0.graph.initializer[0].dims = [1 << 40, 1 << 40] },
        Fault("dimensions overflowing to fit", "too large") { $0.graph.initializer[0].dims = [1 << 62, 1 << 2, 6] },
        Fault("bytes overflowing", "too large") { $0.graph.initializer[0].dims = [1 << 62] },
        Fault("undefined element type", "element type 0") { $0.graph.initializer[0].dataType = 0 },
        Fault("unknown element type", "element type 99") { $0.graph.initializer[0].dataType = 99 },
        Fault("raw strings", "strings cannot be raw") { $0.graph.initializer[0].dataType = 8 },
        Fault("segment", "segments") { $0.graph.initializer[0].segment.begin = 0 },
        Fault("unknown data location", "data location 7") { $0.graph.initializer[0].dataLocation = 7 },
        Fault("undeclared external data", "not declared external") {
            $0.graph.initializer[0].externalData = [
                .with {
                    $0.key = "location"; $0.value = "w"
                }
            ]
        },
        Fault("nameless initializer", "no name") { $0.graph.initializer[0].clearName() },
        Fault("initializer twice", "two initializers") { $0.graph.initializer.append($0.graph.initializer[0]) },
        Fault("input twice", "two inputs") { $0.graph.input.append($0.graph.input[0]) },
        Fault("input without type", "no type") { $0.graph.input[0].clearType() },
        Fault("input too large", "too large") {
            $0.graph.input[0].type.tensorType.shape.dim = [.with { $0.dimValue = 1 << 62 }, .with { $0.dimValue = 1 << 62 }]
        },
        Fault("no outputs", "no outputs") { $0.graph.output = [] },
        Fault("output that nothing makes", "nothing makes its output 'other'") { $0.graph.output[0].name = "other" },
        Fault("input that nothing makes", "'ghost', which nothing makes") { $0.graph.node[0].input[1] = "ghost" },
        Fault("made twice", "made already") { $0.graph.node.append($0.graph.node[0]) },
        Fault("out of order", "before the node that makes it") {
            $0.graph.node.insert(
                .with {
                    $0.opType = "Relu"; $0.input = ["y"]; $0.output = ["z"]
                }, at: 0)
        },
        Fault("reads itself", "before the node that makes it") { $0.graph.node[0].input[0] = "y" },
        Fault("no operator type", "no operator type") { $0.graph.node[0].clearOpType() },
        Fault("domain not imported", "domain 'com.example'") { $0.graph.node[0].domain = "com.example" },
        Fault("attribute twice", "two of its attributes") {
            $0.graph.node[0].attribute = [
                .with {
                    $0.name = "a"; $0.type = 2; $0.i = 1
                },
                .with {
                    $0.name = "a"; $0.type = 2; $0.i = 2
                },
            ]
        },
        Fault("attribute of two types", "another type") {
            $0.graph.node[0].attribute = [
                .with {
                    $0.name = "a"; $0.type = 2; $0.f = 1
                }
            ]
        },
        Fault("reference outside a function", "outside a function") {
            $0.graph.node[0].attribute = [
                .with {
                    $0.name = "a"; $0.type = 2; $0.refAttrName = "b"
                }
            ]
        },
        Fault("bad tensor in a subgraph", "raw data") { model in
            model.graph.node[0].attribute = [
                .with {
                    $0.name = "g"; $0.type = 5;
                    $0.g.initializer = [
                        .with {
                            $0.name = "t"; $0.dataType = 1; $0.dims = [2]; $0.rawData = Data([0])
                        }
                    ]
                }
            ]
        },
        Fault("sparse index outside", "lies outside") { model in
            model.graph.sparseInitializer = [
                .with {
                    $0.dims = [4]
                    $0.values = .with {
                        $0.name = "s"; $0.dataType = 1; $0.dims = [1]; $0.floatData = [1]
                    }
                    $0.indices = .with {
                        $0.dataType = 7; $0.dims = [1]; $0.int64Data = [4]
                    }
                }
            ]
        },
        Fault("function twice", "defined twice") { $0.functions = [function("f", calls: "Relu"), function("f", calls: "Relu")] },
        Fault("function calls itself", "calls itself") { $0.functions = [function("f", calls: "f")] },
        Fault("functions in a ring", "calls itself") { $0.functions = [function("f", calls: "g"), function("g", calls: "f")] },
    ]

    @Test func theModelWithoutFaultsPasses() throws { try matrixModel().safetyCheck() }

    @Test(arguments: faults)
    func eachFaultIsNamed(_ fault: Fault) throws {
        var proto = matrixModel().proto
        fault.plant(&proto)
        let bytes = try proto.serializedData(partial: true)
        let model = try Model(serialized: bytes)
        #expect(try model.serialized() == bytes)
        let error = #expect(throws: ONNXError.self) { try model.safetyCheck() }
        #expect(error?.description.contains(fault.words) == true, "\(String(describing: error))")
    }
}
