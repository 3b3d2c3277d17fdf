import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Kept columns whose values are hashed or left out. What a hash must be, Python's `hmac` says.
@Suite struct ColumnHashTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("hashes") }

    private static let key = (0..<32).map { UInt8($0 * 7 & 255) }

    private func privacy(_ hash: [String], drop: [String] = []) -> RowPrivacy {
        RowPrivacy(drop: drop, hash: hash, key: PrivacyKey(id: "k", bytes: Self.key))
    }

    /// The hashes of texts, one for each, by Python.
    private static func hashes(of texts: [String]) throws -> [String] {
        let script = """
            import hashlib, hmac, json, sys
            key, texts = bytes.fromhex(sys.argv[1]), json.loads(sys.argv[2])
            print(json.dumps([hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for text in texts]))
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let given = String(decoding: try JSONEncoder().encode(texts), as: UTF8.self)
        process.arguments = ["python3", "-c", script, key.map { String(format: "%02x", $0) }.joined(), given]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONDecoder().decode([String].self, from: said)
    }

    /// What is kept of the columns, as text by column; nil where a row has no value.
    private func kept(
        _ path: String, _ keep: [String], _ privacy: RowPrivacy, types: NameMap<String> = [:], input: String = "x",
        dialect: TextDialect = TextDialect(), batchRows: Int = 2
    ) throws -> [String: [String?]] {
        var options = ReadOptions()
        options.dialect = dialect
        let batches = try openInputs(
            path: path, options: options, inputs: [ModelInput(name: "x", elementType: .float64, dimensions: [nil])],
            rules: ["x": InputRule(columns: .list([input]), missing: .nan)],
            schema: TableSchemaRule(keep: keep, types: types, privacy: privacy), batchRows: batchRows, typing: .inferred())
        var found: [String: [String?]] = [:]
        while let batch = try batches.next() {
            for column in batch.kept.columns { found[column.field.name, default: []] += try column.texts(file: path) }
        }
        for field in batches.keptFields where privacy.hash.contains(field.name) { #expect(field.format == "u", "\(field.name)") }
        #expect(batches.foundTypes.keys.allSatisfy { !privacy.hash.contains($0) })
        return found
    }

    /// One value has one hash in every format and type, and a text that only looks like a number has its own.
    @Test func aHashIsPythonsOfTheOneTextThatAValueHas() throws {
        try directory.write(
            "x,id,f,s,t\n1,1,1.0,Zoe,01\n2,-20,2.50,\"a,\"\"b\"\"\",02\n3,,,\"\",\n4,18446744073709551615,NA,Grüße,01\n", to: "a.csv")
        try directory.write(
            """
            {"x":1,"id":1,"f":1.0,"s":"Zoe","t":"01"}
            {"x":2,"id":"-20","f":2.5,"s":"a,\\"b\\"","t":"02"}
            {"x":3,"id":null,"f":null,"s":""}
            {"x":4,"id":"18446744073709551615","f":null,"s":"Grüße","t":"01"}

            """.replacing("\"id\":1,", with: "\"id\":\"1.0\","), to: "a.jsonl")
        let known = try Self.hashes(of: ["1", "-20", "18446744073709551615", "2.5", "Zoe", "a,\"b\"", "Grüße", "01", "02"])
        let wanted: [String: [String?]] = [
            "id": [known[0], known[1], nil, known[2]], "f": [known[0], known[3], nil, nil],
            "s": [known[4], known[5], nil, known[6]],
            "t": [known[7], known[8], nil, known[7]],
        ]
        let columns = ["id", "f", "s", "t"]
        for file in ["a.csv", "a.jsonl"] {
            let found = try kept(directory(file), columns, privacy(columns))
            for column in columns { #expect(found[column] == wanted[column], "\(file): \(column)") }
            #expect(try kept(directory(file), columns, privacy(columns), batchRows: 100) == wanted, "\(file)")
        }
        #expect(known.allSatisfy { $0.count == 64 } && Set(known).count == known.count)
    }

    /// `schema.types` says that a column is text: then `1` and `1.0` are two values.
    @Test func aColumnThatIsSaidToBeTextHashesItsTexts() throws {
        try directory.write("x,id\n1,1\n2,1.0\n", to: "a.csv")
        let known = try Self.hashes(of: ["1", "1.0"])
        #expect(try kept(directory("a.csv"), ["id"], privacy(["id"]), types: ["id": "string"]) == ["id": [known[0], known[1]]])
        #expect(try kept(directory("a.csv"), ["id"], privacy(["id"]), types: ["id": "float64"]) == ["id": [known[0], known[0]]])
    }

    /// The columns of the frames that have one spelling in every tool, from every file that has them.
    @Test func everyFormatGivesTheSameHashes() throws {
        let columns = [
            "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "wide", "gaps", "f64", "whole", "holes", "text", "quotes", "spaces",
            "digits", "bignums", "words", "colour", "code", "price", "count",
        ]
        var first: [String: [String?]] = [:], compared = 0
        for file in FrameTests.Frame.shared.files {
            for column in columns where FrameTests.Frame.shared.cannot[file]?[column] == nil {
                guard let found = try kept(FrameTests.path(file), [column], privacy([column]), input: "i8")[column] else { continue }
                compared += 1
                if let known = first[column] { #expect(found == known, "\(file): \(column)") } else { first[column] = found }
                #expect(found.allSatisfy { $0.map { $0.utf8.count == 64 } ?? true }, "\(file): \(column)")
            }
        }
        #expect(compared > 200 && first.count == columns.count)
    }

    @Test func whatIsDroppedIsNotKeptAndNothingElseChanges() throws {
        try directory.write("x,id,mail,n\n1,7,a@b,3\n", to: "a.csv")
        let known = try Self.hashes(of: ["7"])
        let found = try kept(directory("a.csv"), ["id", "mail", "n"], privacy(["id"], drop: ["mail"]))
        #expect(found == ["id": [known[0]], "n": ["3"]])
    }

    /// A column of `privacy` is no feature unless it is named, so that neither its value nor its hash goes where nobody looks.
    @Test func whatIsDroppedOrHashedIsNoFeatureUnlessItIsNamed() throws {
        try directory.write("a,b,secret,more\n1,2,3,4\n", to: "a.csv")
        let input = ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil])
        func columns(_ rule: InputRule) throws -> [String]? {
            try openInputs(
                path: directory("a.csv"), inputs: [input], rules: ["x": rule],
                schema: TableSchemaRule(privacy: privacy(["more"], drop: ["secret"])), batchRows: 4
            ).boundColumns["x"]
        }
        #expect(try columns(InputRule()) == ["a", "b"])
        #expect(try columns(InputRule(columns: .pattern("*"))) == ["a", "b"])
        #expect(try columns(InputRule(columns: .list(["a", "secret"]))) == ["a", "secret"])
    }

    @Test func aTableWithoutRowsHasTheColumnsOfOneWithRows() throws {
        try directory.write("x,id,mail\n", to: "a.csv")
        let batches = try openInputs(
            path: directory("a.csv"), inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil])],
            schema: TableSchemaRule(keep: ["id", "mail"], privacy: privacy(["id"], drop: ["mail"])), batchRows: 4)
        #expect(batches.keptFields.map(\.name) == ["id"] && batches.keptFields[0].format == "u")
        let typed = try openInputs(
            path: directory("a.csv"), inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil])],
            schema: TableSchemaRule(keep: ["id"], types: ["id": "int64"], privacy: privacy(["id"])), batchRows: 4)
        #expect(typed.keptFields.map(\.format) == ["u"])
    }

    @Test func withoutTheKeyNothingIsKeptInItsPlace() throws {
        try directory.write("x,id\n1,7\n", to: "a.csv")
        #expect(throws: ColumnarError.self) { try kept(directory("a.csv"), ["id"], RowPrivacy(hash: ["id"])) }
    }
}
