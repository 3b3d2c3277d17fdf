import Attempts
import Machine
import ONNX
import Quantization
import Recipes

/// Holds what a form is made of: the model that is rewritten, and what rows have shown of it. Any of its layers may stay in float.
struct PreparedForm {
    private let form: ModelForm
    private(set) var model: Model
    /// The number of rows from which ranges were found; nil where none are needed.
    private(set) var rows: Int?
    private var ranges = ActivationRanges()
    private var channels: ChannelStatistics?

    /// The bytes of weights above which a model is not balanced: the balanced weights are in memory together.
    private static let largestBalanced = 1 << 30

    init(_ form: ModelForm, of model: Model, _ run: CalibrationRun) throws(Failure) {
        self.form = form
        self.model = model
        guard form.needsRows else { return }
        let outputs = model.graph.outputs.map(\.name)
        func calibrated(_ model: Model) throws(Failure) -> (calibration: Calibration, rows: Int) {
            // Numbers that are far out are few and matter: models are worse where they are cut (MiniLM 0.94 with 99.99 %).
            let fresh = try run.rewriting { () throws(QuantizationError) in try Calibration(model, method: .minMax) }
            return try run.run(fresh, outputs: outputs)
        }
        if model.weightBytes <= Self.largestBalanced {
            let first = try calibrated(model).calibration
            // What never changes before balancing may seem to do so after it, since channels have factors of their own.
            _ = try run.rewriting { () throws(QuantizationError) in try first.ranges() }
            balance(first.channels)
        }
        let found = try calibrated(self.model)
        ranges = try run.rewriting { () throws(QuantizationError) in try found.calibration.ranges() }
        channels = found.calibration.channels
        rows = found.rows
    }

    /// Makes the channels of activations more alike. A model that has no products of matrices stays as it is.
    private mutating func balance(_ channels: ChannelStatistics) {
        var balancing = Balancing(channels)
        // Most of the difference goes into the weights, which have a scale for each of their columns. (MiniLM: a cosine of 0.985 with 0.5,
        // and of 0.998 with 0.8.)
        balancing.strength = 0.8
        var balanced = model
        if (try? balancing.run(&balanced)) != nil { model = balanced }
    }

    /// Returns what rewrites the model; nil for the form that the passes over the graph have made already.
    func quantizer(without float: Set<String>) -> (any Quantizer)? {
        let levels: WeightLevels = Self.addsInWords ? .full : .reduced
        switch form {
        case .published, .graph: return nil
        case .float16:
            var quantizer = Float16Storage()
            quantizer.exclude = float
            return quantizer
        case .int8Dynamic:
            // With a scale for a whole tensor, a row would depend on the others in its batch.
            var quantizer = DynamicInt8()
            quantizer.scales = .row
            quantizer.exclude = float
            quantizer.levels = levels
            return quantizer
        case .int8Static:
            var quantizer = StaticInt8(ranges)
            quantizer.exclude = float
            quantizer.levels = levels
            quantizer.corrected = channels
            return quantizer
        case .int8Weights, .int4Weights:
            var quantizer = WeightOnly(form == .int8Weights ? .int8 : .int4)
            quantizer.exclude = float
            return quantizer
        }
    }

    /// Tells whether the processor adds products of int8 in 32 bits, where full weights do not overflow.
    private static var addsInWords: Bool {
        let instructions = Set(Processor.name.split(separator: " "))
        return instructions.isDisjoint(with: ["avx2", "avx512bw"])
            || !instructions.isDisjoint(with: ["avx512_vnni", "avx_vnni", "amx_int8"])
    }
}

extension Model {
    /// The bytes of all tensors.
    var weightBytes: Int {
        var sum = 0
        forEachTensor { _, tensor in sum += min(tensor.byteCount ?? 0, .max / 2 - sum) }
        return sum
    }
}
