import Foundation
import Glibc
import PipelineConfig
import TestSupport
import Testing

@testable import Reports

/// What `millrace doctor` finds: who beside the daemon's user may change what the daemon relies on.
@Suite struct DoctorReportTests {
    private let scene: Scene

    init() throws {
        scene = try Scene()
        chmod(scene.directory.path, 0o755)
    }

    private func report() -> DoctorReport {
        DoctorReport(scene.root, scene.root.lint([]), DoctorReport.Kernel(delegates: false), daemon: getppid())
    }

    private func mended(_ report: DoctorReport) -> [String] {
        report.findings.filter(\.mustBeMended).map { String($0.path.dropFirst(scene.directory.path.count)) }
    }

    @Test func nothingIsFoundWhereNobodyElseMayWrite() {
        let report = report()
        #expect(report.findings.filter(\.mustBeMended) == [] && !report.mustBeMended, "\(report.findings)")
        #expect(report.lines.last?.text == "others can change nothing that they should not")
        #expect(report.lines.first?.text.hasPrefix("kernel: ") == true)
    }

    /// A folder that everybody may write to is named, whatever it is for, and so is one above it.
    @Test(arguments: ["spool/models", "spool/data", "out/outputs", "out", ".millrace", "pipelines", "pipelines/p.yaml"])
    func whatEverybodyMayWriteMustBeMended(_ path: String) {
        chmod(scene.directory(path), 0o777)
        let report = report()
        #expect(mended(report) == ["/" + path] && report.mustBeMended, "\(report.findings)")
        #expect(report.lines.contains { $0.text.contains("chmod o-w") })
    }

    /// Who may change the file of a key decides whose signatures count.
    @Test func whoMayChangeAKeyIsTold() throws {
        let key = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        try scene.directory.write("-----BEGIN PUBLIC KEY-----\n\(key)\n-----END PUBLIC KEY-----\n", to: "author.pub")
        let pipeline = String(decoding: try scene.directory.read("pipelines/p.yaml"), as: UTF8.self)
        try scene.directory.write(pipeline + "\ntrust: { models: { keys: [author.pub, \(key)] } }\n", to: "pipelines/p.yaml")
        for path in ["pipelines/p.yaml", "author.pub"] { chmod(scene.directory(path), 0o644) }
        #expect(mended(report()) == [])
        chmod(scene.directory("author.pub"), 0o666)
        #expect(mended(report()) == ["/author.pub"])
    }

    /// Where the sticky bit is set nobody can replace what belongs to another.
    @Test func aStickyFolderAboveIsNotFound() {
        chmod(scene.directory("out"), 0o1777)
        #expect(mended(report()) == [])
    }

    /// A group that drops files is meant; one that may change the ledger is not.
    @Test(.enabled(if: geteuid() == 0)) func aGroupMayDropFilesAndNothingElse() {
        for path in ["spool/data", ".millrace"] {
            chown(scene.directory(path), 0, 12_345)
            chmod(scene.directory(path), 0o770)
        }
        let report = report()
        #expect(mended(report) == ["/.millrace"])
        #expect(report.findings.contains { $0.path.hasSuffix("spool/data") && $0.what.contains("12345") && !$0.mustBeMended })
    }

    @Test(.enabled(if: geteuid() == 0)) func whatBelongsToAnotherMustBeMended() {
        for path in ["spool/data", "out/outputs", "pipelines"] { chown(scene.directory(path), 12_345, 0) }
        let report = report()
        #expect(mended(report) == ["/out/outputs", "/pipelines"], "\(report.findings)")
        #expect(report.findings.contains { $0.path.hasSuffix("spool/data") && !$0.mustBeMended })
    }

    /// Links are followed, and what is not there yet is judged by the folder in which it would be made.
    @Test func aLinkAndWhatIsNotThereYet() throws {
        let elsewhere = try TemporaryDirectory("elsewhere")
        let folder = elsewhere("deep")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.removeItem(atPath: scene.directory("spool/data"))
        try FileManager.default.createSymbolicLink(atPath: scene.directory("spool/data"), withDestinationPath: folder)
        chmod(folder, 0o777)
        #expect(report().findings.filter(\.mustBeMended).map(\.path) == [folder])
        chmod(folder, 0o755)
        try FileManager.default.removeItem(atPath: scene.directory("out/outputs"))
        chmod(scene.directory("out"), 0o757)
        #expect(mended(report()) == ["/out"])
    }

    @Test func theSettingsAreTold() throws {
        try scene.directory.write("confinement: off\n", to: "millrace.yaml")
        #expect(report().confinement == "off")
        #expect(report().lines.contains { $0.text.contains("workers are not confined: millrace.yaml says so") })
    }
}
