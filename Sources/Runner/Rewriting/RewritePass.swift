import Arrivals
import Attempts
import Engine
import FileSystem
import Machine
import ONNX
import Passes
import PipelineConfig
import Quantization
import Recipes
import SystemPackage

/// Writes a model in another form: passes over its graph first, then smaller numbers. Or it finds out which layers suffer by that.
struct RewritePass {
    private let tools: AttemptTools
    private let files: AttemptSpec.RewrittenFiles
    private let stage: ForwardStage
    private let largestInMemory: Int

    /// - Parameter largestInMemory: the bytes of weights above which a model is written weight by weight, into a file beside the graph.
    init(_ tools: AttemptTools, _ files: AttemptSpec.RewrittenFiles, _ stage: ForwardStage, largestInMemory: Int = 512 << 20) {
        self.tools = tools
        self.files = files
        self.stage = stage
        self.largestInMemory = largestInMemory
    }

    func run(_ result: inout AttemptResult) throws(Failure) {
        // How long it takes without a step depends on the size of the model, as loading it does.
        tools.interruption.control.phase(.loading)
        defer { tools.interruption.control.phase(.working) }
        var (model, changes) = try clean()
        let run = CalibrationRun(spec: tools.spec, files: files, opener: tools.opener, stage: stage, interruption: tools.interruption)
        let form = try PreparedForm(files.form, of: model, run)
        model = form.model
        try tools.interruption.check()
        var rewriting: Rewriting
        switch files.task {
        case .write:
            let (report, written) = try write(form)
            rewriting = Rewriting(report, changes, form.rows)
            result.files = written
        case .rank(let seconds):
            let quantizer = form.quantizer(without: Set(files.float))
            let report = try run.rewriting { () throws(QuantizationError) in try quantizer?.run(&model) }
            rewriting = Rewriting(report, changes, form.rows)
            rewriting.ranking = try LayerRanking(form, run).errors(of: rewriting.layers, for: seconds)
        }
        rewriting.peakBytes = ProcessUsage.peakBytes
        result.rewriting = rewriting
    }

    /// Returns the model with its adapter in it, after the passes over the graph. Where a pass cannot do its work, the model goes on without
    /// those passes that can be left out.
    private func clean() throws(Failure) -> (model: Model, changes: GraphChanges) {
        let file = try ModelFile(tuned: tools.opener.model(of: files), expected: files.model.digest)
        try file.check()
        var model = try file.merged()
        if let changes = try? DeploymentForm(evaluate: ConstantEngine.evaluate).apply(to: &model) { return (model, changes) }
        let others = GraphPass.standard.filter { $0 != .inlineFunctions }
        let changes = try? DeploymentForm(others, evaluate: ConstantEngine.evaluate).apply(to: &model)
        return (model, changes ?? GraphChanges(nodesBefore: model.graph.nodes.count))
    }

    private func write(_ form: PreparedForm) throws(Failure) -> (QuantizationReport?, [AttemptResult.WrittenFile]) {
        let name = AttemptSpec.RewrittenFiles.name, folder = try self.folder()
        let target = Model.Target(folder)
        let quantizer = form.quantizer(without: Set(files.float))
        var report: QuantizationReport?
        do {
            var model = form.model
            if let quantizer, model.weightBytes > largestInMemory {
                report = try quantizer.write(model, as: name, to: target)
            } else {
                model = try model.embeddingExternalData(atMost: largestInMemory)
                report = try quantizer?.run(&model)
                try model.write(as: name, to: target)
            }
        } catch let error as QuantizationError {
            throw Failure(rewriting: error, place: files.model.path)
        } catch let error as ONNXError {
            throw Failure(model: error, place: files.model.path)
        } catch {
            throw Failure(writing: error, place: files.directory)
        }
        do throws(FileSystemError) {
            var written: [AttemptResult.WrittenFile] = []
            for name in try folder.names().sorted() {
                let path = folder.path(of: name)
                let digested = try folder.reading(name) { file throws(FileSystemError) in
                    try FileDigest.of(file, named: path)
                }
                written.append(
                    .init(
                        slot: AttemptResult.Slot.form.rawValue, path: path.string, digest: digested.digest,
                        byteCount: digested.stamp.size))
            }
            return (report, written)
        } catch { throw Failure(landing: error, place: files.directory) }
    }

    /// Returns the folder to write to, in which there is nothing.
    private func folder() throws(Failure) -> any GivenFolder {
        do throws(FileSystemError) {
            let folder = try tools.opener.folder(.form)
            for name in try folder.names() { try folder.remove(name) }
            return folder
        } catch { throw Failure(landing: error, place: files.directory) }
    }
}

extension Rewriting {
    fileprivate init(_ report: QuantizationReport?, _ changes: GraphChanges, _ rows: Int?) {
        self.init(
            layers: report?.quantized ?? [],
            left: Dictionary((report?.left ?? []).map { ($0.name, "\($0.reason)") }, uniquingKeysWith: { first, _ in first }),
            changes: changes, rows: rows, peakBytes: 0)
    }
}

extension CalibrationRun {
    /// Does a part of the rewriting, whose errors are the model's or the rows' own.
    func rewriting<Result>(_ body: () throws(QuantizationError) -> Result) throws(Failure) -> Result {
        do throws(QuantizationError) { return try body() } catch { throw Failure(rewriting: error, place: files.model.path) }
    }
}
