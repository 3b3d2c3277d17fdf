import Attempts
import Foundation
import Machine
import PipelineConfig
import Reasons
import Recipes
import Synchronization
import Testing

@testable import Deployment

/// A session whose answer waits until others have been asked too.
private final class MeetingSession: CandidateProcess {
    private let meeting: Meeting
    private let answer: AttemptResult

    init(_ meeting: Meeting, _ answer: AttemptResult) {
        self.meeting = meeting
        self.answer = answer
    }

    func execute(_ spec: AttemptSpec) -> AttemptResult {
        meeting.arrive()
        return answer
    }
}

/// Keeps those who arrive until there are as many as expected.
private final class Meeting: Sendable {
    private let expected: Int
    private let count = Mutex(0)
    private let open = DispatchSemaphore(value: 0)
    private let late = Mutex(0)

    init(_ expected: Int) { self.expected = expected }

    func arrive() {
        let isLast = count.withLock { count in
            count += 1
            return count == expected
        }
        if isLast { for _ in 0..<expected { open.signal() } }
        if open.wait(timeout: .now() + 30) == .timedOut { late.withLock { $0 += 1 } }
    }

    var arrived: Int { count.withLock { $0 } }
    /// The number of those who waited in vain.
    var waitedInVain: Int { late.withLock { $0 } }
}

@Suite struct SessionsTests {
    private static func spec(_ question: AttemptSpec.MeasuredFiles.Question) -> AttemptSpec {
        let files = AttemptSpec.MeasuredFiles(
            model: .init(path: "/m.onnx", digest: "d"), data: nil, rows: 1, reference: "/tmp", question: question)
        return AttemptSpec(
            run: 0, attempt: 1, pipeline: "p", work: .measure(files), schema: RowSchema(inputs: [], keep: []), stages: [])
    }

    private static func answer(rows: Int, seconds: Double, processor: Double = 0, peak: Int64 = 0) -> AttemptResult {
        var answer = AttemptResult()
        answer.measurement = Measurement(
            rows: rows, seconds: seconds, processorSeconds: processor, peakBytes: peak, attemptProcessorSeconds: processor + 1)
        return answer
    }

    /// 100 rows in 2 seconds, 300 in 3 and 50 in 1: 50 + 100 + 50 rows a second.
    @Test func sessionsComputeAtTheSameTimeAndAddUp() throws {
        let meeting = Meeting(3)
        let sessions = CandidateSessions([
            MeetingSession(meeting, Self.answer(rows: 100, seconds: 2, processor: 2, peak: 10)),
            MeetingSession(meeting, Self.answer(rows: 300, seconds: 3, processor: 6, peak: 20)),
            MeetingSession(meeting, Self.answer(rows: 50, seconds: 1, processor: 1, peak: 30)),
        ])
        let found = try #require(sessions.execute(Self.spec(.speed(seconds: 1))).measurement)
        #expect(meeting.waitedInVain == 0)
        #expect(found.rows == 450 && abs(Double(found.rows) / found.seconds - 200) < 1e-9)
        #expect(found.processorSeconds == 9 && found.attemptProcessorSeconds == 12 && found.peakBytes == 60)
    }

    @Test func whatIsNotAboutSpeedIsAskedOfOneSession() {
        for question in [AttemptSpec.MeasuredFiles.Question.reference, .agreement, .machines] {
            let others = Meeting(1)
            let sessions = CandidateSessions([
                MeetingSession(Meeting(1), Self.answer(rows: 7, seconds: 1)), MeetingSession(others, Self.answer(rows: 8, seconds: 1)),
            ])
            #expect(sessions.execute(Self.spec(question)).measurement?.rows == 7)
            #expect(others.arrived == 0)
        }
    }

    @Test func whatOneSessionLacksIsLackingOfAll() {
        func together(_ second: AttemptResult) -> AttemptResult {
            let meeting = Meeting(2)
            return CandidateSessions([
                MeetingSession(meeting, Self.answer(rows: 7, seconds: 1)), MeetingSession(meeting, second),
            ]).execute(Self.spec(.speed(seconds: 1)))
        }
        let failure = Failure(.badModel, what: "it crashed", place: "m.onnx", remedy: "")
        #expect(together(AttemptResult(failure: failure)).failure?.kind == .badModel)
        #expect(together(Self.answer(rows: 0, seconds: 0)).measurement == nil)
    }

    /// Twice the sessions, each a little slower than one with both cores: together they win, and the cosine is that of the engine.
    @Test func sessionsWinWhereTheyScoreMoreTogether() throws {
        let world = FakeWorld()
        world.contention = [2: 1.05]
        let table = try world.measured(sharings: CoreSharing.tried(cores: 2))
        #expect(table.choice?.candidate == Candidate(.openVINO(.bfloat16), sessions: 2, threads: 1, batch: 32))
        #expect(table.choiceOfOneSession?.candidate == Candidate(.openVINO(.bfloat16), threads: 2, batch: 32))
        // 0.4 ms for a row, 1.5 times that with one thread, and 1.05 times that beside another session; two of them.
        #expect(abs(table.choice!.rowsPerSecond! - 2 * 1000 / (0.4 * 1.5 * 1.05)) < 1e-6)
        // A row costs 2 seconds of processor time for each of its time.
        #expect(abs(table.choice!.processorMilliseconds! - 2 * 0.4 * 1.5 * 1.05) < 1e-6)
        #expect(table.choice?.peakBytes == 2 << 20)
        #expect(abs(table.gain(of: table.choice!)! - 2 / (0.4 * 1.5 * 1.05)) < 1e-6)
        // The original in two sessions takes 1.5 * 1.05 ms.
        #expect(abs(table.gainAlike(of: table.choice!)! - 1 / 0.4) < 1e-6)
        // Numbers of rows are tried with the best way of sharing alone.
        #expect(Set(table.candidates.filter { $0.candidate.batch == 1 }.map(\.candidate.sessions)) == [2])
        // Three engines; one thread and two sessions, of the original and the best; and the original's two sessions once more, which had ended
        // since they are far behind.
        #expect(world.processes == 3 + 2 * (1 + 2) + 2)
    }

    @Test func sessionsThatGetInEachOthersWayAreNotChosen() throws {
        let world = FakeWorld()
        world.contention = [2: 1.5]
        let table = try world.measured(sharings: CoreSharing.tried(cores: 2))
        #expect(table.choice?.candidate == Candidate(.openVINO(.bfloat16), threads: 2, batch: 32))
        #expect(table.candidates.contains { $0.candidate.sessions == 2 && $0.bursts > 0 && $0.passes })
    }

    /// In a daemon all workers execute a version: another candidate may win there than alone, and it does.
    @Test func whereTheSessionsAreGivenTheyDecide() throws {
        let world = FakeWorld()
        world.contention = [4: 8]
        let sharings = [CoreSharing(sessions: 1, threads: 2), CoreSharing(sessions: 4, threads: 2)]
        let table = try world.measured(sharings: sharings, sessions: 4)
        #expect(table.choice?.candidate == Candidate(.openVINO(.bfloat16), sessions: 4, threads: 2, batch: 32))
        #expect(table.choiceOfOneSession?.rowsPerSecond ?? 0 > table.choice?.rowsPerSecond ?? .infinity)
        // Kept and read again, the answer is the same.
        let read = try JSONDecoder().decode(DeploymentTable.self, from: JSONEncoder().encode(table))
        #expect(read == table && read.choice?.candidate.sessions == 4)
    }

    @Test func sessionsWhoseMemoryIsNotThereAreLeftOut() throws {
        let world = FakeWorld()
        // Each session has 1 MiB. Two sessions of the original fit, and then none of the best.
        world.freeBytes = 5 << 20
        let sharings = [CoreSharing(sessions: 1, threads: 2), CoreSharing(sessions: 2, threads: 1)]
        let table = try world.measured(sharings: sharings, sessions: 2)
        #expect(
            table.leftOut["openvino bfloat16, 2 sessions of 1 thread"]
                == "they need 2 MiB: with those before more than half of the 5 MiB that are free")
        #expect(table.choice?.candidate.way == "onnxruntime float32")
        // Where none fits, the answer is that of one session.
        world.freeBytes = 3 << 20
        let alone = try world.measured(sharings: sharings, sessions: 2)
        #expect(alone.sessions == nil && alone.leftOut.count == 2)
        #expect(alone.choice?.candidate == Candidate(.openVINO(.bfloat16), threads: 2, batch: 32))
    }

    @Test func coresAreSharedOut() {
        func tried(_ cores: Int, _ sessions: [Int]? = nil) -> [String] {
            CoreSharing.tried(cores: cores, sessions: sessions).map { "\($0.sessions)x\($0.threads)" }
        }
        #expect(tried(1) == ["1x1"])
        #expect(tried(2) == ["1x2", "1x1", "2x1"])
        #expect(tried(3) == ["1x3", "1x1", "3x1"])
        #expect(tried(6) == ["1x6", "1x1", "2x3", "6x1"])
        #expect(tried(16) == ["1x16", "1x1", "2x8", "4x4", "8x2", "16x1"])
        #expect(tried(64).count == 8)
        #expect(tried(4, [2, 1, 2]) == ["2x2", "1x4", "1x1"])
        #expect(tried(4, [3]) == ["3x1"])
    }
}
