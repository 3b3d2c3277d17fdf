import Foundation
import Testing

@testable import Columnar

@Suite struct ReaderTests {
    @Test(arguments: ["pandas.csv", "crlf-bom.csv", "pyarrow.csv", "duckdb.csv", "pandas.csv.gz", "pandas.csv.zst", "two-members.csv.gz"])
    func csvOfEveryTool(name: String) throws {
        let lines = try jsonLines(fixture(name)).split(separator: "\n").map(String.init)
        #expect(lines.count == 5)
        print(name, lines)
    }

    @Test(arguments: ["pandas.parquet", "duckdb.parquet", "pandas.jsonl", "duckdb.jsonl", "pandas.jsonl.gz", "types.parquet", "types.arrow", "types.arrows", "zstd.arrow"])
    func other(name: String) throws {
        print(name, try jsonLines(fixture(name)))
    }
}
