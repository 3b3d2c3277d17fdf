package import ONNX

/// One rewriting of a model that keeps what it computes.
package protocol Pass: Sendable {
    /// As pipelines and error messages spell it: `fold_constants`.
    var name: String { get }

    /// Returns whether it changed anything.
    func run(_ model: inout Model) throws(PassError) -> Bool
}

extension Model {
    /// For a pass, by its name.
    func inferTypes(for pass: String) throws(PassError) -> InferredTypes {
        do throws(ONNXError) { return try inferTypes() } catch {
            throw PassError(pass: pass, place: "model", reason: "\(error)", remedy: "export it again")
        }
    }
}

/// A pass that could not do its work, worded for whoever dropped the model.
package struct PassError: Error, Sendable, Equatable {
    package var pass: String
    /// The node, value or graph.
    package var place: String
    package var reason: String
    package var remedy: String
    /// The passes that had run before, in order.
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
