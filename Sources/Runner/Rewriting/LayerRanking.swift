import Arrivals
import Attempts
import Columnar
import Engine
import Names
import ONNX
import PipelineConfig
import Quantization
import Tensors

/// Finds out how much error each layer of a form causes: the outputs of a model in which it alone has the form are compared with those of
/// the model in float, on a few rows.
struct LayerRanking {
    private let form: PreparedForm
    private let run: CalibrationRun

    /// The rows on which layers are compared. Layers differ by much more than rows do.
    private static let rowCount = 16

    init(_ form: PreparedForm, _ run: CalibrationRun) {
        self.form = form
        self.run = run
    }

    /// Returns the layers, the worst first. Those that could not be tried in time are left out.
    func errors(of layers: [String], for seconds: Double) throws(Failure) -> [Rewriting.LayerError] {
        let start = ContinuousClock.now
        let float = try session(of: form.model)
        let lots = try self.lots(float)
        let originals = try outputs(of: float, lots)
        var errors: [Rewriting.LayerError] = []
        for layer in layers {
            try run.interruption.check()
            if (ContinuousClock.now - start).seconds > seconds { break }
            var model = form.model
            let quantizer = form.quantizer(without: Set(layers).subtracting([layer]).union(run.files.float))
            // What is no layer any more without the others causes no error.
            guard let quantizer, (try? quantizer.run(&model)) != nil else { continue }
            let found = try outputs(of: try session(of: model), lots)
            errors.append(.init(layer: layer, relativeError: Self.error(found, originals)))
        }
        return errors.sorted { ($1.relativeError, $0.layer) < ($0.relativeError, $1.layer) }
    }

    private func session(of model: Model) throws(Failure) -> Session {
        do throws(EngineError) { return try Session(of: model, options: run.spec.sessionOptions) } catch {
            throw Failure(loading: error, place: run.files.model.path)
        }
    }

    /// Holds rows as they go into one run, and how they do.
    private struct Lot {
        let inputs: [(name: String, value: EngineValue)]
        let rows: Int
    }

    /// Returns the first rows, in memory of their own.
    private func lots(_ session: Session) throws(Failure) -> [Lot] {
        guard let data = run.files.data else {
            do throws(EngineError) {
                return [Lot(inputs: try MadeUpInputs.tensors(for: session.inputs, rows: Self.rowCount), rows: Self.rowCount)]
            } catch { throw Failure(loading: error, place: run.files.model.path) }
        }
        let loaded = LoadedModel(
            session: session, facts: ModelFacts(form.model), evidence: GatheredEvidence(),
            key: .init(digest: run.files.model.digest, options: run.spec.sessionOptions))
        let stage = ForwardStage(batchSize: .rows(Self.rowCount), outputs: run.stage.outputs)
        let spec = run.spec
        let rows = try SampleRows(data, run.files.older, from: run.opener) { (input) throws(Failure) in
            try Rows(input, loaded, spec.schema, stage, pinned: spec.columns)
        }
        var lots: [Lot] = [], count = 0, phases = Phases()
        while count < Self.rowCount, let (batch, runs) = try rows.nextInputs(run.interruption, &phases) {
            count += batch.rowCount
            for (positions, tensors) in runs {
                do throws(EngineError) {
                    let copies = NameMap<Tensor>(uniqueKeysWithValues: tensors.map { ($0.key, $0.value.copied) })
                    lots.append(
                        Lot(
                            inputs: try rows.rows.run(for: [], of: session).inputs(copies, rows: positions.count), rows: positions.count))
                } catch { throw Failure(loading: error, place: data.path) }
            }
        }
        return lots
    }

    private func outputs(of session: Session, _ lots: [Lot]) throws(Failure) -> [[OutputElements?]] {
        var found: [[OutputElements?]] = []
        for lot in lots {
            do throws(EngineError) {
                let values = try session.run(lot.inputs, cancellation: run.interruption.engine)
                found.append(values.map { $0.tensor.map(OutputElements.init) })
            } catch {
                try run.interruption.check()
                throw Failure(loading: error, place: run.files.model.path)
            }
        }
        return found
    }

    /// Returns the relative error of the output where it is largest.
    private static func error(_ found: [[OutputElements?]], _ originals: [[OutputElements?]]) -> Double {
        let count = originals.first?.count ?? 0
        return (0..<count).map { output in
            var meter = AgreementMeter("")
            for (values, references) in zip(found, originals) {
                if let found = values[output], let reference = references[output] { _ = meter.add(found, original: reference, rows: 1) }
            }
            let result = meter.result
            return result.nonFinite > 0 ? .greatestFiniteMagnitude : result.relativeError ?? 0
        }.max() ?? 0
    }
}

extension Tensor {
    /// The same values in memory of their own.
    var copied: Tensor {
        guard strings == nil else { return self }
        let buffer = TensorBuffer(byteCount: bytes.count)
        buffer.mutableBytes.copyMemory(from: bytes)
        return Tensor(elementType: elementType, shape: shape, buffer: buffer)
    }
}
