import ConformanceSupport
import Engine
import Foundation
import ONNX
import Recipes
import Testing

@testable import Passes

/// Every model of the ONNX project that the engine runs gives the same outputs after each pass.
@Suite struct ConformanceTests {
    private static let releases: [(String, [String], Int)] = [
        ("1.22.0", ["node", "simple", "pytorch-converted", "pytorch-operator"], 1905), ("1.23.2", ["node"], 1884),
    ]

    /// The passes of the training form and of the step's, one after another.
    @Test(arguments: releases) func everyPassKeepsTheOutputs(version: String, kinds: [String], count: Int) throws {
        var rewritings: [Rewriting] = []
        for pass in TrainingForm.passes.passes + StepForm.passes.passes {
            rewritings.append(
                Rewriting(name: pass.name) { (model) throws(PassError) in try ([pass] as PassList).run(&model).changed == [pass.name] })
        }
        try check(version, kinds, count, rewritings, accumulates: true)
    }

    /// Each pass for deployment by itself, and then all of them.
    @Test(arguments: releases) func everyPassForDeploymentKeepsTheOutputs(version: String, kinds: [String], count: Int) throws {
        var rewritings: [Rewriting] = []
        for passes in GraphPass.allCases.map({ [$0] }) + [GraphPass.allCases] {
            let form = DeploymentForm(passes, evaluate: evaluateInEngine)
            let name = passes.count == 1 ? passes[0].rawValue : "all"
            rewritings.append(Rewriting(name: name) { (model) throws(PassError) in try !form.apply(to: &model).isEmpty })
        }
        try check(version, kinds, count, rewritings, accumulates: false)
    }

    private func check(_ version: String, _ kinds: [String], _ count: Int, _ rewritings: [Rewriting], accumulates: Bool) throws {
        let cases = try ConformanceCase.all(version: version, kinds: kinds)
        #expect(cases.count == count)
        let exceptions = accumulates ? try ConformanceExceptions.read() : [:]
        var tally: [Comparison.Verdict: Int] = [:], changed: [String: Int] = [:]
        for testCase in cases {
            let comparison = Comparison(testCase, rewritings, accumulates: accumulates)
            tally[comparison.verdict, default: 0] += 1
            for name in comparison.changes { changed[name, default: 0] += 1 }
            let name = "\(version)/\(testCase.name)"
            switch comparison.verdict {
            case .same, .close, .notRun, .random:
                if let listed = exceptions[name] {
                    Issue.record("\(name) is listed as \(listed) and is \(comparison.verdict): take it out")
                }
            case .refused, .broken, .different:
                if exceptions[name] != comparison.verdict.rawValue {
                    Issue.record("\(name): \(comparison.verdict.rawValue): \(comparison.detail)")
                }
            }
        }
        #expect(tally[.same, default: 0] > 1750, "\(tally)")
        #expect(tally[.close, default: 0] < 10, "\(tally)")
        #expect(changed[accumulates ? "raise_opset" : "all", default: 0] > 400, "\(changed)")
    }
}

/// Changes a model, and says whether it did.
private struct Rewriting {
    let name: String
    let apply: (inout Model) throws(PassError) -> Bool
}

/// One model before and after each rewriting: each of what the one before has made, or of the model as it was.
private struct Comparison {
    enum Verdict: String {
        /// Bit by bit.
        case same
        /// Within ONNX's tolerance for its own tests.
        case close
        /// The engine does not run the model as it is.
        case notRun
        /// Differs from itself.
        case random
        /// A pass refuses the model.
        case refused
        /// The engine does not run what a pass made.
        case broken
        case different
    }

    private(set) var verdict = Verdict.same
    /// The names of the rewritings that changed the model.
    private(set) var changes: [String] = []
    private(set) var detail = ""

    init(_ testCase: ConformanceCase, _ rewritings: [Rewriting], accumulates: Bool) {
        do { try compare(testCase, rewritings, accumulates) } catch { (verdict, detail) = (.broken, "\(error)") }
    }

    private mutating func compare(_ testCase: ConformanceCase, _ rewritings: [Rewriting], _ accumulates: Bool) throws {
        let bytes = try testCase.modelBytes()
        let options = SessionOptions(optimization: .none)
        guard let session = try? Session(model: bytes, options: options) else { return verdict = .notRun }
        let sets = try testCase.dataSets(of: bytes)
        var expected: [[EngineValue]] = []
        for set in sets {
            guard let outputs = try? session.run(set.inputs) else { return verdict = .notRun }
            expected.append(outputs)
        }
        let original = try Model(serialized: Data(bytes))
        var model = original
        for (position, rewriting) in rewritings.enumerated() {
            if !accumulates { model = original }
            do throws(PassError) {
                guard try rewriting.apply(&model) else { continue }
                changes.append(rewriting.name)
            } catch {
                (verdict, detail) = (.refused, "\(error)")
                return
            }
            let after = try Session(model: model.serialized(), options: options)
            for (set, wanted) in zip(sets, expected) {
                let required = Set(after.inputs.map(\.name))
                let outputs = try after.run(set.inputs.filter { required.contains($0.name) })
                for (output, wanted) in zip(outputs, wanted) where !ValueComparison.identical(output, wanted) {
                    guard let difference = ValueComparison.difference(output, wanted) else {
                        verdict = .close
                        continue
                    }
                    let again = try session.run(set.inputs)
                    let isRandom = !zip(again, try session.run(set.inputs)).allSatisfy { ValueComparison.identical($0, $1) }
                    (verdict, detail) = (isRandom ? .random : .different, "after pass \(position + 1), \(rewriting.name): \(difference)")
                    return
                }
            }
        }
    }
}

/// `conformance-exceptions.txt`: case, verdict, why. May only shrink.
private enum ConformanceExceptions {
    static func read() throws -> [String: String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("conformance-exceptions.txt")
        var verdicts: [String: String] = [:]
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ", maxSplits: 2)
            if words.count == 3 { verdicts[String(words[0])] = String(words[1]) }
        }
        return verdicts
    }
}
