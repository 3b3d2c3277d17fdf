import ConformanceSupport
import Engine
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct SessionTests {
    @Test func versionIsTheLibrarys() { #expect(ONNXRuntime.version.contains(#/^1\.\d+\.\d+/#)) }

    @Test func declarationsSayWhatTheModelTakes() throws {
        let session = try Fixture.session("mlp")
        try #require(
            session.inputs == [
                ValueInfo(name: "x", kind: .tensor(elementType: 1, dimensions: [.symbolic("N"), .fixed(4)]))
            ])
        try #require(session.outputs.map(\.name) == ["logits", "p"])
        #expect("\(session.inputs[0].kind)" == "float[N, 4]")
        #expect("\(try Fixture.session("zipmap").outputs[1].kind)" == "seq(map(string, float[]))")
        #expect("\(try Fixture.session("optional").inputs[0].kind)" == "optional(float[N])")
    }

    @Test func everyOutputOrTheSubsetAskedFor() throws {
        let session = try Fixture.session("mlp")
        let x = floats([2, 4], [1, 2, 3, 4, -1, -2, -3, -4])
        let all = try session.run([x])
        try #require(all.map { $0.tensor?.shape } == [[2, 3], [2, 3]])
        let probabilities = try #require(all[1].floats)
        #expect(abs(probabilities[0..<3].reduce(0, +) - 1) < 1e-6)
        #expect(try session.run([x], outputs: [1]).map(\.floats) == [probabilities])
        #expect(
            try session.run([(name: "x", value: .tensor(x))], outputs: ["p", "logits"]).map(\.floats) == [probabilities, all[0].floats])
    }

    @Test func zeroRowsGiveZeroRows() throws {
        let outputs = try Fixture.session("mlp").run([floats([0, 4], [])])
        try #require(outputs.map { $0.tensor?.shape } == [[0, 3], [0, 3]])
    }

    @Test func stringsOfEveryKindComeBack() throws {
        let strings = ["", "plain", "zwölf Boxkämpfer", "日本", "with\0NUL", "👩‍👩‍👧"]
        let outputs = try Fixture.session("through-string").run([Tensor(strings: strings, shape: [6])])
        #expect(outputs[0].strings == strings)
    }

    @Test func noStringsAtAll() throws {
        #expect(try Fixture.session("through-string").run([Tensor(strings: [], shape: [0])])[0].strings == [])
    }

    @Test(arguments: ElementType.allCases.filter { $0 != .string && !notCarried.contains($0) })
    func bytesOfEveryElementTypeComeBack(type: ElementType) throws {
        let count = 7
        var generator = SeededGenerator(seed: UInt64(type.rawValue))
        var bytes = (0..<type.byteCount(elements: count)!).map { _ in UInt8.random(in: 0...255, using: &generator) }
        if type == .bool { bytes = bytes.map { $0 & 1 } }
        // The last byte of a packed type is half empty; what lies there is not data.
        if let bits = type.bitWidth, bits < 8 { bytes[bytes.count - 1] &= UInt8(1 << (count * bits % 8)) - 1 }
        let tensor = try #require(bytes.withUnsafeBytes { Tensor(elementType: type, shape: [count], bytes: $0) })
        let session = try Fixture.session("through-" + type.name)
        #expect(session.inputs[0].elementType == type)
        let output = try #require(try session.run([tensor])[0].tensor)
        #expect(output.elementType == type)
        #expect(Array(output.bytes) == bytes)
    }

    /// The last two are newer than `ElementType` knows.
    @Test(arguments: ["complex64", "complex128", "float6e2m3", "float6e3m2"])
    func typesThatTheEngineDoesNotCarryAreRefusedByName(name: String) throws {
        let error = #expect(throws: EngineError.self) { try Fixture.session("through-" + name) }
        #expect("\(error!)".contains("element type \(name)"))
    }

    @Test func mapsAndSequences() throws {
        let outputs = try Fixture.session("zipmap").run([floats([2, 2], [1, 1, -1, -1])])
        #expect(outputs[0].strings == ["yes", "no"])
        let rows = try #require(outputs[1].elements)
        try #require(rows.count == 2)
        guard case .map(let keys, let values) = rows[0] else { Issue.record("no map"); return }
        #expect(keys.strings == ["no", "yes"])
        let probabilities = try #require(values.values(as: Float.self))
        #expect(abs(probabilities[0] + probabilities[1] - 1) < 1e-6 && probabilities[1] > 0.9)
    }

    @Test func mapsGoIn() throws {
        let map = EngineValue.map(keys: Tensor(strings: ["c", "a"], shape: [2]), values: floats([2], [3, 1]))
        #expect(try Fixture.session("map-input").run([(name: "m", value: map)])[0].floats == [1, 0, 3])
    }

    @Test func controlFlow() throws {
        let session = try Fixture.session("if")
        let x = floats([2], [1, 2])
        #expect(try session.run([Tensor(.bool, [], [true]), x])[0].floats == [2, 4])
        #expect(try session.run([Tensor(.bool, [], [false]), x])[0].floats == [3, 6])
        let steps = try Fixture.session("loop").run([Tensor(.int64, [], [3 as Int64]), x])
        #expect(steps[0].elements?.map(\.floats) == [[0, 0], [1, 2], [2, 4]])
    }

    @Test(arguments: [0, 1, 3])
    func sequencesGoIn(count: Int) throws {
        let sequence = EngineValue.sequence((0..<count).map { .tensor(floats([1], [Float($0)])) })
        #expect(try Fixture.session("sequence-input").run([(name: "s", value: sequence)])[0].int64s == [Int64(count)])
    }

    @Test(arguments: [[], ["a", "bc"]] as [[String]])
    func sequencesOfStringsPassThrough(strings: [String]) throws {
        let sequence = EngineValue.sequence(strings.map { .tensor(Tensor(strings: [$0], shape: [1])) })
        let output = try Fixture.session("string-sequence").run([(name: "s", value: sequence)])[0]
        #expect(output.elements?.map(\.strings) == strings.map { [$0] })
    }

    @Test func optionalsHoldSomethingOrNothing() throws {
        let session = try Fixture.session("optional")
        let full = try session.run([(name: "o", value: .tensor(floats([2], [1, 2])))])
        #expect(full[0].floats == [1, 2])
        #expect(full[1].tensor?.values(as: Bool.self) == [true])
        let empty = try session.run([(name: "o", value: .none)])
        guard case .none = empty[0] else { Issue.record("\(empty[0])"); return }
        #expect(empty[1].tensor?.values(as: Bool.self) == [false])
    }

    @Test func runsOverlap() async throws {
        let session = try Fixture.session("mlp")
        let expected = try (0..<8).map { try session.run([floats([1, 4], [Float($0), 1, 2, 3])])[0].floats }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    (0..<8).allSatisfy { row in
                        (try? session.run([floats([1, 4], [Float(row), 1, 2, 3])])[0].floats) == expected[row]
                    }
                }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test func freeDimensionsAreFixed() throws {
        let session = try Fixture.session("mlp", SessionOptions(freeDimensions: ["N": 6]))
        #expect(session.inputs[0].dimensions == [.fixed(6), .fixed(4)])
    }

    @Test func optionsChangeNoResult() throws {
        let x = floats([3, 4], (0..<12).map { Float($0) / 7 })
        let expected = try #require(try Fixture.session("mlp", SessionOptions(optimization: .none)).run([x])[1].floats)
        for optimization in SessionOptions.Optimization.allCases {
            for threads in [1, 2] {
                let options = SessionOptions(
                    threads: threads, optimization: optimization, memoryArena: threads == 2, memoryPattern: threads == 2,
                    prepacking: threads == 1, deterministic: true)
                let got = try #require(try Fixture.session("mlp", options).run([x])[1].floats)
                #expect(zip(got, expected).allSatisfy { abs($0 - $1) < 1e-6 })
            }
        }
    }
}

private let notCarried: Set<ElementType> = [.complex64, .complex128]
