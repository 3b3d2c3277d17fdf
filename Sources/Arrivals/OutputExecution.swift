/// Says in which way a model was executed to make an output, where measurements decide that on each machine.
package struct OutputExecution: Hashable, Codable, Sendable {
    /// The engine, its precision, and the form where it is another than the published one: such as "openvino float32 int8-static".
    package var way: String
    /// The SHA-256 digest of the form of the model that was executed; nil where that was the model as it was published.
    package var formDigest: String?

    package init(way: String, formDigest: String? = nil) {
        self.way = way
        self.formDigest = formDigest
    }

    package enum CodingKeys: String, CodingKey {
        case way = "execution"
        case formDigest
    }
}
