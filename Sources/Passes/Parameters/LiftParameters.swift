package import ONNX
import Tensors

/// Makes every parameter an initializer of the outermost graph (`lift_parameters`), under the name that `ParameterHomes` gives it. Constant
/// nodes that are parameters are removed, initializers of branches are moved out of them, and the attributes of operators that keep their
/// weights there are copied: the node keeps them until its lowering removes it, and its metadata names the initializers
/// (`AttributeParameters.name(of:in:)`).
///
/// It runs before every other pass of the training form, since homes are places in the original model.
package struct LiftParameters: Pass {
    package let name = "lift_parameters"
    package init() {}

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        let homes = ParameterHomes(model).homes.filter { !$0.isInitializerOfModel }
        guard !homes.isEmpty else { return false }
        var lifting = Lifting(homes: Dictionary(grouping: homes, by: \.path), names: model.graph.index)
        var made: [String: StoredTensor] = [:]
        for home in homes {
            do throws(ONNXError) { made[home.name] = try tensor(at: home, in: model) } catch {
                throw PassError(
                    pass: name, place: "'\(home.name)'", reason: "\(error)",
                    remedy: "put the weights files beside the model, or export it again")
            }
        }
        for home in homes { _ = lifting.names.freshName(home.name) }
        lifting.lift(&model.graph, path: [])
        model.graph.initializers += homes.compactMap { made[$0.name] }
        // Below version 4, every initializer must also be an input; those that are inputs are bound by `BindInitializers`.
        model.irVersion = max(model.irVersion, 4)
        return true
    }

    /// Returns the same bytes under the new name, in the shape of the training form.
    private func tensor(at home: ParameterHome, in model: Model) throws(ONNXError) -> StoredTensor {
        var stored = try ParameterHomes.stored(at: home, in: model)
        if stored.shape != home.shape { stored = StoredTensor(home.name, try ParameterHomes.value(at: home, in: model)) }
        stored.name = home.name
        return stored
    }
}

private struct Lifting {
    let homes: [[ParameterHome.Step]: [ParameterHome]]
    var names: GraphIndex

    mutating func lift(_ graph: inout Graph, path: [ParameterHome.Step]) {
        for position in graph.nodes.indices where graph.nodes[position].qualifiedType == "If" {
            for index in graph.nodes[position].attributes.indices {
                let attribute = graph.nodes[position].attributes[index]
                guard case .graph(var branch) = attribute.value else { continue }
                lift(&branch, path: path + [ParameterHome.Step(node: position, attribute: attribute.name)])
                graph.nodes[position].attributes[index].value = .graph(branch)
            }
        }
        var renamed: [String: String] = [:], initializers: Set<Int> = [], constants: Set<Int> = []
        for home in homes[path] ?? [] {
            switch home.storage {
            case .initializer(let position):
                initializers.insert(position)
                renamed[graph.initializers[position].name] = home.name
            case .attribute(let position, let name):
                if graph.nodes[position].qualifiedType == "Constant" {
                    constants.insert(position)
                    renamed[graph.nodes[position].outputs[0]] = home.name
                } else {
                    graph.nodes[position].metadata[AttributeParameters.key(name)] = home.name
                }
            }
        }
        guard !initializers.isEmpty || !constants.isEmpty else { return }
        graph.initializers = graph.initializers.enumerated().filter { !initializers.contains($0.offset) }.map(\.element)
        graph.nodes = graph.nodes.enumerated().filter { !constants.contains($0.offset) }.map(\.element)
        graph.values.removeAll { renamed[$0.name] != nil }
        let moved = renamed.filter { $0.key != $0.value }
        graph.nodes = graph.nodes.map { $0.reading(moved) }
        // A branch can only return values that it makes itself.
        for position in graph.outputs.indices {
            guard let source = renamed[graph.outputs[position].name] else { continue }
            let output = names.freshName(graph.outputs[position].name)
            graph.nodes.append(Node("Identity", [source], [output]))
            graph.outputs[position].name = output
        }
    }
}
