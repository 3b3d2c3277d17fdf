import Reasons
import Tensors

/// Holds the facts that `millrace inspect` shows of a model. It is encoded to JSON under these names.
package struct Inspection: Sendable, Codable, Equatable {
    package struct ValueDescription: Sendable, Codable, Equatable {
        package var name: String
        package var type: String
        /// The element type in ONNX's spelling (`float`, `int64`, `string`); absent for sequences and maps.
        package var elementType: String?
        /// The extents: numbers as text, symbolic names, or `?`; absent where the rank is unknown.
        package var dimensions: [String]?
    }

    package struct OperatorSetImport: Sendable, Codable, Equatable {
        package var domain: String
        package var version: Int64
    }

    package var inputs: [ValueDescription]
    package var outputs: [ValueDescription]
    package var operatorSets: [OperatorSetImport]
    package var irVersion: Int64
    package var producer: String
    package var graphName: String
    package var nodeCount: Int
    /// The count of numbers in initializers and sparse initializers and of floating point numbers in Constant nodes, including subgraphs
    /// and functions.
    package var parameterCount: Int
    package var parameterBytes: Int
    /// The number of nodes of each qualified type, subgraphs included; calls of the model's own functions count as calls.
    package var operatorCounts: [String: Int]
    package var functions: [String]
    package var metadata: [String: String]
    package var externalData: [String]
}

extension Model {
    package func inspection() -> Inspection {
        var parameters = 0
        var bytes = 0
        func count(_ tensor: StoredTensor) {
            parameters = parameters.addingReportingOverflow(tensor.elementCount ?? 0).partialValue
            bytes = bytes.addingReportingOverflow(tensor.byteCount ?? 0).partialValue
        }
        func countParameters(_ graph: Graph) {
            graph.initializers.forEach(count)
            for sparse in graph.sparseInitializers { count(sparse.values) }
            for node in graph.nodes {
                // Integers in Constant nodes are shapes and axes.
                if node.qualifiedType == "Constant", let tensor = node.constantTensor, tensor.elementType?.isFloatingPoint ?? false {
                    count(tensor)
                }
                if case .sparseTensor(let sparse)? = node[attribute: "sparse_value"] { count(sparse.values) }
                node.subgraphs.forEach(countParameters)
            }
        }
        countParameters(graph)
        for function in functions { countParameters(function.body) }
        var operators: [String: Int] = [:]
        var nodes = 0
        graph.forEachNode { node in
            operators[node.qualifiedType, default: 0] += 1
            nodes += 1
        }
        let producer = [producerName, producerVersion].filter { !$0.isEmpty }.joined(separator: " ")
        return Inspection(
            inputs: graph.requiredInputs.map(Inspection.ValueDescription.init),
            outputs: graph.outputs.map(Inspection.ValueDescription.init),
            operatorSets: operatorSets.merged.map { .init(domain: $0.domain.isEmpty ? "ai.onnx" : $0.domain, version: $0.version) },
            irVersion: irVersion, producer: producer, graphName: graph.name, nodeCount: nodes, parameterCount: parameters,
            parameterBytes: bytes, operatorCounts: operators,
            functions: functions.map { $0.domain.isEmpty ? $0.name : $0.domain + "." + $0.name }, metadata: metadata.dictionary,
            externalData: externalDataLocations)
    }
}

extension Inspection.ValueDescription {
    init(_ value: Value) {
        let type = value.type
        self.init(
            name: value.name, type: type?.description ?? "unknown", elementType: type?.elementType?.name,
            dimensions: type?.dimensions?.map(\.description))
    }
}

extension Inspection: CustomStringConvertible {
    package var description: String {
        var lines: [String] = []
        func section(_ title: String, _ rows: [(String, String)]) {
            guard !rows.isEmpty else { return }
            let rows = rows.map { ($0.0.printable, $0.1.printable) }
            lines.append(title)
            let width = rows.map(\.0.count).max() ?? 0
            for (name, value) in rows {
                lines.append("  " + name + String(repeating: " ", count: width - name.count) + "  " + value)
            }
        }
        section("inputs", inputs.map { ($0.name, $0.type) })
        section("outputs", outputs.map { ($0.name, $0.type) })
        section(
            "model",
            [
                ("opset", operatorSets.map { "\($0.domain) \($0.version)" }.joined(separator: ", ")),
                ("IR version", "\(irVersion)"),
                ("producer", producer.isEmpty ? "not stated" : producer),
                ("graph", graphName),
                ("parameters", "\(parameterCount)"),
                ("parameter bytes", "\(parameterBytes)"),
                ("nodes", "\(nodeCount)"),
            ])
        section("external data", externalData.map { ($0, "") })
        section(
            "operators",
            operatorCounts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }.map { ($0.key, "\($0.value)") })
        section("functions", functions.map { ($0, "") })
        section("metadata", metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        return lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
    }
}
