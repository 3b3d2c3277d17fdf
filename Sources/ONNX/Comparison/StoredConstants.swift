import Foundation
import Names
import Tensors

/// Holds everything that a model stores as numbers or texts, by name: initializers, also those of subgraphs, the values of Constant nodes,
/// and tensors in other attributes.
struct StoredConstants {
    struct Entry {
        let name: String
        let tensor: StoredTensor
    }

    /// Stands for type, shape and bytes. Two contents are the same if they are equal, but for an accident of 1 in 2^64.
    struct Content: Hashable {
        let type: String
        let hash: Int
    }

    private(set) var entries: [Entry] = []
    let directory: ExternalDataDirectory?
    private var byName: NameMap<StoredTensor> = [:]

    init(_ model: Model) throws(ONNXError) {
        directory = model.hasExternalData ? try model.externalData() : nil
        add(model.graph, in: "")
        for function in model.functions { add(function.body, in: "function \(function.name)/") }
    }

    subscript(name: String) -> StoredTensor? { byName[name] }

    /// The number of bytes by the name of the element type.
    var bytes: [String: Int] {
        var bytes: [String: Int] = [:]
        for entry in entries {
            let type = entry.tensor.typeName
            bytes[type] = (bytes[type] ?? 0).addingReportingOverflow(entry.tensor.byteCount ?? 0).partialValue
        }
        return bytes
    }

    func content(_ name: String) throws(ONNXError) -> Content {
        guard let stored = byName[name] else { preconditionFailure("no constant '\(name)'") }
        let tensor = try stored.tensor(externalData: directory)
        var hasher = Hasher()
        if let strings = tensor.strings { for string in strings { hasher.combine(Name(string)) } }
        withExtendedLifetime(tensor) { hasher.combine(bytes: tensor.bytes) }
        return Content(type: stored.typeText, hash: hasher.finalize())
    }

    private mutating func add(_ name: String, _ tensor: StoredTensor) {
        var unique = name
        var number = 1
        while byName[unique] != nil {
            number += 1
            unique = "\(name) #\(number)"
        }
        byName[unique] = tensor
        entries.append(Entry(name: unique, tensor: tensor))
    }

    private mutating func add(_ graph: Graph, in place: String) {
        for initializer in graph.initializers { add(place + initializer.name, initializer) }
        for sparse in graph.sparseInitializers { add(sparse, place + sparse.name) }
        for node in graph.nodes where !node.attributes.isEmpty {
            let name = place + (node.outputs.first { !$0.isEmpty } ?? node.name)
            if node.qualifiedType == "Constant", let tensor = node.constantTensor {
                add(name, tensor)
                continue
            }
            for attribute in node.attributes {
                let within = "\(name)/\(attribute.name)"
                switch attribute.value {
                case .tensor(let tensor): add(within, tensor)
                case .tensors(let tensors): for (index, tensor) in tensors.enumerated() { add("\(within)/\(index)", tensor) }
                case .sparseTensor(let sparse): add(sparse, within)
                case .sparseTensors(let sparses): for (index, sparse) in sparses.enumerated() { add(sparse, "\(within)/\(index)") }
                case .graph(let graph): add(graph, in: within + "/")
                case .graphs(let graphs): for (index, graph) in graphs.enumerated() { add(graph, in: "\(within)/\(index)/") }
                case .float, .int, .string, .type, .floats, .ints, .strings, .types, .reference, .unrecognized: break
                }
            }
        }
    }

    private mutating func add(_ sparse: SparseTensor, _ name: String) {
        add("\(name) (values)", sparse.values)
        add("\(name) (positions)", sparse.indices)
    }
}

extension StoredTensor {
    var typeName: String { elementType?.name ?? "type \(elementTypeCode)" }
    /// The type with the shape, as `float[3, 4]`.
    var typeText: String { typeName + shape.description }
}
