import Foundation
import ONNXProto
import Tensors

/// Holds the content of `external_data`, checked as text: the file is not looked at yet.
package struct ExternalReference: Sendable, Equatable {
    package let location: String
    package let offset: Int
    /// The number of bytes; `nil` means as many as the tensor needs.
    package let length: Int?

    /// The components of the path, each a plain name.
    let components: [String]
}

extension StoredTensor {
    var externalLocation: String? { proto.externalData.first { $0.key == "location" }?.value }

    /// Returns the checked reference of an external tensor; `nil` for one that holds its data itself.
    package func externalReference() throws(ONNXError) -> ExternalReference? {
        guard isExternal else { return nil }
        let location = externalLocation ?? ""
        func refuse(_ problem: ExternalDataProblem) -> ONNXError {
            .externalData(tensor: name, location: location, problem: problem)
        }
        var seen: [String: String] = [:]
        for entry in proto.externalData {
            guard ["location", "offset", "length", "checksum"].contains(entry.key) else { throw refuse(.unknownKey(entry.key)) }
            guard seen.updateValue(entry.value, forKey: entry.key) == nil else { throw refuse(.repeatedKey(entry.key)) }
        }
        if elementType == .string { throw refuse(.stringTensor) }
        func number(_ key: String) throws(ONNXError) -> Int? {
            guard let text = seen[key] else { return nil }
            guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text) else {
                throw refuse(.badNumber(key: key, value: text))
            }
            return value
        }
        let offset = try number("offset") ?? 0
        let length = try number("length")
        if location.isEmpty { throw refuse(.emptyLocation) }
        if location.contains("_ORT_MEM_ADDR_") { throw refuse(.memoryAddressMarker) }
        if location.utf8.contains(where: { $0 < 32 || $0 == 127 }) { throw refuse(.unprintableLocation) }
        if location.hasPrefix("/") || location.hasPrefix("\\") || location.dropFirst().hasPrefix(":") { throw refuse(.absolutePath) }
        let components = location.split(separator: "/").map(String.init).filter { $0 != "." }
        if components.contains("..") || location.split(separator: "\\").contains("..") { throw refuse(.parentDirectory) }
        if components.isEmpty { throw refuse(.notARegularFile) }
        if location.hasSuffix("/") { throw refuse(.notARegularFile) }
        return ExternalReference(location: location, offset: offset, length: length, components: components)
    }
}
