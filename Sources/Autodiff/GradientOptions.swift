/// How gradients are built where there is more than one way.
package struct GradientOptions: Sendable {
    /// For all convolutions that it fits; without one, each layer's form is chosen by its shape.
    package var convolutionWeightForm: ConvolutionWeightForm?
    package var convolutionInputForm: ConvolutionInputForm?

    package init(convolutionWeightForm: ConvolutionWeightForm? = nil, convolutionInputForm: ConvolutionInputForm? = nil) {
        self.convolutionWeightForm = convolutionWeightForm
        self.convolutionInputForm = convolutionInputForm
    }
}

/// The gradients that were appended to a model.
package struct Gradients: Sendable {
    /// Name of the cotangent of each wanted value on which a seed depends; the others' gradients are zero.
    package let names: [String: String]
    /// Where a gradient has several forms: the node, and which was chosen.
    package let forms: [ChosenForm]
    /// The same by node, as a model's card has it.
    package var formsByNode: [String: String] { Dictionary(forms.map { ($0.node, $0.form) }, uniquingKeysWith: { $0 + ", " + $1 }) }

    package subscript(value: String) -> String? { names[value] }

    package struct ChosenForm: Sendable, Equatable {
        package let node: String
        package let form: String
    }
}
