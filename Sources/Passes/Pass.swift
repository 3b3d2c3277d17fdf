package import ONNX

/// A rewriting of a model that does not change the results of the model.
package protocol Pass: Sendable {
    /// The name in pipelines and error messages, such as `inline_functions`.
    var name: String { get }

    /// Rewrites the model. Returns whether anything changed.
    func run(_ model: inout Model) throws(PassError) -> Bool
}

/// A pass that counts what it changes.
package protocol CountingPass: Pass {
    /// Rewrites the model. Returns the number of nodes, or of constants where the pass is about these, that it has replaced or removed.
    func rewrite(_ model: inout Model) throws(PassError) -> Int
}

extension CountingPass {
    package func run(_ model: inout Model) throws(PassError) -> Bool { try rewrite(&model) > 0 }
}

extension Model {
    /// Infers the types; the error names the pass.
    func inferTypes(for pass: String) throws(PassError) -> InferredTypes {
        do throws(ONNXError) { return try inferTypes() } catch {
            throw PassError(pass: pass, place: "model", reason: "\(error)", remedy: "export it again")
        }
    }
}

/// Says why a pass could not do its work, in words for the person who dropped the model.
package struct PassError: Error, Sendable, Equatable {
    package var pass: String
    /// The node, value or graph that has the fault.
    package var place: String
    package var reason: String
    package var remedy: String
    /// The names of the passes that had run before, in order.
    package var after: [String] = []

    package init(pass: String, place: String, reason: String, remedy: String) {
        self.pass = pass
        self.place = place
        self.reason = reason
        self.remedy = remedy
    }
}

extension PassError: CustomStringConvertible {
    package var description: String {
        let history = after.isEmpty ? "" : " (after \(after.joined(separator: ", ")))"
        return "\(pass): \(place): \(reason); \(remedy)\(history)"
    }
}
