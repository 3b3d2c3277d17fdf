/// Says why a key or a signature is not what it should be, in words for an operator that go on after the name of the file.
package enum SignatureError: Error, Hashable, Sendable {
    case badKey(String)
    case badSignature(String)
    /// The signature is sound in its form and is by none of the keys, or of another content.
    case notSigned(String)
}

extension SignatureError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badKey(let why), .badSignature(let why), .notSigned(let why): why
        }
    }
}
