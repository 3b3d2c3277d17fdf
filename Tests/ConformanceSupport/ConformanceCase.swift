package import Engine
package import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors

/// One of the ONNX project's node tests, on disk as `Scripts/onnx-conformance` writes them.
package struct ConformanceCase: Sendable {
    package let name: String
    package let directory: URL

    /// `.deps/conformance/VERSION/KIND`, or what `MILLRACE_CONFORMANCE` names instead of `.deps/conformance`.
    package static func all(version: String, kinds: [String] = ["node"]) throws -> [ConformanceCase] {
        let environment = ProcessInfo.processInfo.environment["MILLRACE_CONFORMANCE"]
        let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let root = environment.map { URL(fileURLWithPath: $0) } ?? checkout.appendingPathComponent(".deps/conformance")
        guard FileManager.default.fileExists(atPath: root.appendingPathComponent(version).path) else {
            throw MissingData(description: "\(root.path)/\(version) is missing: run Scripts/onnx-conformance")
        }
        return try kinds.flatMap { kind in
            let folder = root.appendingPathComponent(version).appendingPathComponent(kind)
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
                ConformanceCase(name: name, directory: folder.appendingPathComponent(name))
            }
        }
    }

    package struct MissingData: Error, CustomStringConvertible { package let description: String }

    package func modelBytes() throws -> Data { try Data(contentsOf: directory.appendingPathComponent("model.onnx")) }

    /// The model with the first axis of all inputs open, where that has one extent, and with it the first axes of outputs that have it too.
    package func modelBytesWithOpenRows() throws -> Data? {
        var model = try Onnx_ModelProto(serializedBytes: modelBytes())
        let first = model.graph.input.map { $0.type.tensorType.shape.dim.first?.dimValue ?? 0 }
        guard let rows = first.first, rows > 0, first.allSatisfy({ $0 == rows }) else { return nil }
        for index in model.graph.input.indices { model.graph.input[index].type.tensorType.shape.dim[0].dimParam = "N" }
        for index in model.graph.output.indices where model.graph.output[index].type.tensorType.shape.dim.first?.dimValue == rows {
            model.graph.output[index].type.tensorType.shape.dim[0].dimParam = "N"
        }
        return try model.serializedData()
    }

    package struct DataSet: Sendable {
        package let inputs: [(name: String, value: EngineValue)]
        package let expected: [(name: String, value: EngineValue)]
    }

    /// The recorded inputs and outputs, named and typed by `model`, the serialized model.
    package func dataSets(of model: Data) throws -> [DataSet] {
        let model = try Onnx_ModelProto(serializedBytes: model)
        var sets: [DataSet] = []
        while true {
            let folder = directory.appendingPathComponent("test_data_set_\(sets.count)")
            guard FileManager.default.fileExists(atPath: folder.path) else { return sets }
            func read(_ kind: String, _ infos: [Onnx_ValueInfoProto]) throws -> [(name: String, value: EngineValue)] {
                var values: [(name: String, value: EngineValue)] = []
                for (index, info) in infos.enumerated() {
                    guard let bytes = try? Data(contentsOf: folder.appendingPathComponent("\(kind)_\(index).pb")) else { continue }
                    values.append((info.name, try WireValues.value(bytes, type: info.type)))
                }
                return values
            }
            sets.append(DataSet(inputs: try read("input", model.graph.input), expected: try read("output", model.graph.output)))
        }
    }

    /// `nil` when every data set gives what it should.
    package func run(_ options: SessionOptions) -> ConformanceFailure? {
        do {
            let bytes = try modelBytes()
            let session: Session
            do { session = try Session(model: bytes, options: options) } catch {
                return ConformanceFailure(loading: error)
            }
            for set in try dataSets(of: bytes) {
                let outputs: [EngineValue]
                do { outputs = try session.run(set.inputs, outputs: set.expected.map(\.name)) } catch {
                    return ConformanceFailure(category: .run, detail: "\(error)")
                }
                for (output, expected) in zip(outputs, set.expected) {
                    if let difference = ValueComparison.difference(output, expected.value) {
                        return ConformanceFailure(category: .value, detail: "\(expected.name): \(difference)")
                    }
                }
            }
            return nil
        } catch { return ConformanceFailure(category: .test, detail: "\(error)") }
    }
}

package struct ConformanceFailure: Sendable {
    package enum Category: String, CaseIterable, Sendable {
        /// The runtime has no kernel for the operator at this version and element type, or does not know the operator.
        case kernel, `operator`
        /// The runtime does not carry an element type.
        case type
        /// The runtime refuses the model for another reason.
        case model
        /// The run fails.
        case run
        /// The result differs from the reference.
        case value
        /// The files of the case cannot be read.
        case test
    }

    package let category: Category
    package let detail: String

    init(category: Category, detail: String) {
        self.category = category
        self.detail = detail
    }

    init(loading error: EngineError) {
        switch error {
        case .unsupportedOperator(let name, _, let detail, _):
            self.init(category: detail.hasPrefix("no kernel") ? .kernel : .operator, detail: name)
        case .unsupportedElementType(_, let type, _, _): self.init(category: .type, detail: type)
        default: self.init(category: .model, detail: "\(error)")
        }
    }
}
