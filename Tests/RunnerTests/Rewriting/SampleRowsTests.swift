import Attempts
import FileSystem
import Foundation
import Reasons
import Recipes
import TestSupport
import Testing

@testable import Runner

/// A model is measured on the rows of several files where the newest one has too few.
@Suite struct SampleRowsTests {
    private let scene: FormScene

    /// Three files, of 40, 40 and 80 rows, each with larger numbers than the one before.
    init() throws {
        scene = try FormScene(Perceptron.model(), rows: Self.rows(0))
        for number in 1...2 { try scene.write(Self.rows(number), to: "rows\(number).csv") }
        try FileManager.default.createDirectory(atPath: scene.directory("reference"), withIntermediateDirectories: true)
    }

    private static func rows(_ number: Int) -> [[Float]] {
        (0..<(number == 2 ? 80 : 40)).map { row in
            Perceptron.numbers(Perceptron.width, seed: UInt64(100 * number + row)).map { $0 * Float(number + 1) }
        }
    }

    private func measured(_ question: AttemptSpec.MeasuredFiles.Question, rows: Int = 100, older: [String]) throws -> AttemptResult {
        var files = AttemptSpec.MeasuredFiles(
            model: try scene.input("model.onnx"), data: try scene.input("rows.csv"), rows: rows, reference: scene.directory("reference"),
            question: question)
        files.older = try older.map { try scene.input($0) }
        return scene.execute(.measure(files))
    }

    @Test func rowsOfOlderFilesFollow() throws {
        #expect(try measured(.reference, older: []).measurement?.rows == 40)
        let older = ["rows1.csv", "rows2.csv"]
        #expect(try measured(.reference, older: older).measurement?.rows == 112, "batches of 32 and 8 rows until there are 100")
        let found = try #require(try measured(.agreement, older: older).measurement)
        #expect(found.rows == 112 && found.agreement.map(\.rows) == [112] && found.agreement[0].cosine == 1)
        // In another order the outputs are others.
        let other = try #require(try measured(.agreement, older: older.reversed()).measurement)
        #expect(try #require(other.agreement[0].cosine) < 0.9)
        #expect(try #require(try measured(.speed(seconds: 0.02), older: older).measurement).rows > 0)
    }

    /// No more is opened than is read.
    @Test func aFileThatIsNotNeededMayBeGone() throws {
        let gone = scene.directory("rows1.csv")
        var files = AttemptSpec.MeasuredFiles(
            model: try scene.input("model.onnx"), data: try scene.input("rows.csv"), rows: 40, reference: scene.directory("reference"))
        files.older = [try scene.input("rows1.csv")]
        try FileManager.default.removeItem(atPath: gone)
        #expect(scene.execute(.measure(files)).failure == nil)
        files.rows = 41
        #expect(scene.execute(.measure(files)).failure.map { "\($0.statement)".contains("rows1.csv") } == true)
    }

    /// Ranges are found from rows that follow those with which outputs are compared, in whichever file they are.
    @Test func rangesAreFoundFromOlderFiles() throws {
        func made(_ older: [String]) throws -> [UInt8] {
            var files = try scene.files(.int8Static, compared: 64)
            files.older = try older.map { try scene.input($0) }
            let answer = scene.execute(.rewrite(files))
            #expect(answer.failure == nil)
            return try scene.directory.read("made/\(ModelForm.int8Static.rawValue)/model.onnx")
        }
        let alone = try made([])
        #expect(try made([]) == alone)
        #expect(try made(["rows1.csv", "rows2.csv"]) != alone)
    }
}
