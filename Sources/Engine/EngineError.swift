package import Machine
package import Reasons

/// Describes an error of the engine, in words for the operator of the pipeline.
package enum EngineError: Error, Equatable {
    case libraryTooOld(found: String, neededAPI: Int)
    /// OpenVINO's library is not there, or is left out.
    case openVINOMissing(detail: String)
    /// The engine does not have an operator of the model. `node` is empty where the runtime names none.
    case unsupportedOperator(name: String, node: String, detail: String, by: EngineName = .onnxRuntime)
    case invalidModel(detail: String)
    case modelRefused(detail: String, by: EngineName = .onnxRuntime)
    case externalData(file: String, detail: String)
    case unknownInput(String, known: [String])
    case unknownOutput(String, known: [String])
    case missingInput(String, expected: String)
    case wrongType(input: String, expected: String, found: String)
    case wrongShape(input: String, expected: String, found: String)
    /// The format has this type, but the runtime does not take it at this input or output.
    case unsupportedElementType(name: String, type: String, detail: String, by: EngineName = .onnxRuntime)
    case runFailed(operator: String, node: String, detail: String)
    case cancelled
    case notText(output: String, element: Int)
    case noBatchAxis(name: String, detail: String)
    case outOfMemory(OutOfMemory)
    case engine(String, by: EngineName = .onnxRuntime)
}

extension EngineError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .libraryTooOld(let found, let neededAPI):
            "the ONNX Runtime library is \(found) and does not serve C API \(neededAPI): install 1.\(neededAPI) or newer "
                + "(Scripts/setup fetches one)"
        case .openVINOMissing(let detail):
            "OpenVINO is not used: \(detail). Scripts/setup fetches it, unless MILLRACE_OPENVINO is 0"
        case .unsupportedOperator(let name, let node, let detail, let engine):
            "\(engine.versionedName) has no implementation of operator \(name)\(at(node)): \(detail). Export the "
                + "model with another operator or opset"
        case .invalidModel(let detail): "the model is not valid ONNX: \(detail)"
        case .modelRefused(let detail, let engine): "\(engine.versionedName) does not load the model: \(detail)"
        case .externalData(let file, let detail): "the model's external data '\(printable(file))' cannot be read: \(detail)"
        case .unknownInput(let name, let known): "the model has no input '\(printable(name))'; it has \(list(known))"
        case .unknownOutput(let name, let known): "the model has no output '\(printable(name))'; it has \(list(known))"
        case .missingInput(let name, let expected): "model input '\(printable(name))' (\(expected)) is given no value"
        case .wrongType(let input, let expected, let found):
            "model input '\(printable(input))' takes \(expected) and is given \(found)"
        case .wrongShape(let input, let expected, let found):
            "model input '\(printable(input))' has shape \(expected) and is given \(found)"
        case .unsupportedElementType(let name, let type, let detail, let engine):
            "\(engine.versionedName) does not carry element type "
                + "\(type)\(name.isEmpty ? "" : " at '\(printable(name))'"): \(detail)"
        case .runFailed(let operatorName, let node, let detail):
            operatorName.isEmpty ? "the model failed: \(detail)" : "the model failed in operator \(operatorName)\(at(node)): \(detail)"
        case .cancelled: "the run was cancelled"
        case .notText(let output, let element):
            "element \(element) of model output '\(printable(output))' is not UTF-8 text"
        case .noBatchAxis(let name, let detail): "'\(printable(name))' has no batch axis: \(detail)"
        case .outOfMemory(let shortage): "\(shortage)"
        case .engine(let detail, let engine): "\(engine.versionedName): \(detail)"
        }
    }

    fileprivate func at(_ node: String) -> String { node.isEmpty ? "" : " (node '\(printable(node))')" }
    private func list(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.map { "'\(printable($0))'" }.joined(separator: ", ")
    }
}

extension EngineError: Reasoned {
    /// The runtime's text about a run that failed, which may quote values of the rows.
    package var reason: Reason {
        guard case .runFailed(let operatorName, let node, let detail) = self else { return Reason(description) }
        let model = operatorName.isEmpty ? "the model failed" : "the model failed in operator \(operatorName)\(at(node))"
        return "\(model)\(cell: detail, shown: ": " + detail, hidden: "")"
    }
}

extension EngineError {
    /// Tells whether the engine, or this program on its behalf, got no memory.
    package var isOutOfMemory: Bool {
        switch self {
        case .outOfMemory: true
        // A model that takes more memory than there is, is refused as it is loaded in the words of whatever was at work.
        case .runFailed(_, _, let detail), .modelRefused(let detail, _), .invalidModel(let detail), .externalData(_, let detail),
            .engine(let detail, _):
            Self.wordsOfNoMemory.contains { detail.contains($0) }
        case .libraryTooOld, .openVINOMissing, .unsupportedOperator, .unknownInput, .unknownOutput, .missingInput, .wrongType, .wrongShape,
            .unsupportedElementType, .cancelled, .notText, .noBatchAxis:
            false
        }
    }

    /// The words by which the runtimes, the C++ library and the kernel say that there is no memory.
    private static let wordsOfNoMemory = ["Failed to allocate memory", "bad_alloc", "Cannot allocate memory", "out of memory"]
}

/// Returns the text on one line: a runtime's text has several, and can carry bytes of the file.
func printable(_ text: String) -> String { text.replacing("\n", with: " ").printable }
