import Arrivals
import Foundation
import Ledger
import TestSupport
import Testing

/// Being a daemon: the lock, signals, `--once`, edits of pipeline files, and the pipelines and samples that the repository ships.
@Suite(.serialized) struct BeingADaemonTests {
    private static let pipeline = scoringPipeline

    private func world(_ text: String = pipeline) throws -> DaemonProcess {
        let daemon = try DaemonProcess("daemon")
        try daemon.root.write(text, to: "pipelines/p.yaml")
        return daemon
    }

    private func isRunning(_ daemon: DaemonProcess) -> Bool { eventually { daemon.logText.contains("notice running") } }

    @Test func aSecondDaemonIsRefusedByName() throws {
        let daemon = try world()
        try daemon.start()
        #expect(isRunning(daemon))
        let second = try DaemonProcess.command(["run", daemon.root("pipelines/p.yaml"), "--root", daemon.root.path])
        #expect(second.status == 4)
        #expect(second.error.contains("pid \(daemon.process!.processIdentifier)"), "\(second.error)")
        #expect(daemon.stop() == 0)
    }

    @Test func onceDoesWhatIsThereAndSaysHowItWent() throws {
        let daemon = try world()
        let root = daemon.root
        func once() throws -> DaemonProcess.CommandOutput {
            try DaemonProcess.command(["run", "--once", root("pipelines/p.yaml"), "--root", root.path])
        }
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        usleep(300_000)
        let waiting = try once()
        #expect(waiting.status == 3, "\(waiting.error)")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        usleep(300_000)
        let done = try once()
        #expect(done.status == 0, "\(done.error)")
        #expect(try root.read("out/outputs/a.csv") == Array("id,y\na,2.0\n".utf8))
        try root.write("id,x\na,word\n", to: "spool/data/b.csv")
        usleep(300_000)
        #expect(try once().status == 1)
        let wrong = try DaemonProcess.command(["run", "--once", root("nowhere.yaml"), "--root", root.path])
        #expect(wrong.status == 2, "\(wrong.error)")
    }

    @Test(arguments: ["in place", "sed", "link swap"])
    func anEditTakesEffectAndABadOneDoesNot(how: String) throws {
        let daemon = try DaemonProcess("edit")
        let root = daemon.root
        let file = root("pipelines/p.yaml")
        if how == "link swap" {
            try root.write(Self.pipeline, to: "config/1/p.yaml")
            try FileManager.default.createSymbolicLink(atPath: root("config/..data"), withDestinationPath: "1")
            try FileManager.default.createDirectory(atPath: root("pipelines"), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: root("config/..data/p.yaml"))
        } else {
            try root.write(Self.pipeline, to: "pipelines/p.yaml")
        }
        var generation = 1
        func edit(_ text: String) throws {
            generation += 1
            switch how {
            case "in place": try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            case "sed":
                try root.write(text, to: "pipelines/sedAbCdEf")
                #expect(rename(root("pipelines/sedAbCdEf"), file) == 0)
            default:
                try root.write(text, to: "config/\(generation)/p.yaml")
                try FileManager.default.createSymbolicLink(atPath: root("config/..data_tmp"), withDestinationPath: "\(generation)")
                #expect(rename(root("config/..data_tmp"), root("config/..data")) == 0)
            }
        }
        try daemon.start()
        #expect(isRunning(daemon))
        try edit(Self.pipeline.replacing("format: csv", with: "fromat: csv"))
        #expect(
            eventually { daemon.logText.contains("the edit is refused") && daemon.logText.contains("did you mean") }, "\(daemon.logText)")
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/a.csv")
        #expect(eventually { (try? root.read("out/outputs/a.csv")) != nil }, "what was in force goes on: \(daemon.logText)")
        try edit(Self.pipeline.replacing("out/outputs", with: "out/elsewhere"))
        #expect(eventually { daemon.logText.contains("pipelines re-read") }, "\(daemon.logText)")
        try daemon.drop(Array("id,x\nb,1\n".utf8), at: "spool/data/b.csv")
        #expect(eventually { (try? root.read("out/elsewhere/b.csv")) != nil }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    @Test(arguments: [false, true])
    func dataThatWaitedInAPipelineThatWentAwayIsProcessedOnceWhenItIsBack(isPaused: Bool) throws {
        let daemon = try world()
        let root = daemon.root
        func edit(_ text: String, _ count: Int) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: root("pipelines/p.yaml")))
            try #require(eventually { daemon.logText.components(separatedBy: "pipelines re-read").count == count + 1 }, "\(daemon.logText)")
        }
        func known(_ name: String) throws -> FileExplanation? {
            try RunLedger(stateDirectory: root(".millrace"), readOnly: true).explain(path: name, pipeline: "p", now: .now).first
        }
        func say(_ word: String) throws {
            let answer = try DaemonProcess.command([word, "p", "--root", root.path])
            try #require(answer.status == 0, "\(answer.error)")
        }
        func dropModel() throws { try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx") }
        let reason = isPaused ? WaitReason.paused : .forFirstModel
        try daemon.start()
        #expect(isRunning(daemon))
        if isPaused {
            try dropModel()
            #expect(try eventually { try known("m.onnx")?.visits.first?.arrival.state == .done }, "\(daemon.logText)")
            try say("pause")
        }
        for name in ["a", "b"] { try daemon.drop(Array("id,x\n\(name),1\n".utf8), at: "spool/data/\(name).csv") }
        #expect(try eventually { try ["a.csv", "b.csv"].allSatisfy { try known($0)?.wait == reason } }, "\(daemon.logText)")
        let other = Self.pipeline.replacing("name: p", with: "name: q").replacing("spool/", with: "other/spool/").replacing(
            "out/", with: "other/out/")
        try edit(other, 1)
        // The pipeline in its place works, so that what is dropped for the one that is away has had its time.
        if !isPaused { try dropModel() }
        try daemon.drop(TinyModel.adding(2), at: "other/spool/models/m.onnx")
        try daemon.drop(Array("id,x\nc,1\n".utf8), at: "other/spool/data/c.csv")
        #expect(eventually { (try? root.read("other/out/outputs/c.csv")) != nil }, "\(daemon.logText)")
        #expect(try known("a.csv")?.wait == reason)
        if !isPaused { #expect(try known("m.onnx") == nil) }

        try edit(Self.pipeline, 2)
        if isPaused { try say("resume") }
        #expect(eventually { Set(root.files()).isSuperset(of: ["out/outputs/a.csv", "out/outputs/b.csv"]) }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        for name in ["a", "b"] {
            #expect(try root.read("out/outputs/\(name).csv") == Array("id,y\n\(name),2.0\n".utf8))
            let visits = try #require(try known("\(name).csv")).visits
            #expect(visits.map(\.arrival.state) == [.done] && visits[0].runs.map(\.run.attemptCount) == [1], "\(visits)")
        }
    }

    @Test(arguments: ["digits", "penguins", "tumours"])
    func everyShippedPipelineGivesItsStoredPredictions(name: String) throws {
        let daemon = try DaemonProcess("sample")
        let root = daemon.root
        try root.write(
            Array(Data(contentsOf: URL(fileURLWithPath: "\(ProjectScript.repository)/pipelines/\(name).yaml"))),
            to: "pipelines/\(name).yaml")
        try daemon.start()
        #expect(isRunning(daemon))
        let sample = "\(ProjectScript.repository)/samples/\(name)"
        try daemon.drop(Data(contentsOf: URL(fileURLWithPath: sample + "/model.onnx")), at: "spool/\(name)/models/model.onnx")
        let files = try FileManager.default.contentsOfDirectory(atPath: sample + "/data").sorted()
        for file in files {
            try daemon.drop(Data(contentsOf: URL(fileURLWithPath: "\(sample)/data/\(file)")), at: "spool/\(name)/data/\(file)")
        }
        let landed = eventually {
            root.files().filter { $0.hasPrefix("out/\(name)/predictions/") && !$0.contains("_millrace") }.count == files.count
        }
        #expect(landed, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let judged = try ProjectScript.run(
            "oracle-predictions", [sample, root("out/\(name)/predictions")], python: ".deps/oracle/bin/python")
        #expect(judged.status == 0, "\(judged.said)")
    }
}
