import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// CSV that is written otherwise than RFC 4180 says is read as it was meant, or refused with the key that says so.
@Suite struct DialectTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("dialect") }

    private func options(_ change: (inout TextDialect) -> Void) -> ReadOptions {
        var options = ReadOptions()
        change(&options.dialect)
        return options
    }

    private func columns(
        _ path: String, width: Int? = nil, input: String = "x", rules: NameMap<InputRule> = [:], options: ReadOptions = ReadOptions()
    ) throws
        -> [String]
    {
        let inputs = [ModelInput(name: input, elementType: .float32, dimensions: [nil, width])]
        return try openInputs(path: path, options: options, inputs: inputs, rules: rules, batchRows: 10).boundColumns[input] ?? []
    }

    // MARK: Headers

    @Test(arguments: [
        "5.1,3.5,1.4\n4.9,3,1\n", "5,3,1\n4,3,1\n", "1\n2\n", "5.1,,1.4\n4.9,3,1\n", "-1e5,+2,.5\n1,2,3\n", "5.1,3.5,5.1\n4.9,3,1\n",
        "\"5.1\",\"3.5\"\n1,2\n", "5.1,NA,nan\n1,2,3\n", "0,1,3\n1,2,3\n", "1,2,3\n4,5,6\n", "0,2,1\n1,2,3\n",
    ])
    func aFirstRowOfNumbersIsNoHeader(text: String) throws {
        let path = try directory.write(text, to: "a.csv")
        let refusal = message { _ = try TableReader(path: path) }
        #expect(
            refusal.contains("row 1") && refusal.contains("schema.dialect.header: true") && refusal.contains("header: false"), "\(refusal)")
        let rows = text.split(separator: "\n").count
        #expect(try readAll(path, options: options { $0.header = .present }) == rows - 1)
        #expect(try jsonLines(path, options: options { $0.header = .absent(names: nil) }).split(separator: "\n").count == rows)
    }

    /// pandas numbers columns that have no names, and puts its index before them.
    @Test(arguments: [
        "0,1,2\n5,6,7\n", ",0,1,2\n0,5,6,7\n", "0\n5\n", "a,1\n2,3\n", "x1,2.5\n1,2\n", "0x1f,1\n1,2\n", ",\n1,2\n", "nan,inf\n1,2\n",
    ])
    func whatIsAHeader(text: String) throws {
        #expect(try readAll(try directory.write(text, to: "a.csv")) == text.split(separator: "\n").count - 1)
    }

    @Test func decimalCommasInAFirstRow() throws {
        let path = try directory.write("5,1;3,5\n4,9;3\n", to: "a.csv")
        #expect(
            message {
                _ = try TableReader(
                    path: path,
                    options: options {
                        $0.delimiter = UInt8(ascii: ";"); $0.decimal = UInt8(ascii: ",")
                    })
            }.contains("nothing but numbers"))
    }

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func pandasIndexIsNoFeature() throws {
        let script = """
            import sys, pandas as pd
            d = sys.argv[1] + "/"
            f = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0], "t": ["x", "y", "z"]})
            f.to_csv(d + "plain.csv")
            f.iloc[[2, 0, 1]].to_parquet(d + "shuffled.parquet")
            f.assign(k=[7, 9, 8]).set_index("k").to_parquet(d + "named.parquet")
            f.assign(k=[7, 8, 9], l=[1, 2, 3]).set_index(["k", "l"]).to_parquet(d + "two.parquet")
            f.assign(**{'q"é\\n': [7, 9, 8]}).set_index('q"é\\n').to_parquet(d + "hostile.parquet")
            f.to_parquet(d + "range.parquet")
            """
        _ = try Oracle.run(script, [directory.path])
        for name in ["plain.csv", "shuffled.parquet", "named.parquet", "two.parquet", "hostile.parquet", "range.parquet"] {
            #expect(try columns(directory(name)) == ["a", "b"], "\(name)")
        }
        #expect(try TableReader(path: directory("shuffled.parquet")).schema.names.contains("__index_level_0__"))
        // Named, it is a column like any other.
        #expect(try columns(directory("named.parquet"), rules: ["x": InputRule(columns: .list(["k", "a"]))]) == ["k", "a"])
        #expect(
            try columns(directory("shuffled.parquet"), rules: ["x": InputRule(columns: .list(["__index_level_0__"]))]) == [
                "__index_level_0__"
            ])
        let texts = [ModelInput(name: "s", elementType: .string, dimensions: [nil, nil])]
        #expect(try openInputs(path: directory("shuffled.parquet"), inputs: texts, batchRows: 9).boundColumns["s"] == ["t"])
    }

    /// The name that pandas gives tells it where another tool wrote the file anew, without pandas' metadata.
    @Test(arguments: ["a.csv", "a.jsonl"]) func pandasIndexIsKnownByItsName(name: String) throws {
        let text =
            name == "a.csv"
            ? "a,__index_level_0__,b,__index_level_x__\n1,2,3,4\n" : "{\"a\":1,\"__index_level_0__\":2,\"b\":3,\"__index_level_x__\":4}\n"
        #expect(try columns(try directory.write(text, to: name)) == ["a", "b", "__index_level_x__"])
    }

    @Test(arguments: [
        ("a;b\n1;2\n3;4\n", "delimiter to \";\""), ("a\tb\n1\t2\n", "delimiter to tab"), ("a|b\n1|2\n", "delimiter to \"|\""),
        ("a;b\n1,5;2\n3,5;4,0\n", "delimiter to \";\" and decimal to \",\""), ("a, b\n1, 2\n", "have a space before them"),
        ("sep=,\na,b\n1,2\n", "is for Excel alone: remove it"),
        ("sep=;\na;b\n1;2\n", "remove it, and set schema.dialect.delimiter to \";\""),
    ])
    func whatTheFirstLinesSayOfTheDialect(text: String, hint: String) throws {
        let path = try directory.write(text, to: "a.csv")
        let said = message {
            let batches = try openInputs(
                path: path,
                inputs: [
                    ModelInput(name: "b", elementType: .float32, dimensions: [nil, 1]),
                    ModelInput(name: "a", elementType: .float32, dimensions: [nil, 1]),
                ],
                batchRows: 9)
            while try batches.next() != nil {}
        }
        #expect(said.contains(hint), "\(said)")
    }

    /// A column that looks like numbers and is text is named with the row that makes it so.
    @Test(
        arguments: [
            ("a,b\n1,2\n3,\"1,000\"\n", "\"b\" (row 2)"), ("a,b\n1,-\n3,4\n", "\"b\" (row 1)"), ("a,b\n1,50%\n3,60%\n", "\"b\" (row 1)"),
            ("a,b\nNone,2\n3,1_000\n", "\"a\" (row 1), \"b\" (row 2)"), ("a,b\n1,red\n3,blue\n", nil),
            ("a,b\n1,2024-01-01\n3,2024-01-02\n", nil), ("a,b,c\n1,2,3\n", nil),
        ] as [(String, String?)])
    func whyAColumnIsText(text: String, hint: String?) throws {
        let path = try directory.write(text, to: "a.csv")
        let input = ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])
        let said = message { _ = try openInputs(path: path, inputs: [input], batchRows: 9) }
        #expect(said.contains("look like numbers") == (hint != nil), "\(said)")
        if let hint { #expect(said.contains("a cell that is none: \(hint)."), "\(said)") }
    }

    @Test func aFirstLineOfComment() throws {
        let path = try directory.write("# made today\na,b\n1,2\n", to: "a.csv")
        let input = ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])
        #expect(
            message { _ = try openInputs(path: path, inputs: [input], batchRows: 9) }.contains("begins with #, and a table has no comments")
        )
    }

    /// pandas stores no column for an index whose numbers have one step; its metadata describes it, and `read_parquet` gives it back.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func anIndexThatIsOnlyCounted() throws {
        let script = """
            import sys, json, pandas as pd, pyarrow.parquet as pq
            d = sys.argv[1] + "/"
            f = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5]}, index=pd.RangeIndex(10, 2, -2, name="id"))
            f.to_parquet(d + "range.parquet", row_group_size=3)
            assert pq.read_schema(d + "range.parquet").names == ["a"]
            f.index.name = None
            f.to_parquet(d + "nameless.parquet")
            print(json.dumps(pd.read_parquet(d + "range.parquet").reset_index()["id"].tolist()))
            """
        let expected = try JSONDecoder().decode([Int64].self, from: Data(try Oracle.run(script, [directory.path]).utf8))
        let input = ModelInput(name: "x", elementType: .int64, dimensions: [nil, 1])
        for rows in [3, 9] {
            let batches = try openInputs(
                path: directory("range.parquet"), inputs: [input], rules: ["x": InputRule(columns: .list(["id"]))],
                schema: TableSchemaRule(keep: ["id", "a"]), batchRows: rows)
            var ids: [Int64] = [], kept: [Int64] = []
            while let batch = try batches.next() {
                ids += batch.tensors["x"]?.values(as: Int64.self) ?? []
                let column = batch.kept.columns[0]
                // The pointer holds nothing: an optimized build frees the column as soon as it has it.
                withExtendedLifetime(column) {
                    kept += UnsafeBufferPointer(start: column.values(as: Int64.self), count: batch.rowCount)
                }
            }
            #expect(ids == expected && kept == expected)
        }
        // Where nothing names it, it is no column.
        let float = ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil])
        #expect(try openInputs(path: directory("range.parquet"), inputs: [float], batchRows: 9).boundColumns["x"] == ["a"])
        #expect(
            message {
                _ = try openInputs(
                    path: directory("nameless.parquet"), inputs: [input], schema: TableSchemaRule(keep: ["id"]), batchRows: 9)
            }
            .contains("no such column"))
    }

    @Test func numbersWithACommaPointToTheKey() throws {
        let path = try directory.write("a;b\n1,5;2\n3,5;4\n", to: "a.csv")
        let said = message {
            let batches = try openInputs(
                path: path, options: options { $0.delimiter = UInt8(ascii: ";") },
                inputs: [ModelInput(name: "a", elementType: .float32, dimensions: [nil, 1])], batchRows: 9)
            while try batches.next() != nil {}
        }
        #expect(said.contains("schema.dialect.decimal to \",\""), "\(said)")
    }

    @Test func theSnifferTellsADialect() throws {
        let seen = try #require(DialectSniffer(path: try directory.write("id;\"na;me\";x\n1;u\\\"v;2,5\n2;w;1,0\n", to: "a.csv")))
        #expect(
            seen.delimiter == UInt8(ascii: ";") && seen.decimalPoint == UInt8(ascii: ",") && seen.hasEscapedQuotes
                && seen.header == ["id", "na;me", "x"])
        #expect(DialectSniffer(path: try directory.write("{}", to: "a.jsonl")) == nil)
        // Commas beside points are thousands, or words.
        let both = try #require(DialectSniffer(path: try directory.write("id;x;y\n1;2,5;2.5\n2;1,0;1.5\n", to: "b.csv")))
        #expect(both.delimiter == UInt8(ascii: ";") && both.decimalPoint == UInt8(ascii: "."))
    }

    // MARK: Quotes

    private static let backslash = UInt8(ascii: "\\")

    /// As Spark writes a quote inside a value, and a path with backslashes.
    @Test(arguments: [1 << 20, 64])
    func sparksEscape(block: Int) throws {
        let text = #"""
            id,t,v
            1,"say \"hi\"",1
            2,"size 6\"",2
            3,C:\dir\file,3
            4,"a, \\ and \x",4
            5,"two
            lines \"\"",5
            6,"doubled "" too",6
            7,\,7
            8,"both "" and \", twice",8

            """#
        let path = try directory.write(text, to: "a.csv")
        var told = options { $0.escape = Self.backslash }
        told.blockByteCount = block
        let expected = [
            #"say \"hi\""#, #"size 6\""#, #"C:\\dir\\file"#, #"a, \\ and \\x"#, #"two\nlines \"\""#, #"doubled \" too"#,
            #"\\"#, #"both \" and \", twice"#,
        ]
        let lines = try jsonLines(path, options: told).split(separator: "\n")
        #expect(lines.map(String.init) == expected.enumerated().map { #"{"id":\#($0 + 1),"t":"\#($1)","v":\#($0 + 1)}"# })
    }

    /// pandas' writer escapes so too; DuckDB and pandas read the same of what both write.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func othersReadTheSameOfAnEscapedFile() throws {
        let script = """
            import sys, csv, json, pandas as pd, duckdb
            d = sys.argv[1] + "/"
            f = pd.DataFrame({"id": range(6), "t": ['say "hi"', 'a,b', '"', 'x\\ny"z', 'plain', '""']})
            f.to_csv(d + "e.csv", index=False, escapechar="\\\\", doublequote=False, quoting=csv.QUOTE_ALL)
            pandas = pd.read_csv(d + "e.csv", escapechar="\\\\", keep_default_na=False)["t"].tolist()
            query = f"select t from read_csv('{d}e.csv', escape='\\\\', quote='\\"', header=true) order by id"
            duck = [r[0] for r in duckdb.sql(query).fetchall()]
            assert pandas == duck == f["t"].tolist(), (pandas, duck)
            open(d + "q.csv", "w").write("id,t\\n0,a\\\\,b\\n1,c\\\\\\\\d\\n2,e\\n")
            print(json.dumps([pandas, pd.read_csv(d + "q.csv", escapechar="\\\\", quoting=csv.QUOTE_NONE)["t"].tolist()]))
            """
        let expected = try JSONDecoder().decode([[String]].self, from: Data(try Oracle.run(script, [directory.path]).utf8))
        func texts(_ name: String, _ options: ReadOptions) throws -> [String?] {
            let reader = try TableReader(path: directory(name), options: options)
            try reader.select([ColumnRequest(position: 1, format: "u")])
            var texts: [String?] = []
            while let batch = try reader.next() { texts += try batch.columns[0].texts(file: name) }
            return texts
        }
        #expect(try texts("e.csv", options { $0.escape = Self.backslash }) == expected[0])
        #expect(
            try texts(
                "q.csv",
                options {
                    $0.escape = Self.backslash; $0.quote = nil
                }) == expected[1])
    }

    /// Read by RFC 4180 these give other text, or fewer rows.
    @Test(arguments: [
        ("id,t\n1,\"say \\\"hi\\\"\"\n", 1), ("id,t,v\n1,\"size 6\\\"\",1\n2,\"b\",2\n", 1), ("id,t\n1,ok\n\n2,\"a\"b\n", 2),
        ("id,t\n1,\"x\" y\n", 1),
        ("id,t\r\n1,\"q\r\nr\"\r\n2,\"a\\\"b\"\r\n", 2), ("\"a\"b,c\n1,2\n", nil),
    ])
    func textBehindAClosingQuoteIsRefused(text: String, row: Int?) throws {
        let path = try directory.write(text, to: "a.csv")
        for block in [1 << 20, 64] {
            var options = ReadOptions()
            options.blockByteCount = block
            let said = message { _ = try jsonLines(path, options: options) }
            #expect(said.contains(row.map { "row \($0):" } ?? "a.csv: a quoted cell") && said.contains("schema.dialect.escape"), "\(said)")
        }
    }

    /// All of this is right by RFC 4180, backslashes or not.
    @Test(arguments: [
        "a,b\n\"C:\\\",1\n", "a,b\n\"say \"\"hi\"\"\",1\n", "a,b\n\"x\" ,1\n", "a,b\n5\" pipe,1\n", "a,b\nx\"y\"z,1\n", "a,b\n\"\",\"\"\n",
        "a,b\n1,\"2\"",
        "a,b\n\"\"\"\",1\n", "a,b\n\"5\\\"\" pipe\",1\n",
    ])
    func rightByTheRules(text: String) throws {
        let path = try directory.write(text, to: "a.csv")
        #expect(try jsonLines(path).split(separator: "\n").count == 1)
    }

    @Test func anOpenQuoteIsExplained() throws {
        let path = try directory.write("id,t\n1,\"a\\\"\"\n2,b\n", to: "a.csv")
        let said = message { _ = try jsonLines(path) }
        #expect(said.contains("not closed") && said.contains("schema.dialect.escape"), "\(said)")
    }

    /// A line end of two bytes is one, wherever a block ends, also where a blank line is a row.
    @Test func lineEndsOverBlocks() throws {
        let path = try directory.write("a\r\n" + String(repeating: "12345\r\n", count: 60) + "\r\n7\r\n", to: "a.csv")
        for block in 64..<80 {
            var options = ReadOptions()
            options.blockByteCount = block
            #expect(try readAll(path, options: options) == 62, "\(block)")
        }
    }

    /// The character by which the lines are looked at for a hint is no cause to look again.
    @Test(arguments: ["a,b\n1,2\n3\u{1F},4,5\n", "a\u{1F}b,c\n1\u{1F},2,3\n"])
    func aUnitSeparatorIsACharacterLikeOthers(text: String) throws {
        let path = try directory.write(text, to: "separated.csv")
        let refusal = message { _ = try columns(path) }
        #expect(refusal.contains("columns, got"), "\(refusal)")
    }
}
