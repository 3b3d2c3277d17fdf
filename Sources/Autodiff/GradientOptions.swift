/// Chooses between forms of a gradient that give the same values at different speeds.
package struct GradientOptions: Sendable {
    /// The form for all convolutions that it fits; nil lets the shape of each layer decide.
    package var convolutionWeightForm: ConvolutionWeightForm?
    package var convolutionInputForm: ConvolutionInputForm?

    package init(convolutionWeightForm: ConvolutionWeightForm? = nil, convolutionInputForm: ConvolutionInputForm? = nil) {
        self.convolutionWeightForm = convolutionWeightForm
        self.convolutionInputForm = convolutionInputForm
    }
}

/// Holds the gradients that were appended to a model.
package struct Gradients: Sendable {
    /// The name of the gradient of each wanted value on which a seed depends. The gradients of the others are zero.
    package let names: [String: String]
    /// The nodes whose gradient has several forms, with the chosen form.
    package let forms: [ChosenForm]
    /// The chosen forms by node, as a model's card has them.
    package var formsByNode: [String: String] { Dictionary(forms.map { ($0.node, $0.form) }, uniquingKeysWith: { $0 + ", " + $1 }) }

    package subscript(value: String) -> String? { names[value] }

    package struct ChosenForm: Sendable, Equatable {
        package let node: String
        package let form: String
    }
}
