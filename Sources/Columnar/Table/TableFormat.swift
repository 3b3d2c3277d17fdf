package import Recipes

/// Names a file format for tables and arrays, with the compression around it.
package struct TableFormat: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        case csv
        case jsonLines = "jsonl"
        case parquet
        /// The format is Arrow IPC; both the file and the stream format are read, the file format is written.
        case arrow
        case npy
        case npz
    }

    /// Names the compression of a text format, which is only for reading.
    package enum Compression: String, Sendable, CaseIterable {
        case none
        case gzip = "gz"
        case zstd = "zst"
    }

    package let kind: Kind
    package let compression: Compression

    package init(_ kind: Kind, compression: Compression = .none) {
        self.kind = kind
        self.compression = compression
    }

    /// Finds the format by the last extensions of a name, in any case: `a.csv`, `a.tsv`, `a.csv.gz`, `a.jsonl.zst`, `a.ndjson`, `a.json`,
    /// `a.parquet`, `a.pq`, `a.arrow`, `a.arrows`, `a.feather`, `a.ipc`, `a.npy`, `a.npz`.
    package init?(fileName: String) {
        var rest = fileName.utf8.suffix(24)[...]
        func takeExtension() -> String? {
            guard let dot = rest.lastIndex(of: UInt8(ascii: ".")), !rest[rest.index(after: dot)...].contains(UInt8(ascii: "/")) else {
                return nil
            }
            defer { rest = rest[..<dot] }
            return String(Substring(rest[rest.index(after: dot)...])).lowercased()
        }
        guard var last = takeExtension() else { return nil }
        var compression = Compression.none
        if let named = Compression(rawValue: last), let inner = takeExtension() {
            compression = named
            last = inner
        }
        switch last {
        case "csv", "tsv": self.init(.csv, compression: compression)
        case "jsonl", "ndjson", "json": self.init(.jsonLines, compression: compression)
        case "parquet" where compression == .none, "pq" where compression == .none: self.init(.parquet)
        case "arrow" where compression == .none, "arrows" where compression == .none, "feather" where compression == .none,
            "ipc" where compression == .none:
            self.init(.arrow)
        case "npy" where compression == .none: self.init(.npy)
        case "npz" where compression == .none: self.init(.npz)
        default: return nil
        }
    }

    /// The file name extension of this format, without the dot.
    package var fileExtension: String {
        compression == .none ? kind.rawValue : kind.rawValue + "." + compression.rawValue
    }

    package var description: String { fileExtension }

    /// Tells whether the format is text, whose columns have no types of their own.
    package var isText: Bool { kind == .csv || kind == .jsonLines }
    /// Tells whether the format has arrays without column names, which are bound to model inputs by array name.
    package var isArrays: Bool { kind == .npy || kind == .npz }
    /// Tells whether an output of this format can be put together from parts (`PartWriter`): arrays are written in one go.
    package var isWrittenInParts: Bool { !isArrays }
}

package struct ReadOptions: Hashable, Sendable {
    /// The dialect of CSV files; by default with Arrow's list of words for missing values.
    package var dialect = TextDialect(nullWords: nil)
    /// The number of bytes of text that are read at a time.
    package var blockByteCount = 1 << 20
    /// The largest size of a row of text, in bytes. A longer one is refused, so that a file without line ends cannot fill memory.
    package var rowByteLimit = 16 << 20
    /// The largest number of rows in a Parquet batch.
    package var batchRows = 16_384
    /// The path whose folders name columns (`date=2024-01-01/`), where the file that is read is a copy at another place.
    package var originalPath: String?
    /// The rows that are read.
    package var range = RowRange.whole
    /// The part of the whole file's properties that a range needs: it is `known` of the plan that the range comes from.
    package var known = KnownTable()
    /// The descriptor of the file, where it is open already: it is read in place of the file that the path leads to now, and the caller
    /// closes it.
    package var descriptor: Int32?
    /// Tells whether an error may come with a hint about the dialect. The reader that looks for the hint itself gives none, or a file that
    /// it cannot read either would be looked at without end.
    var givesHints = true

    package init() {}
}
