/// Names content that sometimes has the name of a model or a table and is neither. It is reported at once, but moved or quarantined only
/// like any other incomplete file, since its writer may still be at work.
package enum ForeignContent: Sendable, CaseIterable {
    case empty
    case gitLFSPointer
    case htmlPage
    case xmlDocument

    /// Finds the kind of content from the first bytes of a file; nil where the file may be what its name says.
    package init?(head: some Collection<UInt8>, isEmpty: Bool) {
        if isEmpty {
            self = .empty
            return
        }
        if head.starts(with: "version https://git-lfs.github.com/spec/".utf8) {
            self = .gitLFSPointer
            return
        }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = head.starts(with: mark) ? head.dropFirst(3) : head.dropFirst(0)
        let start = String(decoding: text.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.prefix(16), as: UTF8.self).lowercased()
        if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") {
            self = .htmlPage
        } else if start.hasPrefix("<?xml") {
            self = .xmlDocument
        } else {
            return nil
        }
    }

    package init?(path: String) {
        guard var file = try? SealedFile(path: path) else { return nil }
        self.init(&file)
    }

    init?(_ file: inout SealedFile) {
        // Files in binary formats begin with none of these bytes.
        if file.size > 0, let first = file.byte(at: 0), ![0x76, 0x3C, 0x20, 0x09, 0x0A, 0x0D, 0xEF].contains(first) { return nil }
        self.init(head: file.bytes(at: 0, count: Int(min(file.size, 256))) ?? [], isEmpty: file.size == 0)
    }

    /// The fault in words for an operator.
    package var reason: String {
        switch self {
        case .empty: "the file is empty"
        case .gitLFSPointer:
            "it is a Git LFS pointer, not the file itself: run `git lfs pull` in the clone that it comes from, and copy it again"
        case .htmlPage: "it is an HTML page, as a download gives it that was not let in: download the file itself"
        case .xmlDocument: "it is an XML document, as a server sends it for an error: download the file itself"
        }
    }

    /// Finds the kind of content that has this `reason`.
    init?(reason: String) {
        guard let found = Self.allCases.first(where: { $0.reason == reason }) else { return nil }
        self = found
    }
}
