import ConformanceSupport
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Engine

/// Sessions on OpenVINO behave as those on ONNX Runtime, which is the oracle here.
@Suite(.enabled(if: OpenVINO.isThere)) struct OpenVINOSessionTests {
    private func rows(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<(count * 4)).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    @Test func versionIsTheLibrarys() {
        #expect(OpenVINO.version.contains(#/^20\d\d\.\d+\.\d+$/#))
        #expect("\(OpenVINO.machine)".hasSuffix("OpenVINO \(OpenVINO.version)"))
    }

    @Test(arguments: ["mlp", "mlp-fixed", "outputs-twice", "constant-outputs", "varying-output", "no-batch-output", "input-is-output"])
    func declarationsAreThoseOfTheOtherEngine(name: String) throws {
        let session = try Fixture.session(name, .openVINO), other = try Fixture.session(name)
        #expect(session.inputs == other.inputs)
        #expect(session.outputs.map(\.name) == other.outputs.map(\.name))
        #expect(session.outputs.map(\.elementType) == other.outputs.map(\.elementType))
    }

    @Test func everyOutputOrTheSubsetAskedFor() throws {
        let x = floats([3, 4], rows(3))
        let expected = try Fixture.session("mlp").run([x])
        let session = try Fixture.session("mlp", .openVINO)
        for (got, expected) in zip(try session.run([x]), expected) { #expect(ValueComparison.difference(got, expected) == nil) }
        let picked = try session.run([("x", .tensor(x))], outputs: ["p", "logits"])
        #expect(ValueComparison.difference(picked[0], expected[1]) == nil && ValueComparison.difference(picked[1], expected[0]) == nil)
    }

    @Test func zeroRowsGiveZeroRows() throws {
        let session = try Fixture.session("mlp", .openVINO)
        #expect(try session.run([floats([0, 4], [])]).map { $0.tensor?.shape } == [[0, 3], [0, 3]])
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        #expect(try bound.run(rows: 0).map { $0.tensor?.shape } == [[0, 3], [0, 3]])
    }

    @Test(arguments: ElementType.allCases)
    func bytesOfEveryElementTypeComeBackOrItIsRefusedByName(type: ElementType) throws {
        let name = "through-" + type.name
        let session: Session
        do { session = try Fixture.session(name, .openVINO) } catch {
            #expect(refused.contains(type) && "\(error)".contains("does not carry element type \(type.name) at 'x'"), "\(error)")
            return
        }
        #expect(!refused.contains(type))
        let count = 8, byteCount = type.byteCount(elements: count)!
        let wide: Set<ElementType> = [.int64, .uint64, .uint32]
        var generator = SeededGenerator(seed: UInt64(type.rawValue))
        let bytes = (0..<byteCount).map { position -> UInt8 in
            // Numbers that have a place in 32 bits.
            if wide.contains(type) { return position % (byteCount / count) == 0 ? UInt8.random(in: 0...255, using: &generator) : 0 }
            return UInt8.random(in: 0...(type == .bool ? 1 : 255), using: &generator)
        }
        let tensor = try #require(bytes.withUnsafeBytes { Tensor(elementType: type, shape: [count], bytes: $0) })
        let output = try #require(try session.run([tensor])[0].tensor)
        #expect(output.elementType == type && output.shape == [count])
        #expect(Array(output.bytes) == bytes)
    }

    private let refused: Set<ElementType> = [
        .string, .float64, .complex64, .complex128, .float8e4m3fnuz, .float8e5m2fnuz, .float4e2m1, .float8e8m0, .uint2, .int2,
    ]

    @Test func memoryIsReusedForEveryBatchSize() throws {
        let session = try Fixture.session("mlp", .openVINO), other = try Fixture.session("mlp")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 16)
        var addresses: Set<UnsafeRawPointer> = []
        for (seed, count) in [16, 16, 7, 1, 16, 7].enumerated() {
            let x = rows(count, seed: UInt64(seed))
            bound.buffer(0).fill(x)
            let got = try bound.run(rows: count)
            for (got, expected) in zip(got, try other.run([floats([count, 4], x)])) {
                #expect(ValueComparison.difference(got, expected) == nil)
            }
            addresses.insert(try #require(got[0].tensor?.bytes.baseAddress))
        }
        #expect(addresses.count == 1)
    }

    /// OpenVINO leaves memory that is bound to such an output as it was.
    @Test(arguments: ["through-float", "through-int8"]) func anInputThatIsPassedOnIsGivenInBoundMemoryToo(name: String) throws {
        let session = try Fixture.session(name, .openVINO)
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 64)
        let size = bound.buffer(0).byteCount / 64
        for (run, count) in [64, 64, 3, 64].enumerated() {
            for position in 0..<(count * size) { bound.buffer(0).mutableBytes[position] = UInt8((position * 7 + run) % 100) }
            let got = try #require(try bound.run(rows: count)[0].tensor)
            #expect(got.shape == [count])
            #expect(Array(got.bytes) == (0..<(count * size)).map { UInt8(($0 * 7 + run) % 100) })
        }
    }

    @Test(arguments: [1, 3, 4]) func theLastBatchOfAFixedModelIsPaddedAndCut(count: Int) throws {
        let session = try Fixture.session("mlp-fixed", .openVINO)
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 100)
        let x = rows(count)
        bound.buffer(0).fill(x)
        for (got, expected) in zip(try bound.run(rows: count), try Fixture.session("mlp").run([floats([count, 4], x)])) {
            #expect(ValueComparison.difference(got, expected) == nil)
        }
    }

    @Test func outputsOfAnyShapeAreGiven() throws {
        let session = try Fixture.session("varying-output", .openVINO), other = try Fixture.session("varying-output")
        for values in [[0, 1, 2], [5, 0, 0, 0, 5], [0]] as [[Float]] {
            let x = floats([values.count], values)
            guard let expected = try? other.run([x]) else { continue }
            for (got, expected) in zip(try session.run([x]), expected) { #expect(ValueComparison.difference(got, expected) == nil) }
        }
    }

    @Test func runsOverlap() async throws {
        let session = try Fixture.session("mlp", .openVINO)
        let expected = try (0..<8).map { try session.run([floats([1, 4], [Float($0), 1, 2, 3])])[0].floats }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    (0..<8).allSatisfy { row in
                        (try? session.run([floats([1, 4], [Float(row), 1, 2, 3])])[0].floats) == expected[row]
                    }
                }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test func aFileIsReadToo() throws {
        let file = try FileHandle(forReadingFrom: Fixture.directory.appendingPathComponent("mlp.onnx"))
        let x = floats([2, 4], rows(2))
        #expect(
            try Session(file: file.fileDescriptor, options: .openVINO).run([x]).map(\.floats)
                == Fixture.session("mlp", .openVINO).run([x]).map(\.floats))
        #expect(throws: EngineError.self) { try Session(file: -1, options: .openVINO) }
    }
}
