import Machine

/// Turns OpenVINO's texts into `EngineError`. The texts are not a stable interface: if one is not recognized, the general case carries the
/// whole text.
enum OpenVINOWording {
    static func loading(_ failure: OpenVINOFailure) -> EngineError {
        let text = cleaned(failure.message)
        // … Summary: -- No conversion rule found for operations: Frob-21, com.acme.Other To facilitate …
        if let match = text.firstMatch(of: #/No conversion rule found for operations: (\S+?),? /#) {
            return .unsupportedOperator(name: String(match.1), node: "", detail: "it has no conversion rule", by: .openVINO)
        }
        if text.contains("Unable to read the model") { return .invalidModel(detail: text) }
        return .modelRefused(detail: text, by: .openVINO)
    }

    static func running(_ failure: OpenVINOFailure) -> EngineError {
        if failure.code == OpenVINOFailure.cancelled { return .cancelled }
        return .runFailed(operator: "", node: "", detail: cleaned(failure.message))
    }

    /// Returns the text on one line, without the places in the library's source.
    private static func cleaned(_ message: String) -> String {
        var text = printable(message)
        text.replace(#/Exception from \S+:\d+: ?/#, with: "")
        text.replace(#/ failed at \S+:\d+:/#, with: " failed:")
        while text.last == " " { text.removeLast() }
        return text
    }
}
