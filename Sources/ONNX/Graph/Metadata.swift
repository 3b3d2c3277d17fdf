import ONNXProto
import SwiftProtobuf

/// Holds `metadata_props`: keys and values in file order. Assigning replaces in place or appends; a repeated key reads as its first entry.
package struct Metadata: Sendable, Equatable {
    var entries: [Onnx_StringStringEntryProto]

    package init() { entries = [] }
    init(_ entries: [Onnx_StringStringEntryProto]) { self.entries = entries }

    package subscript(key: String) -> String? {
        get { entries.first { $0.key == key }?.value }
        set {
            let position = entries.firstIndex { $0.key == key }
            switch (position, newValue) {
            case (let position?, let value?): entries[position].value = value
            case (_?, nil): entries.removeAll { $0.key == key }
            case (nil, let value?):
                entries.append(
                    .with {
                        $0.key = key; $0.value = value
                    })
            case (nil, nil): break
            }
        }
    }

    package var pairs: [(key: String, value: String)] { entries.map { ($0.key, $0.value) } }
    package var dictionary: [String: String] { Dictionary(pairs.map { ($0.key, $0.value) }) { first, _ in first } }
}
