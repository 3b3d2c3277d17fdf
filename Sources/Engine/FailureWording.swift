import COnnxRuntime

/// Turns the runtime's error codes and texts into `EngineError`. The texts are not a stable interface: if one is not recognized, the
/// general case carries the whole text.
enum FailureWording {
    static func loading(_ failure: NativeFailure) -> EngineError {
        let text = cleaned(failure.message)
        // NOT_IMPLEMENTED: Could not find an implementation for Add(14) node with name 'n2'
        if let match = text.firstMatch(of: #/Could not find an implementation for (.+?) node with name '(.*?)'/#) {
            return .unsupportedOperator(
                name: String(match.1), node: String(match.2), detail: "no kernel for these element types and this version")
        }
        // NOT_IMPLEMENTED: Failed to find kernel for Cast(28) (node:'c' ep:'CPUExecutionProvider'). …
        if let match = text.firstMatch(of: #/Failed to find kernel for (\S+) \(node:'(.*?)'/#) {
            return .unsupportedOperator(
                name: String(match.1), node: String(match.2), detail: "no kernel for these element types and this version")
        }
        // FAIL: Fatal error: com.acme:Frob(-1) is not a registered function/op
        if let match = text.firstMatch(of: #/(\S+?)\(-?\d+\) is not a registered function/op/#) {
            return .unsupportedOperator(name: String(match.1), node: "", detail: "no such operator is registered")
        }
        // INVALID_GRAPH: … In Node, ("n1", Frob, "", -1) : … No Op registered for Frob with domain_version of 21
        if let match = text.firstMatch(of: #/No Op registered for (\S+) with domain_version of (-?\d+)/#) {
            let node = text.firstMatch(of: #/In Node, \("(.*?)", /#).map { String($0.1) } ?? ""
            return .unsupportedOperator(name: String(match.1), node: node, detail: "opset \(match.2) has no such operator")
        }
        // FAIL: Exception during loading: MLDataType for: tensor(complex64) is not currently registered or supported
        if let match = text.firstMatch(of: #/MLDataType for: tensor\((.+?)\) is not/#) {
            return .unsupportedElementType(name: "", type: String(match.1), detail: "export the model with another type")
        }
        // FAIL: … Failed to construct locale with name:tr_TR.UTF-8:… name not valid: …
        if let match = text.firstMatch(of: #/Failed to construct locale with name:(.+?):/#) {
            let name = String(match.1)
            return .modelRefused(
                detail: "its operator StringNormalizer needs the locale \(name), which this system lacks: install it (on Debian the "
                    + "package locales or locales-all, then locale-gen \(name)), or export the model with the locale C.UTF-8")
        }
        if text.contains(#/[Ee]xternal (data|initializer)/#) { return .externalData(file: "", detail: text) }
        switch failure.code {
        case ORT_INVALID_PROTOBUF, ORT_INVALID_GRAPH, ORT_INVALID_ARGUMENT, ORT_NO_MODEL: return .invalidModel(detail: text)
        default: return .modelRefused(detail: text)
        }
    }

    static func running(_ failure: NativeFailure) -> EngineError {
        let text = cleaned(failure.message)
        if text.contains("terminate flag") { return .cancelled }
        // Non-zero status code returned while running Reshape node. Name:'rs' Status Message: …
        let pattern = #/while running (\S+) node\. Name:'(.*?)' Status Message: (.*)/#.dotMatchesNewlines()
        if let match = text.firstMatch(of: pattern) {
            return .runFailed(operator: String(match.1), node: String(match.2), detail: String(match.3))
        }
        return .runFailed(operator: "", node: "", detail: text)
    }

    /// Returns the text on one line, without the places in the runtime's source (file, line, C++ signature).
    private static func cleaned(_ message: String) -> String {
        var text = printable(message)
        text.replace(#//?\S*/\S+\.(?:cc|h):\d+ (?:[^()]*\([^()]*\)(?: const)?(?: \[with [^\]]*\])? )?/#, with: "")
        while text.last == " " { text.removeLast() }
        return text
    }
}
