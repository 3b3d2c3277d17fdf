package import Arrivals
package import FileSystem

/// Decides where an output goes, from facts of the arrival only (SEMANTICS 13 and 14).
package struct OutputNaming: Hashable, Sendable {
    package enum Fact: String, Hashable, Sendable, CaseIterable {
        case arrivalDate = "arrival_date"
        case version
        case stem
    }

    /// Holds the facts of one arrival. `arrivedAt` is the time that the ledger recorded, so that retries give the same name.
    package struct Facts: Hashable, Sendable {
        /// The facts to use for names that have no partitions.
        package static let none = Facts(arrivedAt: UTCTime(milliseconds: 0), version: 0)

        package let arrivedAt: UTCTime
        package let version: Int

        package init(arrivedAt: UTCTime, version: Int) {
            self.arrivedAt = arrivedAt
            self.version = version
        }
    }

    /// The extension without a dot: `parquet`, `csv.gz`.
    package let fileExtension: String
    package let partitionBy: [Fact]

    package init(fileExtension: String, partitionBy: [Fact] = []) {
        self.fileExtension = fileExtension
        self.partitionBy = partitionBy
    }

    /// Returns the path of an output, relative to the output root: partitions, then the input's own directory, then its stem with the
    /// extension. `input` is relative to the spool.
    package func path(for input: String, facts: Facts) throws(FileSystemError) -> String {
        var parts = input.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard let name = parts.popLast(), !input.hasPrefix("/"), !parts.contains(".."), !parts.contains("."), name != "..", name != "."
        else {
            throw .badName(input, why: "it is not a path inside the spool")
        }
        let stem = Self.stem(of: name)
        let output = stem + "." + fileExtension
        guard output.utf8.count <= 255 else {
            throw .badName(name, why: "its output would be named with \(output.utf8.count) bytes and file systems take 255; shorten it")
        }
        let partitions = partitionBy.map { fact in
            switch fact {
            case .arrivalDate: "arrival_date=\(facts.arrivedAt.date)"
            case .version: "version=\(facts.version)"
            case .stem: "stem=\(Self.escaped(stem))"
            }
        }
        if let long = partitions.first(where: { $0.utf8.count > 255 }) {
            throw .badName(name, why: "its partition directory \(long.prefix(40))… is longer than 255 bytes; shorten it")
        }
        return (partitions + parts + [output]).joined(separator: "/")
    }

    /// Returns the name without its extensions: `a.csv.gz` -> `a`, `data.2026.csv` -> `data.2026`, `README` -> `README`.
    package static func stem(of name: String) -> String {
        let inner = droppingExtension(name) { ["gz", "zst", "bz2", "xz"].contains($0.lowercased()) } ?? name
        return droppingExtension(inner) { _ in true } ?? inner
    }

    private static func droppingExtension(_ name: String, where takes: (String) -> Bool) -> String? {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
        let found = String(name[name.index(after: dot)...])
        return found.isEmpty || !takes(found) ? nil : String(name[..<dot])
    }

    /// Escapes a partition value as Hive and Spark do.
    private static func escaped(_ value: String) -> String {
        let special = Set("\"#%'*/:=?\\\u{7F}{}[]^".unicodeScalars)
        return value.unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.value < 0x20 || special.contains(scalar) {
                text += "%" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16, uppercase: true)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}
