import Foundation
import Names
package import ONNX
package import PipelineConfig

extension ModelSignature {
    /// Reads the signature from a model: its inputs and outputs, the words and classes in its attributes, and the inputs in which it looks
    /// for missing values.
    package init(_ model: Model) {
        let inspection = model.inspection()
        var seen: NameSet = []
        let outputs = inspection.outputs.filter { seen.insert($0.name).inserted }
        self.init(inputs: inspection.inputs.map(Value.init), outputs: outputs.map(Value.init))
        nanInputs = Set(ModelFacts(model).nanInputs)
        var readers: [String: [Node]] = [:]
        model.graph.forEachNode { node in
            for input in node.inputs { readers[input, default: []].append(node) }
            if case .strings(let names)? = node[attribute: "classlabels_strings"], classes.isEmpty {
                classes = names.compactMap { String(data: $0, encoding: .utf8) }
            }
        }
        for input in inputs where input.elementType == "string" { words[input.name] = Self.words(of: input.name, readers) }
    }

    /// Returns the texts that the first operators after an input compare it with.
    private static func words(of input: String, _ readers: [String: [Node]]) -> [String] {
        // Operators that only pass text on are followed.
        let passing: Set<String> = [
            "Concat", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten", "ArrayFeatureExtractor", "FeatureVectorizer", "Gather",
        ]
        var words: [String] = [], seen: Set<String> = [], next = [input]
        while let value = next.popLast() {
            guard seen.insert(value).inserted else { continue }
            for node in readers[value] ?? [] {
                for name in ["cats_strings", "keys_strings", "classes_strings"] {
                    if case .strings(let texts)? = node[attribute: name] { words += texts.compactMap { String(data: $0, encoding: .utf8) } }
                }
                if passing.contains(node.operatorType) { next += node.outputs }
            }
        }
        return words
    }
}

extension ModelSignature.Value {
    package init(_ description: Inspection.ValueDescription) {
        // Where the shape is not stated, a table of rows is assumed.
        let unstated = description.elementType == nil ? [] : ["?", "?"]
        let axes = (description.dimensions ?? unstated).map { text in
            Int(text).map(Axis.fixed) ?? (text == "?" || text.isEmpty ? .open : .named(text))
        }
        self.init(name: description.name, elementType: description.elementType ?? description.type, axes: axes)
    }
}
