import Attempts
import Foundation
import Landing
import PipelineConfig
import Recipes
import TestSupport
import Testing

@testable import Daemon

/// What the file of running attempts tells the next process: how the one before it ended, and by whose fault.
@Suite struct RunningFileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("running") }

    /// As a process leaves the file that dies while it executes `attempts`.
    private func leave(_ goals: AttemptSpec.Goal...) throws {
        let file = try #require(RunningFile(stateDirectory: directory.path))
        _ = file.begin(spec(9, .score))
        for (index, goal) in goals.enumerated() { _ = file.begin(spec(Int64(index + 1), goal)) }
        // One that has ended is not executed any more.
        file.end(0)
    }

    private func spec(_ run: Int64, _ goal: AttemptSpec.Goal) -> AttemptSpec {
        let file = AttemptSpec.InputFile(path: "f", digest: "d")
        let files = AttemptSpec.ModelFiles(model: file, directory: "new")
        let work: AttemptSpec.Work =
            switch goal {
            case .validateModel: .validateModel(files, training: nil)
            case .fineTune: .fineTune(files, training: .init(labelled: [], subject: nil, checkpoints: "checkpoints"))
            case .score: .score(.init(model: file, data: file, output: "out.csv", format: .csv))
            }
        return AttemptSpec(run: run, attempt: 2, pipeline: "p", work: work, schema: .init(), stages: [])
    }

    private func change(_ bytes: [UInt8], at place: Int) throws {
        var all = try directory.read("running")
        all.replaceSubrange(place..<place + bytes.count, with: bytes)
        try directory.write(all, to: "running")
    }

    private func crash(_ signal: Int32) throws { try change(Array("\(signal)".utf8), at: 120) }

    private var found: ProcessDeath? { ProcessDeath.found(stateDirectory: directory.path) }

    @Test func aCrashIsTheFaultOfWhatAloneWasExecuted() throws {
        try leave(.score)
        try crash(SIGSEGV)
        #expect(found?.cause == .crash(signal: SIGSEGV))
        #expect(found?.culprit == .init(run: 1, number: 2, goal: .score) && found?.suspects.count == 1)
    }

    @Test func ofSeveralEachIsSuspectedAndNoneIsGuilty() throws {
        try leave(.score, .fineTune, .validateModel)
        try crash(SIGABRT)
        #expect(found?.suspects.map(\.run) == [1, 2, 3] && found?.culprit == nil)
    }

    /// SIGKILL leaves no trace: it may have come from anyone. A training takes too long to be suspected for that.
    @Test func aKillFromOutsideIsNobodysFault() throws {
        try leave(.score)
        #expect(found?.cause == .unknown && found?.suspects.map(\.run) == [1] && found?.culprit == nil)
        try leave(.fineTune)
        #expect(found?.suspects.isEmpty == true && found?.culprit == nil)
    }

    @Test func theKernelsKillForMemoryIsTheFaultOfWhatAloneWasExecuted() throws {
        try leave(.score)
        let line = String(decoding: try directory.read("running").prefix(120), as: UTF8.self)
        let count = try #require(line.split(separator: " ").last.flatMap { Int64($0) })
        // As if the count that the kernel keeps had grown since.
        try change(Array("\(Boot.id ?? "unknown") \(count - 1)".padding(toLength: 120, withPad: " ", startingAt: 0).utf8), at: 0)
        #expect(found?.cause == .memory && found?.culprit?.run == 1)
    }

    @Test func afterAnotherBootNothingIsSuspected() throws {
        try leave(.score)
        try crash(SIGSEGV)
        let line = String(decoding: try directory.read("running").prefix(120), as: UTF8.self)
        try change(Array(line.replacing(Boot.id ?? "unknown", with: "0b1c2d3e-0000-4000-8000-000000000000").utf8.prefix(120)), at: 0)
        #expect(found == nil)
    }

    /// A stop that is cut short by a kill is nobody's fault; a crash is, also while it stops.
    @Test func afterAStopNothingIsSuspectedUnlessItCrashed() throws {
        let file = try #require(RunningFile(stateDirectory: directory.path))
        _ = file.begin(spec(1, .score))
        file.stopping()
        #expect(found == nil)
        try crash(SIGBUS)
        #expect(found?.culprit?.run == 1)
    }

    @Test func withoutAttemptsOrAFileNothingIsFound() throws {
        #expect(found == nil)
        try leave()
        try crash(SIGSEGV)
        #expect(found == nil)
    }
}
