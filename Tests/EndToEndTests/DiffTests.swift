import Foundation
import TestSupport
import Testing

/// `diff` as a user calls it. What is different between models is found by ONNX's Python package, NumPy and ONNX Runtime
/// (`Diff/judge.py`).
@Suite struct DiffTests {
    private struct Distance: Decodable {
        let cosine: Double?, largest: Double?, relative: Double?, sameTop: Double?
        let changed: Int?
    }

    private struct Verdict: Decodable {
        struct First: Decodable {
            let a: String, b: String
            let error: Double
        }
        let name: String
        let operators: [String: [Int]]
        let changed: [String: Distance]
        let outputs: [String: Distance]
        let firstRow: Int
        let first: First?
        let sameInitializers: Int
    }

    private struct Report: Decodable {
        struct Change: Decodable, Equatable {
            let name: String
            let a: String?, b: String?
        }
        struct Count: Decodable {
            let name: String
            let a: Int, b: Int
        }
        struct Named: Decodable {
            let name: String
            let difference: Distance?
            let distance: Distance?
        }
        struct Node: Decodable {
            let output: String
            let attributes: [Change]
        }
        struct Initializers: Decodable {
            let same: Int
            let renamed: [Change]
            let changed: [Named]
            let others: [Change]
        }
        struct Changes: Decodable {
            let inputs: [Change], outputs: [Change], facts: [Change]
            let operators: [Count]
            let nodes: [Node]
            let initializers: Initializers
            let weights: [Count]
        }
        struct Parting: Decodable {
            struct First: Decodable {
                let a: String, b: String
                let nodeA: String
                let distance: Distance
            }
            let firstRow: Int
            let first: First?
        }
        struct OnRows: Decodable {
            let rows: Int
            let outputs: [Named]
            let parting: Parting
        }
        let changes: Changes
        let differs: Bool, sameFile: Bool
        let onRows: OnRows?
        let notCompared: String?
    }

    private static let python = ProjectScript.repository + "/.deps/oracle/bin/python"
    private static let digits = ProjectScript.repository + "/samples/digits/model.onnx"

    private func diff(_ arguments: String...) throws -> DaemonProcess.CommandOutput { try DaemonProcess.command(["diff"] + arguments) }

    private func report(_ result: DaemonProcess.CommandOutput) throws -> Report {
        try Self.decoder.decode(Report.self, from: Data(result.output.utf8))
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    private func judge(_ folder: TemporaryDirectory) throws -> [Verdict] {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.python)
        process.arguments = [ProjectScript.repository + "/Tests/EndToEndTests/Diff/judge.py", folder.path]
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try said.split(separator: UInt8(ascii: "\n")).map { try Self.decoder.decode(Verdict.self, from: $0) }
    }

    private func isClose(_ mine: Double?, _ other: Double?, _ tolerance: Double = 1e-3) -> Bool {
        guard let mine, let other else { return mine == nil && other == nil }
        return abs(mine - other) <= tolerance * max(abs(other), 1e-4)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: python), "needs .deps/oracle, which Scripts/test-tools installs"))
    func whatDiffersIsWhatOthersFind() throws {
        let folder = try TemporaryDirectory("diff")
        let verdicts = try judge(folder)
        #expect(verdicts.map(\.name) == ["weights", "attribute", "renamed", "float16", "int8", "same"])
        for verdict in verdicts {
            let result = try diff(
                folder("\(verdict.name).a.onnx"), folder("\(verdict.name).b.onnx"), "--data", folder("rows.npz"), "--json", "--exit-code")
            #expect(result.status == (verdict.name == "same" ? 0 : 1), "\(verdict.name): \(result.error)")
            let report = try report(result)
            #expect(report.differs == (verdict.name != "same") && report.sameFile == (verdict.name == "same"))
            let operators = Dictionary(uniqueKeysWithValues: report.changes.operators.map { ($0.name, [$0.a, $0.b]) })
            #expect(operators == verdict.operators, "\(verdict.name)")
            #expect(report.changes.initializers.same == verdict.sameInitializers, "\(verdict.name)")
            let changed = report.changes.initializers.changed
            #expect(Set(changed.map(\.name)) == Set(verdict.changed.keys), "\(verdict.name)")
            for entry in changed {
                let mine = try #require(entry.difference), other = try #require(verdict.changed[entry.name])
                #expect(mine.changed == other.changed && isClose(mine.largest, other.largest) && isClose(mine.relative, other.relative))
            }
            let onRows = try #require(report.onRows)
            #expect(onRows.rows == 50 && Set(onRows.outputs.map(\.name)) == Set(verdict.outputs.keys))
            for output in onRows.outputs {
                let mine = try #require(output.distance), other = try #require(verdict.outputs[output.name])
                #expect(
                    isClose(mine.cosine, other.cosine, 1e-6) && isClose(mine.relative, other.relative, 0.01), "\(verdict.name): \(output)")
                #expect(isClose(mine.largest, other.largest, 0.01) && isClose(mine.sameTop, other.sameTop), "\(verdict.name): \(output)")
            }
            #expect(onRows.parting.firstRow == verdict.firstRow, "\(verdict.name)")
            #expect(onRows.parting.first?.a == verdict.first?.a && onRows.parting.first?.b == verdict.first?.b, "\(verdict.name)")
            let error = onRows.parting.first?.distance
            #expect(isClose(error?.relative ?? error?.sameTop.map { 1 - $0 }, verdict.first?.error, 0.01), "\(verdict.name)")
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: python), "needs .deps/oracle, which Scripts/test-tools installs"))
    func peopleReadIt() throws {
        let folder = try TemporaryDirectory("diff-words")
        _ = try judge(folder)
        let weights = try diff(folder("weights.a.onnx"), folder("weights.b.onnx"), "--data", folder("rows.npz"))
        #expect(weights.status == 0 && weights.error.isEmpty)
        #expect(weights.output.contains(#/w2 +float\[16, 16\] +4 of 256 +1 +0\.3/#), "\(weights.output)")
        #expect(weights.output.contains("they part at node MatMul -> 'h4'"), "\(weights.output)")
        let attribute = try diff(folder("attribute.a.onnx"), folder("attribute.b.onnx"))
        #expect(attribute.output.contains(#/h3 +LeakyRelu +LeakyRelu +alpha 0\.1 -> 0\.2/#), "\(attribute.output)")
        #expect(!attribute.output.contains("they part"), "nothing is run without rows")
        let renamed = try diff(folder("renamed.a.onnx"), folder("renamed.b.onnx"))
        #expect(renamed.output.contains(#/w1 +of_w1/#) && !renamed.output.contains("h1"), "\(renamed.output)")
        // A tolerance above every difference lets none of them count.
        let loose = try diff(folder("float16.a.onnx"), folder("float16.b.onnx"), "--data", folder("rows.npz"), "--tolerance", "0.5")
        #expect(loose.output.contains("differs by more than 0.5 on rows"), "\(loose.output)")
    }

    @Test func theSameFileIsTheSame() throws {
        let result = try diff(Self.digits, Self.digits, "--exit-code")
        #expect(result.status == 0 && result.output.contains("the files are the same, byte for byte"))
    }

    @Test func whatCannotBeComparedIsSaid() throws {
        let data = ProjectScript.repository + "/samples/digits/data/digits-1.csv"
        let folder = try TemporaryDirectory("diff-bad")
        let other = try folder.write(TinyModel.adding(1), to: "other.onnx")
        let inputs = try diff(Self.digits, other, "--data", data, "--columns", "pixels=pixel_*")
        #expect(inputs.status == 0 && inputs.output.contains("not run on the rows: the models have different inputs (pixels: float"))
        #expect(inputs.output.contains("operators"), "the rest is told")
        let misfit = try diff(Self.digits, Self.digits, "--data", data)
        #expect(misfit.status == 1 && misfit.error.contains("takes 64 columns"), "\(misfit.error)")
        let text = try folder.write("not a model\n", to: "text.onnx")
        for order in [[text, Self.digits], [Self.digits, text]] {
            let result = try diff(order[0], order[1])
            #expect(result.status == 1 && result.error.contains("text.onnx"), "\(result.error)")
        }
        #expect(try diff(Self.digits, "/nowhere.onnx").error.contains("/nowhere.onnx: there is no such file"))
        #expect(try diff(Self.digits, Self.digits, "--data", "/nowhere.csv").error.contains("/nowhere.csv: there is no such file"))
        #expect(try diff(Self.digits, Self.digits, "--tolerance", "1").status == 2)
        #expect(try diff(Self.digits, Self.digits, "--columns", "pixels=pixel_*").status == 2)
        let empty = try folder.write("id,\((0..<64).map { "pixel_\($0)" }.joined(separator: ","))\n", to: "empty.csv")
        let noRows = try diff(Self.digits, Self.digits, "--data", empty, "--columns", "pixels=pixel_*")
        #expect(noRows.status == 1 && noRows.error.contains("there are no rows"), "\(noRows.error)")
    }
}
