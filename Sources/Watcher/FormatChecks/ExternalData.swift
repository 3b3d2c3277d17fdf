internal import Glibc
internal import Reasons

/// Checks the files that hold the weights of a model: each must be a plain file below the model's own directory, and long enough.
struct ExternalData {
    let directory: String

    func check(_ needs: ExternalNeeds) -> FormatCheck.Result {
        var companions: [String] = []
        var missing: String?
        for (location, needed) in needs.sorted(by: { $0.key < $1.key }) {
            if location.contains(Self.memoryMarker) {
                return .unsafe(
                    Explanation(
                        reason: "its external data \"\(location)\" is an address in memory, which only a running process may name",
                        rule: .modelExternalDataOutside,
                        remedy: "Save the model again with external data beside it: this file was tampered with, or written from memory"))
            }
            guard let parts = Self.parts(of: location) else {
                return .unsafe(
                    Explanation(
                        reason: "its external data \"\(location)\" lies outside the model's own directory", rule: .modelExternalDataOutside,
                        remedy: "Save the model again with external data beside it, named by a relative path without .."))
            }
            switch state(of: parts, needed: needed) {
            case .whole: companions.append(parts.joined(separator: "/"))
            case .incomplete(let reason): missing = missing ?? "its external data \"\(location)\" \(reason)"
            case .link(let kind):
                return .unsafe(
                    Explanation(
                        reason: "its external data \"\(location)\" is reached through a \(kind)", rule: .modelExternalDataLink,
                        remedy: "Copy the data itself beside the model: what a link leads to can change unseen"))
            }
        }
        if let missing { return .incomplete(missing) }
        return .whole(companions: Array(Set(companions)).sorted())
    }

    /// ONNX Runtime takes what is behind this for a pointer, where a file says so too.
    private static let memoryMarker = "_ORT_MEM_ADDR_"

    private enum State {
        case whole
        case incomplete(String)
        case link(String)
    }

    private static func parts(of location: String) -> [Substring]? {
        guard !location.isEmpty, !location.utf8.contains(0), !location.hasPrefix("/"), !location.contains("\\") else { return nil }
        let parts = location.split(separator: "/").filter { $0 != "." }
        return parts.isEmpty || parts.contains("..") ? nil : parts
    }

    private func state(of parts: [Substring], needed: Int64) -> State {
        var path = directory
        for (index, part) in parts.enumerated() {
            path += "/" + part
            var status = stat()
            guard lstat(path, &status) == 0 else { return .incomplete("is not there") }
            switch status.st_mode & S_IFMT {
            case S_IFLNK: return .link("symbolic link")
            case S_IFDIR where index < parts.count - 1: continue
            case S_IFREG where index == parts.count - 1:
                if status.st_nlink > 1 { return .link("hard link") }
                if Int64(status.st_size) < needed {
                    return .incomplete("has \(status.st_size) of the \(needed) bytes that the model refers to")
                }
            default: return .incomplete("is not a plain file")
            }
        }
        return .whole
    }
}
