import Foundation
import Ledger
import Reasons
import TestSupport
import Testing

/// Files that a worker really dies of, among others: a library that is loaded into the processes aborts one that reads a file whose name
/// begins with `killer` in an attempt. Those files are quarantined; the others are done at their first attempt, and the daemon lives on.
@Suite(.serialized) struct ProcessDeathTests {
    private static let library = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <signal.h>
        #include <unistd.h>
        #include <sys/prctl.h>
        static void look(int file) {
            char thread[17] = "", link[64], path[4096];
            prctl(PR_GET_NAME, thread);
            if (strncmp(thread, "attempts", 8)) return;
            snprintf(link, sizeof link, "/proc/self/fd/%d", file);
            ssize_t length = readlink(link, path, sizeof path - 1);
            if (length <= 0) return;
            path[length] = 0;
            char *name = strrchr(path, '/');
            if (!name || strncmp(name + 1, "killer", 6)) return;
            usleep(50000);
            if (strstr(name, "null")) *(volatile int *)0 = 1;
            abort();
        }
        ssize_t read(int file, void *into, size_t count) {
            static ssize_t (*next)(int, void *, size_t);
            if (!next) next = dlsym(RTLD_NEXT, "read");
            look(file);
            return next(file, into, count);
        }
        ssize_t pread(int file, void *into, size_t count, off_t at) {
            static ssize_t (*next)(int, void *, size_t, off_t);
            if (!next) next = dlsym(RTLD_NEXT, "pread");
            look(file);
            return next(file, into, count, at);
        }
        ssize_t pread64(int file, void *into, size_t count, off_t at) {
            static ssize_t (*next)(int, void *, size_t, off_t);
            if (!next) next = dlsym(RTLD_NEXT, "pread64");
            look(file);
            return next(file, into, count, at);
        }
        """

    private static func pipeline(_ name: String, trains: Bool = false) -> String {
        let optimize = """
            optimize: { gradient: { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 0.5 } }, \
            epochs: 2, train: [addend], batch_size: 100 },
              gate: { metric: mae, rows_at_least: 1 } },
            """
        return """
            name: \(name)
            spool: { models: spool/\(name)/models, \(trains ? "labelled: spool/\(name)/labelled, " : "")data: spool/\(name)/data }
            settle: { quiet: 200ms }
            on_error: { attempts: 2, backoff: 100ms, quarantine: quarantine/\(name) }
            schema: { key: [id], keep: [id], \(trains ? "label: y, " : "")inputs: { x: { columns: x } } }
            stages: [ deserialize: {}, \(trains ? optimize : "")forward: {} ]
            land: { models: out/\(name)/models, outputs: { path: out/\(name)/outputs, format: csv } }
            """
    }

    private func compile(in root: TemporaryDirectory) throws -> String {
        try root.write(Self.library, to: "killer.c")
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = ["clang", "-shared", "-fPIC", "-O1", root("killer.c"), "-o", root("killer.so"), "-ldl"]
        try compiler.run()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0)
        return root("killer.so")
    }

    /// The states of all arrivals, by `pipeline/path`.
    private func arrivals(_ root: TemporaryDirectory) throws -> [String: ArrivalState] {
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        return Dictionary(uniqueKeysWithValues: try ledger.arrivals().map { ("\($0.pipeline)/\($0.path)", $0.state) })
    }

    private func reasons(_ root: TemporaryDirectory) throws -> [String: String] {
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        return Dictionary(
            uniqueKeysWithValues: try ledger.arrivals().compactMap { arrival in
                arrival.explanation.map { ("\(arrival.pipeline)/\(arrival.path)", $0.reason) }
            })
    }

    @Test func whatKillsItsWorkerIsQuarantinedAndNothingElse() throws {
        let daemon = try DaemonProcess("death")
        let root = daemon.root
        let library = try compile(in: root)
        for (name, trains) in [("p", false), ("q", true), ("r", false)] {
            try root.write(Self.pipeline(name, trains: trains), to: "pipelines/\(name).yaml")
            try root.write(TinyModel.adding(1), to: "spool/\(name)/models/m.onnx")
            for number in 0..<12 { try root.write("id,x\n\(name),\(number)\n", to: "spool/\(name)/data/\(name)\(number).csv") }
        }
        // Larger than what travels in a frame: the worker gets the open file, whose name the library finds.
        for name in ["killer", "killer-null"] {
            try root.write("id,x\n" + String(repeating: "k,1\n", count: 20_000), to: "spool/p/data/\(name).csv")
        }
        try root.write(TinyModel.adding(2), to: "spool/r/models/killer.onnx")
        let labels = "id,x,y\n" + (0..<200).map { "l\($0),\(Double($0) / 2),\(Double($0) / 2 + 3)\n" }.joined()
        try root.write(labels, to: "spool/q/labelled/killer.csv")
        let innocents = ["p", "q", "r"].flatMap { name in (0..<12).map { "\(name)/\(name)\($0).csv" } }
        let killers = ["p/killer.csv", "p/killer-null.csv", "q/killer.csv", "r/killer.onnx"]
        let models = ["p/m.onnx", "q/m.onnx", "r/m.onnx"]
        daemon.environment = ["LD_PRELOAD": library]
        try daemon.start()
        let isOver = eventually(within: 120) {
            guard let states = try? arrivals(root) else { return false }
            return states.count == innocents.count + killers.count + models.count
                && !states.values.contains { $0 == .waiting || $0 == .running }
        }
        try #require(isOver, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let reasons = try reasons(root)
        let states = try arrivals(root)
        #expect(Set(states.filter { $0.value == .quarantined }.keys) == Set(killers), "\(states)")
        for killer in killers {
            #expect(reasons[killer]?.contains("its process died: it ended by signal") == true, "\(killer): \(reasons)")
        }
        for innocent in innocents { #expect(states[innocent] == .done, "\(innocent)") }
        #expect(
            root.files().contains("quarantine/r/killer.onnx.reason.json") && root.files().contains("quarantine/q/killer.csv.reason.json"))
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        for innocent in innocents {
            let runs = try ledger.runs(RunFilter(path: String(innocent.dropFirst(2))))
            #expect(runs.count == 1, "\(innocent): \(runs)")
        }
        #expect(try DaemonProcess.command(["check", "--root", root.path]).status == 0)
    }

    /// Killed again and again while one file alone is worked on, which takes longer than the daemon lives each time but the last.
    @Test func killsFromOutsideQuarantineNothing() throws {
        let daemon = try DaemonProcess("death")
        let root = daemon.root
        try root.write(Self.pipeline("p"), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/p/models/m.onnx")
        try daemon.start()
        #expect(eventually { root.files().contains("out/p/models/ACTIVE") })
        try daemon.drop(Array(("id,x\n" + String(repeating: "a,1\n", count: 1_500_000)).utf8), at: "spool/p/data/long.csv")
        for number in 1...6 {
            let attempt = {
                try? RunLedger(stateDirectory: root(".millrace"), readOnly: true).runs(RunFilter(path: "long.csv")).first?.attemptCount
            }
            #expect(
                eventually {
                    attempt() == number && root.files().contains { $0.hasSuffix("-\(number)-output.csv") }
                })
            if number == 6 {
                // SIGTERM, and a kill that does not wait for it.
                daemon.process?.terminate()
                usleep(20_000)
            }
            daemon.kill()
            try daemon.start()
        }
        #expect(eventually(within: 60) { root.files().contains("out/p/outputs/long.csv") }, "\(daemon.logText)")
        #expect(eventually { (try? arrivals(root)["p/long.csv"]) == .done })
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        let attempts = try ledger.attempts(ofRun: try #require(try ledger.runs(RunFilter(path: "long.csv")).first?.number))
        #expect(attempts.map(\.outcome) == Array(repeating: "interrupted", count: 6) + ["done"], "\(attempts)")
        #expect(daemon.stop() == 0)
    }
}
