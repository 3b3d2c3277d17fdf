import Arrivals
import FileSystem
import Landing
import Testing

@Suite struct OutputNamingTests {
    private let facts = OutputNaming.Facts(arrivedAt: UTCTime(milliseconds: 1_795_469_999_000), version: 3)

    @Test(arguments: [
        ("a.csv", "a.parquet"), ("sub/a.csv", "sub/a.parquet"), ("a.csv.gz", "a.parquet"), ("data.2026.jsonl.zst", "data.2026.parquet"),
        ("README", "README.parquet"), ("x.csv/part-0.csv", "x.csv/part-0.parquet"), ("_p=1/a.npy", "_p=1/a.parquet"),
        ("a.gz", "a.parquet"), ("naïve ñ.csv", "naïve ñ.parquet"), (".csv", ".csv.parquet"), ("a..csv", "a..parquet"),
    ])
    func mirrorsTheInput(input: String, output: String) throws {
        #expect(try OutputNaming(fileExtension: "parquet").path(for: input, facts: facts) == output)
    }

    @Test func partitionsByFactsOfTheArrival() throws {
        let naming = OutputNaming(fileExtension: "csv.gz", partitionBy: [.arrivalDate, .version, .stem])
        #expect(
            try naming.path(for: "sub/a:b é.csv", facts: facts) == "arrival_date=2026-11-23/version=3/stem=a%3Ab é/sub/a:b é.csv.gz")
    }

    @Test(
        arguments: [
            (0, "1970-01-01"), (951_782_400, "2000-02-29"), (4_107_542_399, "2100-02-28"), (4_107_542_400, "2100-03-01"),
            (-1, "1969-12-31"),
            (1_795_478_399, "2026-11-23"), (1_795_478_400, "2026-11-24"),
        ] as [(Int64, String)])
    func arrivalDateIsUTC(seconds: Int64, date: String) throws {
        let path = try OutputNaming(fileExtension: "csv", partitionBy: [.arrivalDate])
            .path(for: "a.csv", facts: .init(arrivedAt: UTCTime(milliseconds: seconds * 1000), version: 1))
        #expect(path == "arrival_date=\(date)/a.csv")
    }

    @Test(arguments: ["../a.csv", "/a.csv", "a/../b.csv", "", "..", String(repeating: "n", count: 250) + ".csv"])
    func refusesWhatLeavesTheSpoolOrIsTooLong(name: String) {
        #expect(throws: FileSystemError.self) { try OutputNaming(fileExtension: "parquet").path(for: name, facts: facts) }
    }
}
