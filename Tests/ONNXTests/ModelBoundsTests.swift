import Foundation
import ModelSupport
import Tensors
import Testing

@testable import ONNX

extension ModelBounds {
    /// A fiftieth of each bound, and less: no model at hand comes nearer.
    static let narrow = {
        var bounds = ModelBounds()
        bounds.nodes /= 50
        bounds.callDepth /= 4
        bounds.visibleValues /= 1000
        bounds.turns /= 1000
        bounds.constantBytes /= 50
        bounds.multiplyAdds /= 50
        return bounds
    }()
}

/// What an engine would choke on is refused by the name of the node or function where it gets too much, in linear time.
@Suite struct ModelBoundsTests {
    static func refusal(_ model: Model, _ bounds: ModelBounds = ModelBounds()) -> String? {
        do throws(ONNXError) {
            try model.safetyCheck(bounds: bounds)
            try model.costCheck(bounds: bounds)
            return nil
        } catch {
            guard case .tooCostly = error else { return "another error: \(error)" }
            return error.description
        }
    }

    struct Bound: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bound: @Sendable (inout ModelBounds, Int) -> Void
        /// The least bound with which the model passes.
        let least: Int
        let words: String
        let model: Model
    }

    static let bounds: [Bound] = [
        Bound(testDescription: "nodes", bound: { $0.nodes = $1 }, least: 10, words: "node Neg -> 'y'", model: BombModels.chain(10)),
        // f2 is 1 node, f1 2 and 2 times 1, f0 2 and 2 times 4; and the call.
        Bound(testDescription: "calls", bound: { $0.nodes = $1 }, least: 11, words: "node f.f0 -> 'y'", model: BombModels.functions(3)),
        Bound(
            testDescription: "nodes of subgraphs", bound: { $0.nodes = $1 }, least: 9, words: "node",
            model: BombModels.conditions(values: 3, inner: 1)),
        Bound(testDescription: "depth", bound: { $0.callDepth = $1 }, least: 5, words: "deep", model: BombModels.functions(5, calls: 1)),
        // The outer branches see x, c and three values; the inner ones the same.
        Bound(
            testDescription: "visible", bound: { $0.visibleValues = $1 }, least: 20, words: "If",
            model: BombModels.conditions(values: 3, inner: 1)),
        Bound(
            testDescription: "turns", bound: { $0.turns = $1 }, least: 7, words: "'y': its trip count is 7",
            model: BombModels.loops(7, BombModels.loop("x", "y"))),
        Bound(
            testDescription: "nested turns", bound: { $0.turns = $1 }, least: 49, words: "in 7 turns of the loops around it",
            model: BombModels.loops(7, BombModels.loop("x", "y", inner: [BombModels.loop("a", "z")], result: "z"))),
        // Every constant has two integers, of which sixteen times the bytes are free.
        Bound(
            testDescription: "bytes", bound: { $0.constantBytes = $1 }, least: 1000 * 1000 * 4 + 16 - 16 * 16, words: "Shape -> 'y'",
            model: BombModels.model(
                [Node("ConstantOfShape", ["shape"], ["p"]), Node("Shape", ["p"], ["y"])], [BombModels.integers("shape", [1000, 1000])])),
        Bound(
            testDescription: "expanded bytes", bound: { $0.constantBytes = $1 }, least: 1000 * 1000 * 8 - 16 * 24, words: "Expand -> 'y'",
            model: BombModels.model(
                [Node("Expand", ["one", "shape"], ["y"])], [BombModels.integers("shape", [1000, 1000]), BombModels.integers("one", [1])])),
        Bound(
            testDescription: "tiled bytes", bound: { $0.constantBytes = $1 }, least: 3000 * 8 - 16 * 32, words: "Tile -> 'y'",
            model: BombModels.model(
                [Node("Tile", ["three", "times"], ["y"])],
                [BombModels.integers("times", [1000]), BombModels.integers("three", [1, 2, 3])])),
        // ConstantOfShape 400, the product 400 times 20, ReduceMax 400 and Neg 1; 256 for each of two stored elements.
        Bound(
            testDescription: "multiply-adds", bound: { $0.multiplyAdds = $1 }, least: 400 + 400 * 20 + 400 - 2 * 256,
            words: "ReduceMax -> 'm'",
            model: BombModels.products(1, 20)),
    ]

    @Test(arguments: bounds)
    func oneLessIsRefused(_ bound: Bound) throws {
        var bounds = ModelBounds()
        bound.bound(&bounds, bound.least)
        #expect(Self.refusal(bound.model, bounds) == nil)
        bound.bound(&bounds, bound.least - 1)
        let refusal = try #require(Self.refusal(bound.model, bounds))
        #expect(refusal.contains(bound.words), "\(refusal)")
    }

    struct Bomb: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let words: String
        let model: @Sendable () -> Model

        init(_ name: String, _ words: String, _ model: @escaping @autoclosure @Sendable () -> Model) {
            testDescription = name
            self.words = words
            self.model = model
        }
    }

    static let bombs: [Bomb] = [
        Bomb("24 functions", "function f6: it has more than 250000 nodes", BombModels.functions(24)),
        Bomb("60 functions", "function f42: it has more than 250000 nodes", BombModels.functions(60)),
        Bomb("60 functions, once", "call one another more than 32 deep", BombModels.functions(60, calls: 1)),
        Bomb("products", "node MatMul -> 'p7'", BombModels.products(60, 2500)),
        Bomb("ConstantOfShape", "node ConstantOfShape -> 'p0'", BombModels.products(0, 46_341)),
        Bomb(
            "Range", "node Range -> 'r'",
            BombModels.model(
                [Node("Range", ["from", "to", "by"], ["r"]), Node("ReduceMax", ["r"], ["y"])],
                [
                    StoredTensor("from", .int64, [], [0 as Int64]), StoredTensor("to", .int64, [], [1 << 30 as Int64]),
                    StoredTensor("by", .int64, [], [1 as Int64]),
                ])),
        Bomb("Loop", "its trip count is 4611686018427387904", BombModels.loops(1 << 62, BombModels.loop("x", "y"))),
        Bomb(
            "Loop over constants", "its trip count is 4611686018427387904",
            BombModels.loops(1 << 62, BombModels.loop("two", "y"), constants: [StoredTensor("two", .float32, [1], [2 as Float])])),
        Bomb("Loop without a condition", "its trip count", BombModels.loops(1 << 62, BombModels.loop(condition: "", "x", "y"))),
        Bomb(
            "Loop whose condition is a constant of the body", "its trip count",
            BombModels.loops(
                1 << 62,
                BombModels.loop(
                    "x", "y", end: [Node("Constant", [], ["on"], [Attribute("value", .tensor(StoredTensor("", .bool, [], [true])))])]))),
        Bomb(
            "three Loops", "in 65536 turns",
            BombModels.loops(
                1 << 16,
                BombModels.loop("x", "y", inner: [BombModels.loop("a", "z", inner: [BombModels.loop("a", "w")], result: "w")], result: "z"))
        ),
        Bomb("chain", "graph 'g': it has more than 250000 nodes", BombModels.chain(500_000)),
        Bomb("Ifs", "its subgraphs see more than", BombModels.conditions(values: 30_000, inner: 30_000)),
    ]

    @Test(arguments: bombs)
    func bombsAreRefusedAtOnce(_ bomb: Bomb) throws {
        let model = bomb.model()
        let start = ContinuousClock.now
        let refusal = try #require(Self.refusal(model))
        let took = ContinuousClock.now - start
        #expect(refusal.contains(bomb.words), "\(refusal)")
        #expect(took < .seconds(20), "\(took)")
    }

    /// Constants are read while they are alive: of memory that is free by then, the first byte is another one with each place, and now and
    /// then 0.
    @Test func whatIsReadIsAlive() throws {
        let bomb = try #require(Self.bombs.first { $0.testDescription == "Loop over constants" })
        let model = bomb.model()
        var held: [Tensor] = []
        for number in 0..<6000 {
            // Each turn finds its memory in another place.
            held.append(try #require(Tensor(zeros: .bool, shape: [1 + number % 7 * 40])))
            try #require(Self.refusal(model)?.contains(bomb.words) == true, "in turn \(number)")
        }
        #expect(held.count == 6000)
    }

    /// The models of many exporters, a fiftieth of the bounds given.
    @Test func exportersComeNowhereNear() throws {
        let zoo = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("EndToEndTests/Zoo").resolvingSymlinksInPath().path
        let found = FileManager.default.enumerator(atPath: zoo)?.compactMap { $0 as? String }.filter { $0.hasSuffix(".onnx") } ?? []
        #expect(found.count > 200)
        for name in found {
            let model = try Model.load(path: zoo + "/" + name)
            #expect(Self.refusal(model, .narrow) == nil, "\(name)")
        }
    }

    /// What only looks like a bomb: loops that their condition ends, as exporters write them with the largest trip count; and what is just
    /// below a bound.
    @Test func honestModelsAreNotRefused() {
        let compares = [Node("Less", ["i", "ten"], ["on"])]
        #expect(Self.refusal(BombModels.loops(.max, BombModels.loop("x", "y", end: compares))) == nil)
        #expect(Self.refusal(BombModels.loops(.max, BombModels.loop(condition: "c", "x", "y"))) == nil)
        #expect(Self.refusal(BombModels.loops(1000, BombModels.loop("x", "y"))) == nil)
        #expect(Self.refusal(BombModels.products(5, 2500)) == nil)
        #expect(Self.refusal(BombModels.chain(249_999)) == nil)
        #expect(Self.refusal(BombModels.conditions(values: 4_000, inner: 4_000)) == nil)
        #expect(Self.refusal(BombModels.functions(ModelBounds.deepestCalls, calls: 1)) == nil)
    }
}
