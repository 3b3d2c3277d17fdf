import Arrivals
import Attempts
import FileSystem
import Foundation
import Ledger
import LedgerSupport
import PipelineConfig
import SystemPackage
import TestSupport
import Testing

@testable import Daemon
@testable import Watcher

/// Of which files ranges are scored before they have a run, and what becomes of the parts.
@Suite struct ScoringAheadTests {
    private let world: DiskWorld

    init() throws {
        world = try DiskWorld()
        try world.publishModel()
    }

    /// A file in the spool that is complete and has no number.
    private func complete(_ name: String, _ content: String = "id,x\n") throws -> CompleteFile {
        let path = try world.directory.write(content, to: "spool/data/" + name)
        return CompleteFile(
            place: SpoolPlace(pipeline: "p", role: .data, path: name), stamp: try #require(try FileDigest.stamp(FilePath(path))),
            format: nil,
            settledBy: .renamed, companions: [], endsWithNewline: nil, sequence: 0, settledIn: .zero)
    }

    /// Numbers a file as it was found.
    private func number(_ file: CompleteFile, digest: String = "d") throws {
        let arrived = ArrivedFile(file.place, digest: digest, stamp: file.stamp, outputKey: file.place.path)
        let outcomes = try world.ledger.arrive([arrived], at: world.now)
        try world.dispatcher.arrived(.init(pipeline: "p", at: world.now, arrivals: Array(zip([arrived], outcomes))))
    }

    private func folder(_ order: AheadOrder) -> String {
        guard case .scoreAhead(let files) = order.spec.work else { return "" }
        return files.parts ?? ""
    }

    private func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Has a range of the order finished.
    private func score(_ order: AheadOrder) throws {
        #expect(order.begin())
        try Data("part".utf8).write(to: URL(fileURLWithPath: folder(order) + "/0.part"))
        order.end(isFailed: false)
    }

    private func begun(_ name: String = "a.csv") throws -> (file: CompleteFile, order: AheadOrder) {
        let file = try complete(name)
        world.dispatcher.isRead(file)
        return (file, try #require(try world.dispatcher.orderAhead()))
    }

    @Test func theRunHasTheParts() throws {
        let (file, order) = try begun()
        #expect(try world.dispatcher.orderAhead() == nil, "it is under way")
        guard case .scoreAhead(let files) = order.spec.work else { return }
        #expect(files.data.digest == "" && files.data.stamp == file.stamp && files.data.path == world.directory("spool/data/a.csv"))
        #expect(files.model.path.hasSuffix("out/models/1/model.onnx"))
        try score(order)
        try number(file)
        #expect(try world.dispatcher.orderAhead() == nil && isThere(folder(order)), "it waits for its run")
        let spec = try #require(try world.dispatcher.assignments(at: world.now).first?.spec)
        #expect(try world.directory.read(".millrace/staging/work/\(spec.run)-parts/0.part") == Array("part".utf8))
        #expect(!isThere(folder(order)) && !order.begin())
        // What they depend on is the same but for the digest.
        #expect(spec.schema == order.spec.schema && spec.columns == order.spec.columns && spec.types == order.spec.types)
        #expect(spec.limits == order.spec.limits && spec.model == order.spec.model && spec.stages == order.spec.stages)
    }

    enum End: String, CaseIterable {
        case replaced, numberedAsOther, gone, known, paused, stopped, failed, heldByMachine, anotherModel, undecidedModel, edited
    }

    @Test(arguments: End.allCases) func partsAreThrownAway(_ end: End) throws {
        if end == .known {
            try number(try complete("a.csv"))
            try world.round { try world.wrote(["a": "a"], $0, rows: 1) }
        }
        let (file, order) = try begun()
        try score(order)
        let path = folder(order)
        #expect(isThere(path))
        switch end {
        case .replaced: world.dispatcher.isRead(try complete("a.csv", "id,x\n1,2\n"))
        case .numberedAsOther: try number(try complete("a.csv", "id,x\n1,2\n"))
        case .gone: world.dispatcher.areForgotten([file.place])
        case .known: try number(file)
        case .paused: try world.ask(.pause(pipeline: "p"))
        case .stopped: world.dispatcher.endAhead()
        case .failed:
            #expect(order.begin())
            order.end(isFailed: true)
        case .heldByMachine:
            try world.drop(.data, "c.csv", "c")
            try world.round { world.failed(.machine, $0) }
        case .anotherModel: try world.publishModel("n.onnx", "other graph")
        case .undecidedModel:
            try world.drop(.model, "n.onnx", "other graph")
            #expect(try world.dispatcher.assignments(at: world.now).map(\.spec.goal) == [.validateModel])
        case .edited:
            let yaml = DiskWorld.yaml.replacing("keep: [id]", with: "keep: [id, x]")
            try world.dispatcher.use([PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: world.directory.path)])
        }
        _ = try world.dispatcher.orderAhead()
        #expect(!isThere(path) && !order.begin())
    }

    /// The folder goes with the last worker that is at it.
    @Test func aRangeThatIsBeingScoredIsWaitedFor() throws {
        let (_, order) = try begun()
        #expect(order.begin())
        world.dispatcher.endAhead()
        #expect(isThere(folder(order)) && order.cancellation.isCancelled && !order.isOver)
        order.end(isFailed: true)
        #expect(!isThere(folder(order)) && order.isOver)
    }

    /// A range that fails, or ends, after its run has begun leaves the run's folder alone.
    @Test func aRangeThatEndsInTheRun() throws {
        let (file, order) = try begun()
        #expect(order.begin())
        try number(file)
        let spec = try #require(try world.dispatcher.assignments(at: world.now).first?.spec)
        #expect(!order.cancellation.isCancelled)
        order.end(isFailed: true)
        #expect(isThere(world.directory(".millrace/staging/work/\(spec.run)-parts")))
    }

    /// A run that has parts keeps them.
    @Test func aRunThatHasParts() throws {
        try scoreFirst()
        try world.drop(.data, "a.csv", "id,x\n")
        let spec = try #require(try world.round { world.failed(.resource, $0) }.first)
        let own = ".millrace/staging/work/\(spec.run)-parts/"
        try world.directory.write("own", to: own + "0.part")
        let (_, order) = try begun()
        try score(order)
        world.now = world.now.advanced(by: .seconds(100))
        #expect(try world.dispatcher.assignments(at: world.now).first?.spec.run == spec.run)
        #expect(try world.directory.read(own + "0.part") == Array("own".utf8) && !isThere(folder(order)))
    }

    /// Scores the file that pins columns and types.
    private func scoreFirst() throws {
        try world.drop(.data, "first.csv", "first")
        try world.round { try world.wrote(["first": "first"], $0, rows: 1) }
    }

    @Test func oneFileAtATimeInTheirOrder() throws {
        try scoreFirst()
        let (first, _) = try begun()
        for name in ["b.csv", "c.csv", "d.csv"] { world.dispatcher.isRead(try complete(name)) }
        #expect(try world.dispatcher.orderAhead() == nil)
        try number(first)
        #expect(try world.dispatcher.orderAhead() == nil)
        _ = try world.dispatcher.assignments(at: world.now)
        world.dispatcher.areForgotten([SpoolPlace(pipeline: "p", role: .data, path: "b.csv")])
        #expect(try world.dispatcher.orderAhead()?.spec.place.hasSuffix("/c.csv") == true)
    }

    /// The first file pins columns and types for those after it, which wait for it.
    @Test func nothingIsScoredBeforeTheFirstFileIs() throws {
        try world.drop(.data, "first.csv", "first")
        let started = try world.dispatcher.assignments(at: world.now)
        world.dispatcher.isRead(try complete("a.csv"))
        #expect(try world.dispatcher.orderAhead() == nil)
        try world.dispatcher.finish(started.map { ($0, try world.wrote(["first": "first"], $0.spec, rows: 1)) }, at: world.now)
        #expect(try world.dispatcher.orderAhead() != nil)
    }

    @Test func nothingIsScoredWithoutAVersion() throws {
        let world = try DiskWorld()
        let path = try world.directory.write("id,x\n", to: "spool/data/a.csv")
        world.dispatcher.isRead(
            CompleteFile(
                place: SpoolPlace(pipeline: "p", role: .data, path: "a.csv"), stamp: try #require(try FileDigest.stamp(FilePath(path))),
                format: nil,
                settledBy: .renamed, companions: [], endsWithNewline: nil, sequence: 0, settledIn: .zero))
        #expect(try world.dispatcher.orderAhead() == nil)
        try world.publishModel()
        #expect(try world.dispatcher.orderAhead() != nil, "it is still being read")
    }

    /// What a daemon that was killed has scored of files without a run is gone when the next one starts.
    @Test func aStartRemovesThem() throws {
        let (_, order) = try begun()
        try score(order)
        try world.publisher.sweep(open: [1])
        #expect(!isThere(folder(order)))
    }
}
