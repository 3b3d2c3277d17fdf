import Arrivals
import Foundation
import Ledger
import Reasons
import TestSupport
import Testing

/// Who is told of what happens: by a real command, and by a real server on the loopback that fails first.
@Suite(.serialized) struct NotifyTests {
    private let root: TemporaryDirectory

    init() throws { root = try TemporaryDirectory("notify") }

    private func write(settings: String, notify: String) throws {
        try root.write(settings, to: "millrace.yaml")
        try root.write(
            """
            \(scoringPipeline)
            notify: \(notify)
            """, to: "pipelines/p.yaml")
    }

    private func script(_ name: String, _ body: String) throws {
        try root.write("#!/bin/bash\ncd \"\(root.path)\"\n" + body + "\n", to: name)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root(name))
    }

    private func start() throws -> Process {
        let process = Process()
        process.executableURL = DaemonProcess.binary
        process.arguments = ["run", "--root", root.path]
        process.standardInput = FileHandle.nullDevice
        if !FileManager.default.fileExists(atPath: root("daemon.log")) { try root.write("", to: "daemon.log") }
        let log = try FileHandle(forWritingTo: URL(fileURLWithPath: root("daemon.log")))
        try log.seekToEnd()
        process.standardError = log
        process.standardOutput = log
        try process.run()
        return process
    }

    private func told(_ file: String = "told") -> [Notice] {
        let text = (try? String(contentsOfFile: root(file), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(Notice.self, from: Data($0.utf8)) }
    }

    private var log: String { (try? String(contentsOfFile: root("daemon.log"), encoding: .utf8)) ?? "" }

    private func end(_ process: Process) {
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(log)")
    }

    /// The words of the command reach it as they are: no shell reads them.
    @Test func aCommandIsToldOfEachKind() throws {
        try script("tell", "echo \"$#|$1|$2|$3\" > words; cat >> told")
        try write(
            settings: "notify: { ops: { command: [./tell, \"a b\", \"$HOME; rm x\", \"'\"] } }",
            notify: "{ published: ops, rejected: ops, quarantined: ops, waiting_long: { tell: ops, after: 1s } }")
        let daemon = try start()
        defer { kill(daemon.processIdentifier, SIGKILL) }
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        #expect(eventually { told().contains { $0.kind == .waitingLong } }, "\(log)")
        let waiting = try #require(told().first)
        #expect(waiting.file == "a.csv" && waiting.rule == .waitFirstVersion && waiting.pipeline == "p")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        #expect(eventually { told().filter { $0.kind == .published }.count == 2 }, "\(log)")
        try root.write("id,x\na,Zoe1987\n", to: "spool/data/b.csv")
        try root.write(TinyModel.unknownOperator(), to: "spool/models/bad.onnx")
        #expect(eventually { told().contains { $0.kind == .quarantined } && told().contains { $0.kind == .rejected } }, "\(log)")
        let all = told()
        let output = try #require(all.first { $0.kind == .published && $0.role == .data })
        #expect(output.outputs.map(\.path) == [root("out/outputs/a.csv")] && output.rows == 1 && output.version == 1)
        #expect(all.first { $0.kind == .published && $0.role == .model }?.version == 1)
        let rejected = try #require(all.first { $0.kind == .rejected })
        #expect(
            rejected.file == "bad.onnx" && rejected.role == .model && rejected.rule == .modelInvalid && rejected.remedy?.isEmpty == false)
        let bad = try #require(all.first { $0.kind == .quarantined })
        #expect(bad.file == "b.csv" && bad.rule?.code.hasPrefix("data.") == true && bad.reason?.isEmpty == false && bad.outputs.isEmpty)
        #expect(String(decoding: try root.read("told"), as: UTF8.self).contains("Zoe1987") == false)
        #expect(String(decoding: try root.read("words"), as: UTF8.self) == "3|a b|$HOME; rm x|'\n")
        #expect(Set(all.map(\.id)).count == all.count)
        end(daemon)
    }

    /// A server that fails first, a daemon that is killed meanwhile: everything arrives, and what arrives twice has one id.
    @Test func aServerThatFailsFirstIsToldAfterAll() throws {
        try root.write(
            """
            import http.server, sys
            seen = 0
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_POST(self):
                    global seen
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                    seen += 1
                    if seen <= 3:
                        self.send_response(503)
                    else:
                        with open("told", "ab") as told: told.write(body + b"\\n")
                        with open("types", "a") as types: types.write(self.headers["Content-Type"] + "\\n")
                        self.send_response(204)
                    self.end_headers()
                    with open("seen", "w") as file: file.write(str(seen))
                def log_message(self, *words): pass
            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            with open("port.new", "w") as port: port.write(str(server.server_port))
            import os
            os.rename("port.new", "port")
            server.serve_forever()
            """, to: "server.py")
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments = ["python3", "server.py"]
        server.currentDirectoryURL = URL(fileURLWithPath: root.path)
        try server.run()
        defer { kill(server.processIdentifier, SIGKILL) }
        #expect(eventually { FileManager.default.fileExists(atPath: root("port")) })
        let port = String(decoding: try root.read("port"), as: UTF8.self)
        try write(
            settings: "notify: { chat: { post: \"http://127.0.0.1:\(port)/hook?key=\" } }", notify: "{ published: chat, quarantined: chat }"
        )
        var daemon = try start()
        defer { kill(daemon.processIdentifier, SIGKILL) }
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        // Names with what JSON and curl must escape.
        try root.write("id,x\n\"a\\\",word\n", to: "spool/data/b \"c\\d.csv")
        #expect(eventually { (try? root.read("seen")).map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 } ?? 0 >= 1 }, "\(log)")
        kill(daemon.processIdentifier, SIGKILL)
        daemon.waitUntilExit()
        let untold = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).untold()
        #expect(untold.map(\.target) == ["chat"] && untold[0].count >= 1, "\(untold)")
        daemon = try start()
        #expect(eventually(within: 60) { Set(told().map { "\($0.kind) \($0.file ?? "")" }).count == 3 }, "\(told()) \(log)")
        #expect(
            Set(told().map { "\($0.kind.rawValue) \($0.file ?? "")" }) == [
                "published m.onnx", "published a.csv", "quarantined b \"c\\d.csv",
            ], "\(told())")
        #expect(Set(String(decoding: try root.read("types"), as: UTF8.self).split(separator: "\n")) == ["application/json"])
        #expect(eventually { (try? RunLedger(stateDirectory: root(".millrace"), readOnly: true).untold().isEmpty) == true })
        end(daemon)
    }

    /// Whoever is told slowly, or not at all, holds up neither the work nor the others.
    @Test func aTargetThatHangsHoldsUpNothing() throws {
        try script("hang", "sleep 1000")
        try script("tell", "cat >> told")
        try script("fail", "echo no such mailbox >&2; exit 3")
        try write(
            settings: """
                notify: { hangs: { command: [./hang], timeout: 2s }, ops: { command: [./tell] }, \
                fails: { command: [./fail] }, none: { command: [/no/such/program] } }
                """,
            notify: "{ published: [hangs, fails, none, ops] }")
        let daemon = try start()
        defer { kill(daemon.processIdentifier, SIGKILL) }
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for number in 0..<20 { try root.write("id,x\na,\(number)\n", to: "spool/data/\(number).csv") }
        #expect(eventually { told().count == 21 }, "\(told().count) \(log)")
        let status = try DaemonProcess.command(["status", "--root", root.path])
        #expect(status.output.contains("notifications that hangs has not got yet: 21"), "\(status.output)")
        #expect(
            eventually {
                log.contains("it took longer than 2 s") && log.contains("it ended with status 3: no such mailbox")
                    && log.contains("cannot be started")
            }, "\(log)")
        let start = ContinuousClock.now
        end(daemon)
        #expect(ContinuousClock.now - start < .seconds(15))
    }

    /// `--once` tells what its work told of before it ends; what cannot be told stays for the next call.
    @Test func onceTellsBeforeItEnds() throws {
        try script("tell", "test -e open || exit 1; cat >> told")
        try write(settings: "notify: { ops: { command: [./tell] } }", notify: "{ published: ops }")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        usleep(300_000)
        #expect(try DaemonProcess.command(["run", "--once", "--root", root.path]).status == 0)
        #expect(told().isEmpty)
        try root.write("", to: "open")
        usleep(2_000_000)
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        usleep(300_000)
        #expect(try DaemonProcess.command(["run", "--once", "--root", root.path]).status == 0)
        #expect(Set(told().map { $0.file }) == ["m.onnx", "a.csv"], "\(told())")
    }

    @Test func anEditOfTheSettingsTakesEffect() throws {
        try script("tell", "cat >> $1")
        try write(settings: "notify: { ops: { command: [./tell, first] } }", notify: "{ published: ops }")
        let daemon = try start()
        defer { kill(daemon.processIdentifier, SIGKILL) }
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        #expect(eventually { told("first").count == 1 }, "\(log)")
        try root.write("notify: { ops: { command: [./tell, second] } }", to: "millrace.yaml")
        #expect(eventually { log.contains("pipelines re-read") }, "\(log)")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        #expect(eventually { told("second").count == 1 }, "\(log)")
        #expect(told("first").count == 1)
        end(daemon)
    }
}
