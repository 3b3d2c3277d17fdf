import Foundation
import Testing

@testable import Columnar

/// Other people's readers and writers, through the one Python that setup installs them for.
enum Oracle {
    static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The interpreter that has pyarrow, pandas, duckdb and numpy, or `nil`.
    static let python: String? = {
        let path = packageRoot + "/.deps/oracle/bin/python"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static let isAvailable = python != nil
    static let reason: Comment = "needs .deps/oracle with pyarrow, pandas, duckdb and numpy, which Scripts/setup installs"

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What `script` prints, without the line end. `arguments` are its `sys.argv[1:]`.
    static func run(_ script: String, _ arguments: [String] = []) throws -> String {
        guard let python else { throw Failure(description: reason.rawValue) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", script] + arguments
        let output = Pipe(), errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: String(decoding: complaint, as: UTF8.self)) }
        return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .newlines)
    }
}

/// A committed file that other tools made (make-fixtures.py).
func fixture(_ name: String) -> String { Oracle.packageRoot + "/Tests/ColumnarTests/Fixtures/" + name }

/// Copies a file's rows into another format through the text writer, for comparing.
func jsonLines(_ path: String, select names: [String]? = nil, options: ReadOptions = ReadOptions()) throws -> String {
    let target = NSTemporaryDirectory() + "/columnar-\(UUID().uuidString).jsonl"
    defer { try? FileManager.default.removeItem(atPath: target) }
    try copy(path, to: target, format: .jsonLines, select: names, options: options)
    return try String(contentsOfFile: target, encoding: .utf8)
}

@discardableResult
func copy(
    _ path: String, to target: String, format: TableFormat, select names: [String]? = nil, options: ReadOptions = ReadOptions(),
    metadata: [(key: String, value: String)] = []
) throws -> WrittenTable {
    let reader = try TableReader(path: path, options: options)
    if let names { try reader.select(names.map { ColumnRequest(position: reader.schema.positions(of: $0)[0]) }) }
    let writer = try TableWriter(path: target, format: format, schema: reader.schema, metadata: metadata)
    while let batch = try reader.next() { try writer.write(batch) }
    return try writer.finish()
}
