/// Holds the facts about a model that a first pipeline needs.
package struct ModelSignature: Sendable, Equatable {
    package let inputs: [ModelSignature.Value]
    package let outputs: [ModelSignature.Value]
    /// The inputs in which the model itself looks for missing values, so that a missing value becomes NaN by default.
    package var nanInputs: Set<String> = []
    /// The words that the model compares an input of text with, by input.
    package var words: [String: [String]] = [:]
    /// The names of the model's classes, if it is a classifier that has them.
    package var classes: [String] = []

    package init(inputs: [ModelSignature.Value], outputs: [ModelSignature.Value]) { (self.inputs, self.outputs) = (inputs, outputs) }
}

extension ModelSignature {
    /// Describes one input or output of a model, as far as a pipeline needs it.
    package struct Value: Sendable, Equatable {
        package enum Axis: Sendable, Equatable {
            case fixed(Int)
            case named(String)
            case open
        }

        package let name: String
        /// The type as ONNX spells it (`float`, `int64`, `string`), or a word for a sequence or a map.
        package let elementType: String
        /// The axes, with the batch axis first; empty for a single value and for values that are not tensors.
        package let axes: [Axis]

        package init(name: String, elementType: String, axes: [Axis]) {
            self.name = name
            self.elementType = elementType
            self.axes = axes
        }

        var isTensor: Bool { !elementType.contains("(") }
        var isText: Bool { elementType == "string" }
        var isFloat: Bool { ["float", "double", "float16", "bfloat16"].contains(elementType) }

        /// The number of values of one row; nil where an axis is free or there is no tensor.
        var width: Int? {
            guard isTensor else { return nil }
            var width = 1
            for axis in axes.dropFirst() {
                guard case .fixed(let extent) = axis else { return nil }
                let (product, overflow) = width.multipliedReportingOverflow(by: extent)
                if overflow { return nil }
                width = product
            }
            return width
        }

        /// The type as ONNX's text form writes it: `float [batch, 3, height, 64]`.
        var text: String {
            guard isTensor else { return elementType }
            let extents = axes.enumerated().map { place, axis in
                switch axis {
                case .fixed(let extent): "\(extent)"
                case .named(let name): name
                case .open: place == 0 ? "N" : "?"
                }
            }
            return elementType + (axes.isEmpty ? ", a single value" : " [\(extents.joined(separator: ", "))]")
        }
    }
}
