import Foundation
import TestSupport
import Testing

/// Secrets in the cells of files of every format, good and bad, data and labels: with `privacy` they are nowhere but in the files that were
/// dropped. Everything below the root is searched, with the log, what notifications told, and what commands print.
@Suite(.serialized) struct PlantedSecretTests {
    private let root: TemporaryDirectory
    init() throws { root = try TemporaryDirectory("planted") }

    /// Each secret is in a column of its own: `id` is hashed, `mail` and `phone` are dropped, `x` has bad cells.
    private static let secrets = ["ZoeIdentity", "ZoeMailbox", "ZoeTelephone", "ZoeBadCell", "ZoeRagged", "ZoeBroken", "ZoeLabel"]
    private static let formats = ["csv", "jsonl", "parquet", "arrow", "npz"]

    private func rows(_ first: Int, _ count: Int, x: String? = nil) -> [(id: String, mail: String, phone: String, x: String)] {
        (first..<first + count).map { ("ZoeIdentity\($0)", "ZoeMailbox\($0)", "ZoeTelephone\($0)", x ?? "\($0)") }
    }

    private func csv(_ first: Int, _ count: Int = 3, x: String? = nil, more: String = "", target: Int? = nil) -> String {
        "id,mail,phone,x\(target == nil ? "" : ",target")\n"
            + rows(first, count, x: x).map { "\($0.id),\($0.mail),\($0.phone),\($0.x)\(target.map { ",\($0)" } ?? "")\(more)\n" }.joined()
    }

    private func json(_ first: Int, x: String? = nil, target: Int? = nil) -> String {
        rows(first, 3, x: x).map { row in
            "{\"id\":\"\(row.id)\",\"mail\":\"\(row.mail)\",\"phone\":{\"a\":[\"\(row.phone)\"]},\"x\":\(row.x)"
                + (target.map { ",\"target\":\($0)" } ?? "") + "}\n"
        }.joined()
    }

    private func world(_ privacy: String) throws {
        for format in Self.formats {
            try root.write(
                """
                name: \(format)
                spool: { models: spool/\(format)/models, data: { path: spool/\(format)/data, include: all } }
                settle: { quiet: 200ms }
                schema: { key: [id], keep: [id, mail], inputs: { x: [x] } }
                stages: [deserialize, forward]
                land: { models: out/\(format)/models, outputs: { path: out/\(format)/rows, format: \(format) } }
                after: archive
                archive: archive/\(format)
                on_error: { attempts: 2, backoff: 10ms }
                notify: { published: ops, rejected: ops, quarantined: ops }
                \(privacy)

                """, to: "pipelines/\(format).yaml")
            try root.write(TinyModel.adding(1), to: "spool/\(format)/models/m.onnx")
        }
        try root.write(
            """
            name: t
            spool: { models: spool/t/models, labelled: { path: spool/t/labelled, include: all } }
            settle: { quiet: 200ms }
            schema: { key: [id], label: target, inputs: { x: [x] } }
            stages:
              - deserialize
              - optimize: { gradient: { loss: mean_squared_error, epochs: 2, batch_size: 4, validation: 0, train: [addend] } }
            land: { models: out/t/models }
            after: archive
            archive: archive/t
            notify: { published: ops, rejected: ops, quarantined: ops }
            \(privacy)

            """, to: "pipelines/t.yaml")
        try root.write(TinyModel.adding(1), to: "spool/t/models/m.onnx")
        try root.write("#!/bin/sh\ncat >> '\(root("told"))'\n", to: "tell")
        chmod(root("tell"), 0o755)
        try root.write("notify: { ops: { command: [\"\(root("tell"))\"] } }\nland: { mode: 0644 }\n", to: "millrace.yaml")
        try root.write(
            """
            name: make
            spool: { models: a, data: b }
            schema: { keep: [id, mail, phone, x], inputs: { x: [x] } }
            stages: [deserialize, forward]
            land: { models: c, outputs: d }

            """, to: "make.yaml")
    }

    private func drop() throws {
        try root.write(csv(0), to: "made.csv")
        for format in Self.formats {
            let data = "spool/\(format)/data/"
            for other in ["parquet", "arrow", "npz"] {
                try FileManager.default.createDirectory(atPath: root(data), withIntermediateDirectories: true)
                let made = try DaemonProcess.command([
                    "forward", root("spool/\(format)/models/m.onnx"), root("made.csv"), root(data + "good-\(other).\(other)"), "--pipeline",
                    root("make.yaml"), "--force",
                ])
                try #require(made.status == 0, "\(made.error)")
            }
            try root.write(csv(10), to: data + "good.csv")
            try root.write(json(20), to: data + "good-lines.jsonl")
            try root.write(csv(30, x: "ZoeBadCell"), to: data + "bad.csv")
            try root.write(csv(40, more: ",ZoeRagged"), to: data + "ragged.csv")
            try root.write(json(50, x: "\"ZoeBadCell\""), to: data + "bad.jsonl")
            try root.write(json(60, x: "ZoeBroken"), to: data + "broken.jsonl")
        }
        try FileManager.default.removeItem(atPath: root("made.csv"))
        // Enough rows to be scored in ranges.
        try root.write(csv(1000, 160_000), to: "spool/csv/data/large.csv")
        try root.write(csv(70, 40, target: 100), to: "spool/t/labelled/a.csv")
        try root.write(json(110, target: 200), to: "spool/t/labelled/b.jsonl")
        try root.write(csv(120, more: ",ZoeLabel").replacing("phone,x", with: "phone,x,target"), to: "spool/t/labelled/bad.csv")
    }

    private func ran() throws -> String {
        var log = ""
        for _ in 0..<20 {
            usleep(400_000)
            let done = try DaemonProcess.command(["run", "--once", "--root", root.path, "--log-format", "json", "--verbose"])
            log += done.output + done.error
            if done.status != 3 { break }
        }
        return log
    }

    /// What commands print.
    private func said() throws -> [(name: String, bytes: Data)] {
        var all = [["status"], ["runs"], ["events"], ["check"], ["plan"], ["doctor"], ["models", "t"]]
        all += (1...60).map { ["runs", "\($0)"] }
        for file in ["csv/data/bad.csv", "csv/data/broken.jsonl", "csv/data/ragged.csv", "t/labelled/bad.csv", "t/labelled/a.csv"] {
            all.append(["explain", "spool/" + file])
        }
        return try all.flatMap { words in
            try [words, words + ["--json"]].map { words in
                let answer = try DaemonProcess.command(words + ["--root", root.path], in: root.path)
                return (words.joined(separator: " "), Data((answer.output + answer.error).utf8))
            }
        }
    }

    /// The secrets that stand in a text, in UTF-8 or as NumPy writes text.
    private static func found(in bytes: Data, _ words: [String]) -> [String] {
        words.filter { word in
            bytes.range(of: Data(word.utf8)) != nil
                || bytes.range(of: Data(word.utf8.flatMap { [$0, 0, 0, 0] })) != nil
        }
    }

    /// The places where secrets stand, apart from the files that were dropped.
    private func leaks(_ words: [String], log: String, _ said: [(name: String, bytes: Data)]) throws -> [String] {
        let dropped = root.files().filter { name in
            name.hasPrefix("spool/") || name.hasPrefix("archive/") || name.hasPrefix("quarantine/") && !name.hasSuffix(".reason.json")
        }
        let files = try root.files().filter { !dropped.contains($0) }.map { (name: $0, bytes: Data(try root.read($0))) }
        return (files + said + [("the log", Data(log.utf8))]).flatMap { text in
            Self.found(in: text.bytes, words).map { "\(text.name): \($0)" }
        }
    }

    @Test func aSecretIsNowhereButInItsFile() throws {
        try world("privacy: { drop: [mail, phone], hash: [id] }")
        try drop()
        let log = try ran(), said = try said()
        #expect(try leaks(Self.secrets, log: log, said) == [])
        // It all went as it should.
        let files = root.files()
        for format in Self.formats {
            let rows = files.filter { $0.hasPrefix("out/\(format)/rows/good") }
            #expect(rows.count == 5, "\(format): \(rows)\n\(log.suffix(3000))")
            #expect(files.count { $0.hasPrefix("quarantine/\(format)/") && !$0.hasSuffix(".reason.json") } == 4, "\(files)")
        }
        #expect(files.contains("out/t/models/2/model.onnx") && files.contains("out/csv/rows/large.csv"))
        #expect(Self.keptLabels(files).count == 2, "\(files.filter { $0.contains("training") })")
        #expect(files.contains("told") && log.contains("no number"))
        // What was dropped stands once, where it was moved to, for its user alone.
        for name in files where name.hasPrefix("archive/") || name.hasPrefix("quarantine/") && !name.hasSuffix(".reason.json") {
            var status = stat()
            #expect(stat(root(name), &status) == 0 && status.st_mode & 0o777 == 0o600, "\(name)")
        }
        #expect(!files.contains { $0.hasPrefix("spool/csv/data/") && !$0.hasSuffix(".reason.json") })
        // The hashes are Python's, and the key stands in its file alone.
        let key = String(decoding: try root.read(".millrace/privacy.key"), as: UTF8.self).trimmingCharacters(in: .newlines)
        #expect(try leaks([String(key.prefix(16))], log: log, said) == [".millrace/privacy.key: \(key.prefix(16))"])
        for (file, row) in [("good.csv", 10), ("large.csv", 161_000 - 1)] {
            let text = String(decoding: try root.read("out/csv/rows/" + file), as: UTF8.self)
            #expect(text.hasPrefix("id,y\n"), "\(text.prefix(100))")
            let wanted = try hmac(key, "ZoeIdentity\(row)")
            #expect(text.contains("\n\(wanted),\(row + 1)"), "\(text.prefix(300))")
        }
        let labels = try #require(files.first { $0.contains("training/t/labels/") && $0.hasSuffix(".csv") })
        let kept = String(decoding: try root.read(labels), as: UTF8.self)
        let first = try hmac(key, "ZoeIdentity70")
        #expect(kept.hasPrefix("id,x,target\n\(first),70,100\n"), "\(kept.prefix(200))")
    }

    /// Without `privacy` the same search finds them in outputs of every format, in kept labels and nowhere else: it can find them, and bad
    /// cells are told to nobody by default.
    @Test func theSearchFindsWhatStandsThere() throws {
        try world("")
        try drop()
        let log = try ran(), said = try said()
        let found = try leaks(Self.secrets, log: log, said)
        for format in Self.formats {
            for word in ["ZoeIdentity", "ZoeMailbox"] {
                #expect(found.contains { $0.hasPrefix("out/\(format)/rows/good") && $0.hasSuffix(word) }, "\(format): \(word)")
            }
        }
        #expect(found.contains { $0.contains("training/t/labels/") && $0.hasSuffix("ZoeTelephone") })
        #expect(found.filter { !$0.hasPrefix("out/") && !$0.contains("training/t/labels/") } == [])
    }

    /// Labels that were kept before there was a `privacy` are kept without its columns once they are learnt from.
    @Test func rowsThatWereKeptInFullAreKeptAnew() throws {
        try world("")
        try root.write(csv(70, 40, target: 100), to: "spool/t/labelled/a.csv")
        _ = try ran()
        let before = Self.keptLabels(root.files())
        try #require(before.count == 1, "\(before)")
        #expect(Self.found(in: Data(try root.read(before[0])), ["ZoeMailbox70"]) != [])
        try FileManager.default.removeItem(atPath: root("archive/t"))
        try world("privacy: { drop: [mail, phone], hash: [id] }")
        // A correction of rows that are known by their hashes counts as one.
        try root.write(csv(70, 30, target: 200), to: "spool/t/labelled/b.csv")
        let log = try ran()
        let after = Self.keptLabels(root.files())
        #expect(after.count == 2 && !after.contains(before[0]), "\(after)\n\(log.suffix(2000))")
        for name in after { #expect(Self.found(in: Data(try root.read(name)), Self.secrets) == [], "\(name)") }
        try #require(root.files().contains("out/t/models/2/card.json"), "\(log)")
        let card = String(decoding: try root.read("out/t/models/2/card.json"), as: UTF8.self)
        #expect(card.contains("\"superseded_rows\" : 30") && card.contains("\"training_rows\" : 40"), "\(card)")
        // Another `privacy`, while none of the files is there any more: what is a hash stays that hash, so that corrections go on counting.
        try FileManager.default.removeItem(atPath: root("archive/t"))
        try world("privacy: { drop: [phone], hash: [id, mail] }")
        try root.write(csv(70, 5, target: 300), to: "spool/t/labelled/c.csv")
        let lastLog = try ran()
        let last = Self.keptLabels(root.files())
        #expect(last.count == 3 && Set(last).isDisjoint(with: after), "\(last)\n\(lastLog)")
        let lastCard = String(decoding: try root.read("out/t/models/3/card.json"), as: UTF8.self)
        #expect(lastCard.contains("\"superseded_rows\" : 35") && lastCard.contains("\"training_rows\" : 40"), "\(lastCard)")
    }

    /// The files of labelled rows among `files`.
    private static func keptLabels(_ files: [String]) -> [String] {
        files.filter { $0.contains("training/t/labels/") && !$0.hasSuffix(".privacy.json") }
    }

    /// A pipeline that showed values and does not any more: what was stored of them is in no command's answer.
    @Test func whatWasShownBeforeIsShownNoMore() throws {
        try world("privacy: { show_values: true }")
        try root.write(csv(30, x: "ZoeBadCell"), to: "spool/csv/data/bad.csv")
        let shown = try ran() + (said().map { String(decoding: $0.bytes, as: UTF8.self) }).joined()
        #expect(shown.contains("ZoeBadCell"))
        try world("")
        try DaemonProcess.command(["retry", "--state", "quarantined", "--root", root.path])
        let log = try ran()
        #expect(Self.found(in: Data(log.utf8), Self.secrets) == [])
        for answer in try said() { #expect(Self.found(in: answer.bytes, Self.secrets) == [], "\(answer.name)") }
        // It is erased too: in the ledger, its log, and the reasons.
        #expect(try leaks(Self.secrets, log: log, []) == [] && log.contains("values of cells that were stored are erased"))
    }

    /// Columns that `privacy` means and does not name are not kept, and not written either.
    @Test func whatIsNamedOtherwiseIsRefusedAndNotKept() throws {
        try world("privacy: { drop: [mail, phone], hash: [id] }")
        try root.write(csv(70, 40, target: 100).replacing("mail", with: "Mail"), to: "spool/t/labelled/case.csv")
        let nested = json(110, target: 200).replacing("\"mail\":", with: "\"user\":{\"mail\":").replacing(",\"phone\"", with: "},\"phone\"")
        try root.write(nested, to: "spool/t/labelled/nested.jsonl")
        try root.write(
            "{\"id\":\"ZoeIdentity1\",\"x\":1,\"target\":2}\n{\"id\":\"ZoeIdentity2\",\"x\":2,\"target\":3}\n",
            to: "spool/t/labelled/few.jsonl")
        let log = try ran(), said = try said()
        #expect(try leaks(Self.secrets, log: log, said) == [])
        for name in ["case.csv", "nested.jsonl"] { #expect(root.files().contains("quarantine/t/\(name).reason.json"), "\(log)") }
        #expect(Self.keptLabels(root.files()).count == 1)
        // A name that a file does not have is said, once.
        #expect(log.components(separatedBy: "`privacy` names columns that a file does not have").count == 2, "\(log)")
    }

    /// A crash leaves nothing of what is in memory on the disk: neither the daemon nor a worker may dump it.
    @Test func noProcessMayDumpItsMemory() throws {
        let daemon = try DaemonProcess("core")
        try daemon.root.write(
            """
            name: p
            spool: { models: m, data: d }
            stages: [deserialize, forward]
            land: { models: om, outputs: od }

            """, to: "pipelines/p.yaml")
        try daemon.start()
        let process = try #require(daemon.process).processIdentifier
        func limits(_ process: Int32) -> String { (try? String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)) ?? "" }
        func children() -> [Int32] {
            let text = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
        var ours = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &ours)
        // A limit of 1 also keeps dumps from a program that `core_pattern` names; a limit of 0 does not, and who has one cannot raise it.
        let wanted = ours.rlim_max == 0 && getuid() != 0 ? "0" : "1"
        func mayDump(_ process: Int32) -> Bool { !limits(process).contains(try! Regex("Max core file size +\(wanted) +\(wanted) ")) }
        #expect(eventually { !mayDump(process) && !children().isEmpty })
        for child in children() { #expect(!mayDump(child)) }
        daemon.stop()
    }

    /// HMAC-SHA256 by Python.
    private func hmac(_ key: String, _ text: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import hashlib, hmac, sys; print(hmac.new(bytes.fromhex(sys.argv[1]), sys.argv[2].encode(), hashlib.sha256).hexdigest())", key,
            text,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self).trimmingCharacters(in: .newlines)
    }
}
