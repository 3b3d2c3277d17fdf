import Attempts
import Machine
import ONNX
import PipelineConfig
import Recipes
import Tensors
import Testing

@testable import Runner

/// Models that attempts write in other forms.
@Suite struct RewritePassTests {
    private static let engines: [EngineChoice] = [.onnxRuntime, .openVINO(.float32)]

    private func operators(_ model: Model) -> Set<String> { Set(model.graph.nodes.map(\.operatorType)) }

    /// Every form runs on both engines and gives nearly what the model gives; what it consists of is what its name says.
    @Test func everyFormAgreesOnBothEngines() throws {
        let scene = try FormScene(Perceptron.model(), rows: Perceptron.rows(160))
        let expected: [(form: ModelForm, operators: Set<String>, cosine: Double)] = [
            (.graph, ["Gemm"], 0.9999999), (.float16, ["Cast"], 0.999999), (.int8Static, ["QuantizeLinear", "DequantizeLinear"], 0.999),
            (.int8Dynamic, ["MatMulInteger"], 0.999), (.int8Weights, ["DequantizeLinear"], 0.999),
            (.int4Weights, ["DequantizeLinear"], 0.98),
        ]
        #expect(Set(expected.map(\.form)) == Set(ModelForm.allCases).subtracting([.published]))
        for (form, operators, cosine) in expected {
            let (answer, model) = try scene.made(form)
            #expect(operators.isSubset(of: self.operators(model)), "\(form): \(self.operators(model))")
            #expect(answer.rewriting?.changes[.fuseGemm] == 2)
            #expect(answer.files.map(\.name) == ["model.onnx"])
            for engine in Self.engines {
                let found = try scene.agreement(form, on: engine)
                #expect(found.cosine! >= cosine && found.rows == 64, "\(form) on \(engine): \(found)")
                if form != .graph { #expect(found.relativeError! > 0, "\(form) on \(engine)") }
            }
        }
    }

    /// Rows that follow those with which outputs are compared give the ranges; where they are too few, the first ones do.
    @Test func rangesComeFromRowsThatAreNotCompared() throws {
        let first = Perceptron.rows(64, seed: 1), other = Perceptron.rows(64, seed: 2, scale: 4)
        let next = Perceptron.rows(64, seed: 3), large = Perceptron.rows(64, seed: 4, scale: 3)
        func made(_ rows: [[Float]]) throws -> (digest: String, rows: Int?) {
            let answer = try FormScene(Perceptron.model(), rows: rows).made(.int8Static).answer
            return (answer.files[0].digest, answer.rewriting?.rows)
        }
        let one = try made(first + next)
        #expect(one.rows == 64)
        #expect(try made(other + next).digest == one.digest)
        #expect(try made(first + large).digest != one.digest)
        // As many as are compared, and no more.
        #expect(try made(first + next + large).digest == one.digest)
        let few = try made(first + next[..<20])
        #expect(few.rows == 64)
        #expect(try made(first).digest == few.digest)
        #expect(try made(other + next[..<20]).digest != few.digest)
    }

    @Test func layersThatAreNamedStayInFloat() throws {
        let scene = try FormScene(Perceptron.model(), rows: Perceptron.rows(80))
        let whole = try scene.made(.int8Static).answer.rewriting
        let layers = try #require(whole?.layers)
        #expect(layers.count == 3)
        let (answer, model) = try scene.made(.int8Static, float: [layers[1]])
        #expect(answer.rewriting?.layers == [layers[0], layers[2]] && answer.rewriting?.left[layers[1]] == "it is excluded")
        #expect(model.graph.nodes.filter { $0.operatorType == "QuantizeLinear" }.count == 2)
    }

    /// The layer whose weights suit integers least is the worst.
    @Test(arguments: ["w1", "w2", "w3"]) func theWorstLayerIsFound(_ weight: String) throws {
        let scene = try FormScene(Perceptron.model(worst: weight), rows: Perceptron.rows(80).map { [0] + $0.dropFirst() })
        let node = try #require(try scene.made(.graph).model.graph.nodes.first { $0.inputs.contains(weight) })
        let answer = scene.execute(.rewrite(try scene.files(.int8Weights, task: .rank(seconds: 60))))
        #expect(answer.failure == nil && answer.files.isEmpty)
        let ranking = try #require(answer.rewriting?.ranking)
        #expect(ranking.count == 3 && ranking[0].relativeError > 3 * ranking[1].relativeError)
        #expect(ranking[0].layer == (node.name.isEmpty ? node.outputs[0] : node.name), "\(ranking)")
        #expect(ranking.map(\.relativeError) == ranking.map(\.relativeError).sorted(by: >))
    }

    // MARK: What cannot be made

    private func failure(_ form: ModelForm, _ model: Model = Perceptron.model(), rows: [[Float]]) throws -> String {
        let scene = try FormScene(model, rows: rows)
        let answer = scene.execute(.rewrite(try scene.files(form)))
        #expect(answer.files.isEmpty && answer.rewriting == nil)
        return answer.failure.map { "\($0.what)" } ?? "it was made"
    }

    @Test func rowsThatTellNothingAreNamed() throws {
        #expect(try failure(.int8Static, rows: Perceptron.rows(7)).contains("7 rows were fed in and 8 are the least"))
        let constant = [[Float]](repeating: [Float](repeating: 0.5, count: Perceptron.width), count: 20)
        #expect(try failure(.int8Static, rows: constant).contains("it is 0.5 in every row"))
        var infinite = Perceptron.rows(20)
        infinite[3] = [Float](repeating: 3e38, count: Perceptron.width)
        #expect(try failure(.int8Static, rows: infinite).contains("infinite or NaN"))
        let scene = try FormScene(Perceptron.model(), rows: Perceptron.rows(20))
        let answer = scene.execute(.rewrite(try scene.files(.int8Static, hasRows: false)))
        #expect(answer.failure.map { "\($0.what)" }?.contains("needs rows") == true)
    }

    @Test func modelsThatCannotBeRewrittenAreNamed() throws {
        let scene = try FormScene(Perceptron.model(), rows: Perceptron.rows(80))
        let quantized = try scene.made(.int8Static).model
        for form in [ModelForm.int8Static, .int8Dynamic, .int8Weights, .int4Weights, .float16] {
            #expect(try failure(form, quantized, rows: Perceptron.rows(80)).contains("quantized already"))
        }
        var plain = Perceptron.model()
        plain.graph.nodes = [Node("Relu", ["x"], ["y"])]
        plain.graph.outputs = [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(Perceptron.width)]))]
        plain.graph.initializers = []
        #expect(try failure(.int8Static, plain, rows: Perceptron.rows(80)).contains("no node with a weight that can be quantized"))
    }

    // MARK: Large models

    /// Weights in files are read and written one after another: the form has its weights in a file too, and gives the same.
    @Test func aLargeModelIsWrittenWeightByWeight() throws {
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        let scene = try FormScene(Perceptron.model(), rows: Perceptron.rows(160), options: options)
        for form in [ModelForm.int8Static, .int8Weights, .float16, .graph] {
            let small = try scene.made(form).answer
            let files = try scene.files(form), spec = scene.spec(.rewrite(files))
            var answer = AttemptResult()
            let tools = AttemptTools(
                spec: spec, opener: NamedFiles(spec), models: ModelLoader(sessionBytes: 0),
                interruption: try Interruption(spec, AttemptControl(AttemptCancellation())))
            try RewritePass(tools, files, .init(batchSize: .rows(32)), largestInMemory: 0).run(&answer)
            #expect(answer.files.map(\.name) == ["model.onnx", "model.onnx.data"], "\(form)")
            #expect(small.files.map(\.name) == ["model.onnx"] && small.rewriting?.layers == answer.rewriting?.layers)
            for engine in Self.engines { #expect(try scene.agreement(form, on: engine).cosine! > 0.999, "\(form) on \(engine)") }
        }
    }
}
