import Foundation
import Recipes
import TestSupport
import Testing

/// `init` over models and data as people have them: the pipeline that it writes works as it stands, and gives what the framework predicts.
@Suite struct InitTests {
    private static let folder = ProjectScript.repository + "/Tests/EndToEndTests/Init"
    static let cases = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.contains(".") }.sorted()

    /// Relative, or absolute below 1. KMeans is exported as differences of squares in float32, of which little is left near a centre.
    private static func tolerance(_ name: String) -> Double { name == "clusters" ? 5e-4 : 2e-5 }

    private struct Case {
        let model: String
        let data: String
        let expected: ZooTable

        init(_ name: String) throws {
            let folder = InitTests.folder + "/" + name
            model = folder + "/model.onnx"
            data = folder + "/" + (try FileManager.default.contentsOfDirectory(atPath: folder).first { $0.hasPrefix("data.") } ?? "data")
            expected = try ZooTable(path: folder + "/expected.csv")
        }
    }

    /// Returns what `init` printed, and the pipeline that it wrote.
    private func initialize(_ model: String, _ data: String, in root: TemporaryDirectory) throws -> (
        said: String, yaml: String, path: String
    ) {
        let result = try DaemonProcess.command(["init", model, data, "--root", root.path, "--name", "p"])
        #expect(result.status == 0, "\(result.output)\(result.error)")
        let path = root("pipelines/p.yaml")
        return (result.output + result.error, (try? String(contentsOfFile: path, encoding: .utf8)) ?? "", path)
    }

    @Test func allCasesAreThere() { #expect(Self.cases.count >= 23) }

    @Test(arguments: cases) func worksUnedited(name: String) throws {
        let root = try TemporaryDirectory("init")
        let given = try Case(name)
        let made = try initialize(given.model, given.data, in: root)
        #expect(made.said.contains("rows of") && made.said.contains("scored"), "\(made.said)\n\(made.yaml)")
        let output = root("out.csv")
        let scored = try DaemonProcess.command(["forward", given.model, given.data, output, "--pipeline", made.path])
        try #require(scored.status == 0, "\(scored.error)\n\(made.yaml)")
        let landed = try ZooTable(path: output)
        #expect(landed.rowCount == given.expected.rowCount)
        for column in given.expected.names {
            let found = try #require(landed.columns[column], "no column \(column) but \(landed.names)\n\(made.yaml)")
            for (row, (found, wanted)) in zip(found, given.expected.columns[column]!).enumerated() where found != wanted {
                guard let found = Double(found), let wanted = Double(wanted),
                    abs(found - wanted) <= Self.tolerance(name) * max(1, abs(wanted))
                else {
                    Issue.record("\(column), row \(row): \(found) landed, the framework says \(wanted)\n\(made.yaml)")
                    break
                }
            }
        }
    }

    /// The dialect of a CSV file is found, and the key's type with it. Each row: a file's bytes, and what the pipeline says of it.
    @Test(
        arguments: [
            ("5.5,2,1,1\n6,2,1,1.5\n", "header: false"),
            ("id,note,a,b,c,d\n1,\"say \\\"hi\\\", ok\",1,2,3,4\n2,\"x\",1,2,3,4\n", "escape: "),
            ("id\ta\tb\tc\td\n007\t1\t2\t3\t4\n008\t1\t2\t3\t4\n", "types: { id: string }"),
            ("id;a;b;c;d\n1;1,5;2;3;4\n2;1;2,5;3;4\n", "delimiter: \";\", decimal: \",\""),
        ])
    func dialects(text: String, expected: String) throws {
        let root = try TemporaryDirectory("init")
        let data = try root.write(text, to: "rows.csv")
        let made = try initialize(Self.folder + "/clusters/model.onnx", data, in: root)
        #expect(made.yaml.contains(expected), "\(made.yaml)")
        #expect(made.said.contains("all 2 rows of"), "\(made.said)\n\(made.yaml)")
    }

    /// The bytes alone tell of another encoding, and nothing else is said of such a file.
    @Test func encodings() throws {
        let root = try TemporaryDirectory("init")
        let made = try initialize(Self.folder + "/latin-1/model.onnx", Self.folder + "/latin-1/data.csv", in: root)
        #expect(
            made.yaml.contains("encoding: windows-1252") && !made.yaml.contains("escape:") && !made.yaml.contains("header:"), "\(made.yaml)"
        )
    }
}
