package import Arrivals
package import Signatures

/// Says whose signatures files need to be admitted. Nil admits every file of that role.
package struct Trust: Sendable, Equatable {
    package internal(set) var models: TrustedSigners?
    package internal(set) var labelled: TrustedSigners?

    package init() {}

    /// Returns whose signatures count for files of the role; nil where they need none.
    package func signers(of role: ArrivalRole) -> TrustedSigners? {
        switch role {
        case .model: models
        case .labelled: labelled
        case .data: nil
        }
    }
}

package struct TrustedSigners: Sendable, Equatable {
    package let keys: [VerifyingKey]
    /// Tells whether a file waits for its signature. Otherwise one that has none is admitted, and only one that has a wrong one is not.
    package let isRequired: Bool
    /// The files that keys were read from: who may change them decides whose signatures count.
    package let files: [String]

    package init(keys: [VerifyingKey], isRequired: Bool = true, files: [String] = []) {
        self.keys = keys
        self.isRequired = isRequired
        self.files = files
    }
}
