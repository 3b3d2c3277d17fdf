import FileSystem
import Foundation
import ONNX
import SystemPackage
import TestSupport
import Testing

/// `bench` and `forward --precision` as a user calls them, on a model and rows of the samples.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["MILLRACE_OPENVINO"] != "0", "OpenVINO is left out"))
struct BenchTests {
    private struct Report: Decodable {
        struct Candidate: Decodable {
            let engine: String
            let form: String
            let precision: String
            let sessions: Int
            let threads: Int
            let batch: Int
            let rowsPerSecond: Double?
            let cpuMsPerRow: Double?
            let peakBytes: Int64
            let cosine: Double?
            let passes: Bool
            let choice: Bool
        }
        struct Form: Decodable {
            let form: String
            let bytes: Int
            let layers: Int
            let calibrationRows: Int?
        }
        let candidates: [Candidate]
        let forms: [Form]
        let leftOut: [String: String]
        let comparedRows: Int?
    }

    private let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("samples").path

    private func bench(_ arguments: String...) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(["bench", samples + "/digits/model.onnx"] + arguments)
    }

    @Test func everyWayIsTimedAndComparedOnTheRows() throws {
        let result = try bench(
            "--data", samples + "/digits/data/digits-1.csv", "--columns", "pixels=pixel_*", "--budget", "1", "--batches", "32,4", "--json")
        #expect(result.status == 0, "\(result.error)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let report = try decoder.decode(Report.self, from: Data(result.output.utf8))
        for key in ["rows_per_second", "cpu_ms_per_row", "peak_bytes"] { #expect(result.output.contains("\"\(key)\"")) }
        #expect(report.comparedRows == 100)
        let original = try #require(report.candidates.first)
        #expect(original.engine == "onnxruntime" && original.precision == "float32" && original.batch == 32)
        #expect(report.forms.isEmpty && report.candidates.allSatisfy { $0.form == "published" })
        let openVINO = report.candidates.filter { $0.engine == "openvino" }
        #expect(openVINO.contains { $0.precision == "float32" })
        for candidate in openVINO { #expect(candidate.passes && candidate.cosine! > 0.9999) }
        for candidate in report.candidates {
            #expect(candidate.rowsPerSecond ?? 0 > 0 && candidate.cpuMsPerRow ?? 0 > 0 && candidate.peakBytes > 10 << 20)
        }
        #expect(report.candidates.filter(\.choice).count == 1)
        #expect(result.error.isEmpty)
        // One session with all cores comes first, and on several cores one session for each is tried.
        let cores = ProcessInfo.processInfo.activeProcessorCount
        #expect(original.sessions == 1 && original.threads == cores)
        if cores > 1 { #expect(report.candidates.contains { $0.sessions == cores && $0.threads == 1 }) }
    }

    /// The sessions that are named share the threads, those first that are named first.
    @Test func sessionsShareTheThreads() throws {
        let result = try bench(
            "--budget", "1", "--batches", "32", "--json", "--threads", "4", "--sessions", "2,1", "--precision", "float32")
        #expect(result.status == 0, "\(result.error)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let candidates = try decoder.decode(Report.self, from: Data(result.output.utf8)).candidates
        #expect(candidates.first.map { $0.sessions == 2 && $0.threads == 2 && $0.engine == "onnxruntime" } == true)
        let shared = Set(candidates.filter { $0.engine == "onnxruntime" }.map { [$0.sessions, $0.threads] })
        #expect(shared == [[2, 2], [1, 4], [1, 1]])
        // Two processes have twice the memory of one, but for what they share.
        func peak(_ sessions: Int) -> Int64 { candidates.first { $0.sessions == sessions && $0.engine == "onnxruntime" }?.peakBytes ?? 0 }
        #expect(peak(2) > peak(1) * 3 / 2 && peak(2) < peak(1) * 3)
        for (given, words) in [("5", "5 sessions need a thread each, and there are 4"), ("1,x", "numbers of processes from 1 on")] {
            let refused = try bench("--threads", "4", "--sessions", given)
            #expect(refused.status == 2 && refused.error.contains(words), "\(refused.error)")
        }
    }

    /// Forms with int8 are rows of the table beside the model as it was published; those that cannot be made say why.
    @Test func formsAreRowsOfTheTable() throws {
        let result = try bench(
            "--data", samples + "/digits/data/digits-1.csv", "--columns", "pixels=pixel_*", "--budget", "1", "--batches", "32", "--json",
            "--precision", "int8")
        #expect(result.status == 0, "\(result.error)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let report = try decoder.decode(Report.self, from: Data(result.output.utf8))
        #expect(Set(report.forms.map(\.form)) == ["int8-static", "int8-weights"], "\(report.leftOut)")
        // Its one product has only ten results.
        #expect(report.leftOut["int8-dynamic"]?.contains("no node of the model can be quantized") == true)
        #expect(report.forms.first { $0.form == "int8-static" }?.calibrationRows == 100)
        for form in report.forms {
            #expect(form.layers > 0)
            for engine in ["onnxruntime", "openvino"] {
                let candidate = try #require(report.candidates.first { $0.form == form.form && $0.engine == engine })
                #expect(candidate.cosine ?? 0 > 0.9, "\(candidate)")
            }
        }
        // A model of trees has no products.
        let trees = try DaemonProcess.command(
            ["bench", samples + "/tumours/model.onnx", "--precision", "int4", "--budget", "1", "--batches", "4"])
        #expect(trees.status == 0 && trees.output.contains("not tried: int4-weights: "), "\(trees.output)\(trees.error)")
        let unknown = try bench("--precision", "int3")
        #expect(unknown.status != 0 && unknown.error.contains("int3") && unknown.error.contains("int8"), "\(unknown.error)")
    }

    @Test func withoutRowsOnlyTimesCount() throws {
        let result = try bench("--budget", "1", "--batches", "8")
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.contains("inputs are made up") && result.output.contains("fastest that passes"))
    }

    @Test func whatCannotBeMeasuredIsSaidAtOnce() throws {
        let missing = try bench("--data", "/nowhere.csv")
        #expect(missing.status != 0 && missing.error.contains("/nowhere.csv: there is no such file"))
        let misfit = try bench("--data", samples + "/digits/data/digits-1.csv", "--budget", "1")
        #expect(misfit.status == 1 && misfit.error.contains("takes 64 columns"), "\(misfit.error)")
        let directory = try TemporaryDirectory("bench")
        let empty = try directory.write("id,pixel_0\n", to: "empty.csv")
        let noRows = try bench("--data", empty, "--columns", "pixels=pixel_0", "--budget", "1")
        #expect(noRows.status == 1, "\(noRows.error)")
    }

    /// The way is measured once and used again; what it gives is what ONNX Runtime gives, within the gate, and says so in its metadata.
    @Test func forwardUsesWhatWasMeasured() throws {
        let directory = try TemporaryDirectory("forward-precision")
        func forward(_ out: String, _ more: String...) throws -> DaemonProcess.CommandOutput {
            try DaemonProcess.command(
                [
                    "forward", samples + "/digits/model.onnx", samples + "/digits/data/digits-1.csv", directory(out), "--columns",
                    "pixels=pixel_*", "--keep", "id",
                ] + more, environment: ["XDG_CACHE_HOME": directory("cache")])
        }
        #expect(try forward("plain.csv").status == 0)
        #expect(!FileManager.default.fileExists(atPath: directory("cache/millrace")))
        let first = try forward("first.csv", "--precision", "auto", "--batch-size", "50", "--budget", "1")
        #expect(first.status == 0 && first.error.contains("as measured on this machine"), "\(first.error)")
        let kept = try FileManager.default.contentsOfDirectory(atPath: directory("cache/millrace/choices"))
        #expect(kept.count == 1)
        let bytes = try directory.read("cache/millrace/choices/" + kept[0])
        let second = try forward("second.csv", "--precision", "auto", "--batch-size", "50", "--budget", "1")
        #expect(second.error == first.error)
        #expect(try directory.read("cache/millrace/choices/" + kept[0]) == bytes)
        #expect(try directory.read("first.csv") == directory.read("second.csv"))
        func values(_ name: String) throws -> [[Double]] {
            try String(decoding: directory.read(name), as: UTF8.self).split(separator: "\n").dropFirst().map {
                $0.split(separator: ",").dropFirst().compactMap { Double($0) }
            }
        }
        let (plain, fast) = (try values("plain.csv"), try values("first.csv"))
        #expect(plain.count == 100 && fast.count == 100)
        for (a, b) in zip(plain, fast) {
            // The gate is the cosine of all values: 0.9999 is a distance of 1.4 % of their length.
            let distance = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }, square = a.reduce(0) { $0 + $1 * $1 }
            #expect(distance.squareRoot() <= 0.03 * square.squareRoot())
        }
    }

    /// A rewritten model that was chosen is kept beside the choice, and made again where it is gone or damaged.
    @Test func forwardKeepsTheFormThatItUses() throws {
        let directory = try TemporaryDirectory("forward-form")
        try LargeLayers.model().write(to: directory("model.onnx"))
        try directory.write(LargeLayers.rows(100), to: "rows.csv")
        func forward(_ out: String, _ more: String...) throws -> DaemonProcess.CommandOutput {
            try DaemonProcess.command(
                ["forward", directory("model.onnx"), directory("rows.csv"), directory(out), "--columns", "x=x*", "--keep", "id"] + more,
                environment: ["XDG_CACHE_HOME": directory("cache")])
        }
        func chosen(_ out: String) throws -> String {
            let result = try forward(out, "--precision", "int8", "--budget", "1", "--batch-size", "4", "--threads", "1")
            #expect(result.status == 0 && result.error.contains(" int8-"), "\(result.error)")
            return result.error
        }
        #expect(try forward("plain.csv").status == 0)
        _ = try chosen("first.csv")
        func forms() -> [String] { directory.files().filter { $0.hasPrefix("cache") && $0.hasSuffix("/model.onnx") } }
        let model = try #require(forms().first)
        #expect(try model.contains("-" + FileDigest.of(FilePath(directory(model))).digest.prefix(32) + "/"))
        #expect(directory.files().filter { $0.hasPrefix("cache/millrace") }.count == 2, "\(directory.files())")
        // What is kept is used, and gives the same bytes.
        let written = try FileManager.default.attributesOfItem(atPath: directory(model))[.systemFileNumber] as? Int
        _ = try chosen("second.csv")
        #expect(try directory.read("first.csv") == directory.read("second.csv"))
        #expect(try FileManager.default.attributesOfItem(atPath: directory(model))[.systemFileNumber] as? Int == written)
        func values(_ name: String) throws -> [Double] {
            try String(decoding: directory.read(name), as: UTF8.self).split(separator: "\n").dropFirst().flatMap {
                $0.split(separator: ",").dropFirst().compactMap { Double($0) }
            }
        }
        let (plain, fast) = (try values("plain.csv"), try values("first.csv"))
        #expect(plain.count == 1600 && fast.count == 1600 && plain != fast)
        func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect(product(plain, fast) / (product(plain, plain) * product(fast, fast)).squareRoot() > 0.99)
        try directory.write("no model", to: model)
        _ = try chosen("third.csv")
        // What is damaged is measured and made again; another form may be the fastest this time.
        let again = try values("third.csv")
        #expect(product(plain, again) / (product(plain, plain) * product(again, again)).squareRoot() > 0.99)
        let alone = try forward("fourth.csv", "--gate-cosine", "0.9")
        #expect(alone.status != 0 && alone.error.contains("--precision"), "\(alone.error)")
    }
}
