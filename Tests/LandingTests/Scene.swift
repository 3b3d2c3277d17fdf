import Arrivals
import FileSystem
import Foundation
import Landing
import SystemPackage
import TestSupport
import Testing

/// A root with a spool and an output tree, as one pipeline has them, on the file system of the temporary directory.
struct Scene {
    let folder: TemporaryDirectory
    let area: StagingArea

    init(_ label: String) throws {
        folder = try TemporaryDirectory(label)
        for name in ["root", "root/spool", "root/out"] {
            try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
        }
        area = try StagingArea(
            for: FilePath(folder("root/out")), root: FilePath(folder("root")),
            avoiding: [FilePath(folder("root/out")), FilePath(folder("root/spool"))])
    }

    var root: FilePath { FilePath(folder("root")) }
    var out: FilePath { root.appending("out") }
    var spool: FilePath { root.appending("spool") }

    func round() -> LandingRound { LandingRound(areas: [area], now: UTCTime(milliseconds: 1_795_470_000_123)) }

    func provenance(_ input: String, arrival: Int64 = 1) -> Provenance {
        Provenance(
            pipeline: "digits", input: input, inputDigest: "in", rows: 3, modelVersion: 2, modelDigest: nil, revision: "r", arrival: arrival
        )
    }

    /// Writes `text` where attempt `attempt` of `run` writes, for `out/NAME`.
    func stage(_ name: String, _ text: String, run: Int64, attempt: Int = 1, replaces: String? = nil) throws -> StagedOutput {
        let staged = area.file(run: run, attempt: attempt, name: name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: staged.string))
        return StagedOutput(
            run: run, staged: staged,
            file: OutputFile(root: out.string, path: name, digest: digest(text), byteCount: Int64(text.utf8.count)),
            replaces: [replaces].compactMap(\.self), provenance: provenance(name, arrival: run))
    }

    func text(_ name: String) -> String? {
        (try? folder.read("root/out/" + name)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Files below `out`, without the manifests.
    var outputs: [String] {
        folder.files().filter { $0.hasPrefix("root/out/") && !$0.contains("_millrace/") }.map { String($0.dropFirst(9)) }
    }

    var staged: [String] { folder.files().filter { $0.contains("staging") } }

    /// The staged file of an input that is held to be removed, by its place in the list; records an issue where there is none.
    func held(_ place: Int) -> String {
        if let found = staged.first(where: { $0.hasSuffix("/\(place)") }) { return found }
        Issue.record("no input is held as \(place)")
        return "root/nothing-is-held"
    }

    func manifest() throws -> [ManifestLine] {
        try Manifest(outputRoot: out, pipeline: "digits").files().flatMap { try Manifest.lines(of: $0) }
    }
}

extension StagingArea {
    private var work: FilePath { file(run: 0, attempt: 0, name: "").removingLastComponent() }

    /// A folder of one attempt, made.
    func directory(run: Int64, attempt: Int) throws -> FilePath {
        let directory = work.appending("\(run)-\(attempt)")
        try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
        return directory
    }

    /// Whether a file that is staged here can be renamed into `target`, which is there.
    func serves(_ target: FilePath) throws -> Bool {
        let (from, to) = (work.appending("probe").string, target.appending("probe").string)
        try Data().write(to: URL(fileURLWithPath: from))
        defer { for path in [from, to] { try? FileManager.default.removeItem(atPath: path) } }
        return rename(from, to) == 0
    }
}

extension LandingRound {
    /// Publishes outputs as the dispatcher does: where `intend` throws, the round stops before anything is visible.
    func publish(
        _ outputs: [StagedOutput], intend: ([StagedOutput]) throws -> [LandingPermission]
    ) throws(FileSystemError) -> [Result<LandedOutput, FileSystemError>] {
        let round = try begin(outputs)
        let permissions: [LandingPermission]
        do { permissions = try intend(round.ready) } catch { throw .ledger(step: "what is about to be published", cause: "\(error)") }
        return try round.land(permissions)
    }
}

struct Stopped: Error {}

extension [Result<LandedOutput, FileSystemError>] {
    /// What the caller of a round may close in its ledger.
    var landed: [LandedOutput] { compactMap { try? $0.get() } }
}

func digest(_ text: String) -> String { FileDigest.of(bytes: text.utf8) }

/// The ledger's answer where nothing stands against it.
func allow(_ outputs: [StagedOutput]) -> [LandingPermission] { outputs.map { .publish(replacing: $0.replaces) } }
