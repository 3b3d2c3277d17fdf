import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// The rows of all ranges are the rows of the file, value for value and type for type.
@Suite struct RangeTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("ranges") }

    static let files: [String] = {
        let folders = ["Fixtures", "Frames"].map { Oracle.packageRoot + "/Tests/ColumnarTests/" + $0 }
        return folders.flatMap { folder in
            ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { folder + "/" + $0 }
        }.filter { TableFormat(fileName: $0).map { !$0.isArrays } ?? false && !$0.hasSuffix("frame.json") }
    }()

    /// Every file of other tools, with all of its columns kept.
    @Test(arguments: files) func filesOfOtherTools(path: String) throws {
        let format = try #require(TableFormat(fileName: path))
        var reading = RangeReading(path: path)
        if path.hasSuffix("european.csv") { (reading.options.dialect.delimiter, reading.options.dialect.decimal) = (59, 44) }
        if path.hasSuffix("headerless.csv") { reading.options.dialect.header = .absent(names: nil) }
        let columns = try TableReader(path: path, options: reading.options).schema.fields
        guard let number = columns.first(where: { $0.type.isNumeric }) else { return }
        reading.rules["x"] = InputRule(columns: .list([number.name]), missing: .nan)
        reading.schema.keep = columns.filter { field in
            if case .other = field.type { return false }
            return columns.count { $0.name == field.name } == 1
        }.map(\.name)
        for block in format.isText ? [64, 300, 1 << 20] : [1 << 20] {
            reading.options.blockByteCount = block
            let most = reading.check()
            if format.isText, format.compression == .none, block == 300, (try? reading.whole()) != nil {
                #expect(most > 1, "\(path) was not cut")
            }
        }
    }
}
