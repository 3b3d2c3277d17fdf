import ConformanceSupport
import ONNX
import Recipes
import Tensors
import Testing

@testable import Passes

/// Every pass by itself, and all of them, keep what graphs made at random compute.
@Suite struct RandomGraphTests {
    @Test func passesKeepWhatRandomGraphsCompute() throws {
        let x = ("x", ramp([2, 3, 4]))
        var changed: Set<GraphPass> = [], ran = 0
        for seed in 0..<200 as Range<UInt64> {
            var graph = RandomGraph(seed: seed)
            let model = graph.model()
            guard let expected = try? run(model, [x]) else { continue }
            ran += 1
            for passes in GraphPass.allCases.map({ [$0] }) + [GraphPass.standard, GraphPass.allCases.reversed()] {
                let form: Deployed
                do { form = try Deployed(model, passes) } catch {
                    Issue.record("\(seed), \(passes.map(\.rawValue)): \(error)")
                    continue
                }
                guard !form.changes.isEmpty else { continue }
                changed.formUnion(form.changes.changes.map(\.pass))
                let got = try run(form.after, [x])
                let isSame = zip(got, expected).allSatisfy { ValueComparison.identical($0, $1) }
                if graph.isExact { #expect(isSame, "\(seed), \(passes.map(\.rawValue))") }
                let difference = SampleInputs.difference(got, expected)
                #expect(difference == nil, "\(seed), \(passes.map(\.rawValue)): \(difference ?? "")")
            }
        }
        #expect(ran > 150, "\(ran)")
        #expect(changed == Set(GraphPass.allCases).subtracting([.inlineFunctions]), "\(changed)")
    }
}
