import Machine
import Recipes
import TestSupport
import Testing

@testable import Deployment

@Suite struct ChoiceStoreTests {
    private let machine = AttemptMachine(processor: "Abacus", engine: "ONNX Runtime", engineVersion: "1")

    private var table: DeploymentTable {
        var best = CandidateResult(Candidate(.openVINO(.bfloat16), threads: 2, batch: 8))
        (best.rowsPerSecond, best.processorMilliseconds) = (10, 3)
        return DeploymentTable(
            model: "0123456789abcdef01", machines: [machine], comparedRows: 5, gate: .strict, measure: .clock, seconds: 1,
            candidates: [CandidateResult(Candidate(.onnxRuntime, threads: 2, batch: 32)), best], leftOut: ["openvino float32": "why"])
    }

    @Test func whatIsKeptIsFoundForTheSameModelQuestionAndMachineOnly() throws {
        let folder = try TemporaryDirectory("choices")
        let store = ChoiceStore(folder("work/choices"))
        #expect(store.table(of: table.model, "q", on: [machine]) == nil)
        try store.keep(table, "q", on: [machine])
        #expect(store.table(of: table.model, "q", on: [machine]) == table)
        #expect(store.table(of: table.model, "another", on: [machine]) == nil)
        #expect(store.table(of: "another", "q", on: [machine]) == nil)
        var newer = machine
        newer.engineVersion = "2"
        #expect(store.table(of: table.model, "q", on: [newer]) == nil)
        // Two models whose digests begin alike.
        #expect(store.table(of: "0123456789abcdef02", "q", on: [machine]) == nil)
    }
}
