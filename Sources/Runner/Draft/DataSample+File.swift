package import Columnar
package import PipelineConfig
import Reasons
import Recipes
import Tensors

extension DataSample {
    /// Reads the first rows of a data file as scoring would read them. For CSV it takes the first dialect with which the file can be read
    /// and has more than one column.
    package init(file path: String) throws(ColumnarError) {
        guard let format = TableFormat(fileName: path) else {
            throw .unsupported(file: path, reason: "its name does not end like a table's (csv, jsonl, parquet, arrow, npy, npz)")
        }
        switch format.kind {
        case .npy: self.init(form: .arrays([""]))
        case .npz: self.init(form: .arrays(try NamedArrays.names(path)))
        case .csv:
            let (dialect, sample) = try Self.dialect(of: path)
            self.init(form: .csv, sample)
            self.dialect = dialect
            remarks = Self.remarks(dialect)
        case .jsonLines: self.init(form: .json, try TableSample(path: path))
        case .parquet, .arrow: self.init(form: .typed, try TableSample(path: path))
        }
    }

    private init(form: Form, _ sample: TableSample) {
        self.init(form: form, columns: sample.columns.map(DataColumn.init))
        rowCount = sample.rowCount
    }

    // MARK: Dialect

    private static let delimiters: [UInt8] = Array(",;\t|".utf8)

    private static func read(_ path: String, _ dialect: TextDialect) throws(ColumnarError) -> TableSample {
        var options = ReadOptions()
        options.dialect = dialect
        return try TableSample(path: path, options: options)
    }

    /// Tries the ways of quoting and encoding in turn, each with every delimiter, and then the decimal points.
    private static func dialect(of path: String) throws(ColumnarError) -> (TextDialect, TableSample) {
        let usual = TextDialect()
        var failure: ColumnarError?
        var best: (dialect: TextDialect, sample: TableSample)?
        for base in Self.bases {
            for delimiter in delimiters {
                let dialect = base.with(delimiter: delimiter)
                do throws(ColumnarError) {
                    let sample = try read(path, dialect)
                    // The reader takes a tab in a .tsv file by itself.
                    if sample.columns.count > best?.sample.columns.count ?? 0 { best = (dialect, sample) }
                } catch {
                    if failure == nil { failure = error }
                }
            }
            // A file of only one column may be read with a wrong dialect.
            if best?.sample.columns.count ?? 0 > 1 { break }
        }
        guard var best else { throw failure ?? .badFile(TableLocation(file: path), reason: "it has no columns") }
        if best.sample.columns.count == 1 {
            if let plain = try? read(path, usual) {
                best = (usual, plain)
            } else if let failure, let seen = DialectSniffer(path: path), seen.excelLine != nil || seen.startsWithComment {
                // The lines after such a first line have more cells, whatever divides them.
                throw failure
            }
        }
        if best.dialect.delimiter != UInt8(ascii: ","), best.sample.columns.contains(where: { $0.type.isString }) {
            let comma = best.dialect.with(decimal: UInt8(ascii: ","))
            if let sample = try? read(path, comma),
                sample.columns.count(where: \.type.isNumeric) > best.sample.columns.count(where: \.type.isNumeric)
            {
                best = (comma, sample)
            }
        }
        return (best.dialect, best.sample)
    }

    /// The dialects that are tried in turn, each with every delimiter, until the file can be read.
    private static var bases: [TextDialect] {
        [
            TextDialect(), TextDialect(escape: UInt8(ascii: "\\")), TextDialect(encoding: .windows1252),
            TextDialect(escape: UInt8(ascii: "\\"), encoding: .windows1252), TextDialect(header: .absent(names: nil)),
        ]
    }

    private static func remarks(_ dialect: TextDialect) -> [String] {
        let usual = TextDialect()
        var remarks: [String] = []
        if dialect.delimiter != usual.delimiter {
            remarks.append("cells are divided by " + (dialect.delimiter == 9 ? "tabs" : "\"\(UnicodeScalar(dialect.delimiter))\""))
        }
        if dialect.decimal != usual.decimal { remarks.append("numbers have a decimal comma") }
        if dialect.escape != nil { remarks.append("quotes in cells have a backslash before them") }
        if dialect.encoding != usual.encoding { remarks.append("its bytes are no UTF-8") }
        if case .absent = dialect.header {
            remarks.append("the first line holds numbers only, so there are no names: columns are f0, f1 …")
        }
        return remarks
    }
}

extension TextDialect {
    fileprivate func with(delimiter: UInt8? = nil, decimal: UInt8? = nil) -> TextDialect {
        var dialect = self
        if let delimiter { dialect.delimiter = delimiter }
        if let decimal { dialect.decimal = decimal }
        return dialect
    }
}

extension DataColumn {
    init(_ sample: ColumnSample) {
        let kind: Kind =
            switch sample.type {
            case .boolean: .boolean
            case .number(let type): type.isFloatingPoint ? .number : .integer
            case .decimal: .number
            case .string: .text
            case .time: .time
            case .dictionary(let values): values.isNumeric ? .integer : values.isString ? .text : .other
            case .list: sample.lengths.map { .list(lengths: $0, isNested: sample.isNested) } ?? .other
            case .null, .binary, .structure, .other: .other
            }
        self.init(name: sample.name, kind: kind)
        missingCount = sample.missingCount
        isUnique = sample.isUnique
        holdsTimes = sample.holdsTimes
        isPlainIntegers = sample.isCanonicalIntegers
        let distinct = Set(sample.texts)
        values = distinct.count <= 32 ? distinct.sorted() : []
        averageLength = sample.texts.isEmpty ? 0 : sample.texts.reduce(0) { $0 + $1.utf8.count } / sample.texts.count
    }
}
