import Arrivals
import Attempts
import Columnar
import Engine
import FileSystem
import Machine
import ONNX
import Passes
import PipelineConfig
import Reasons
import Recipes
import Tensors

/// Executes the graph passes of an optimize stage: it rewrites the model that the stages before it wrote, compares the outputs of both, and
/// leaves the rewritten one in its place where they agree. Where they do not, or where a pass fails, the model stays as it was, and the
/// answer says why.
struct GraphRewriting {
    private let tools: AttemptTools
    private let files: AttemptSpec.ModelFiles
    private let stage: DeploymentStage

    init(_ tools: AttemptTools, _ files: AttemptSpec.ModelFiles, _ stage: DeploymentStage) {
        self.tools = tools
        self.files = files
        self.stage = stage
    }

    func run(_ result: inout AttemptResult) throws(Failure) {
        // Labels that wait for more make no model.
        guard !stage.graph.isEmpty, result.files.modelDigest != nil else { return }
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        var report = GraphReport()
        defer { result.graph = report }
        let file = try ModelFile(tuned: tools.opener.written(by: files), expected: nil)
        if file.adapter != nil {
            report.refusal = "the version is a model with an adapter, which belongs to the graph as it is"
            return
        }
        var model = try phases.time("check") { () throws(Failure) in try file.parsed() }
        do throws(PassError) {
            let changes = try phases.time("graph") { () throws(PassError) in try passes(&model) }
            report.changes = changes
            if changes.isEmpty { return }
        } catch {
            report.refusal = "\(error)"
            return
        }
        try tools.interruption.check()
        let original = try outputs(&phases)
        let folder = try versionFolder()
        let former = try replace(model, in: folder, &phases)
        let accepted = result
        do throws(Failure) {
            try ModelValidation(tools, files).accept(&phases, &result)
            report.agreement = try agreement(original, outputs(&phases))
            report.refusal = AgreementGate.strict.refusal(of: report.agreement)
        } catch {
            guard error.kind == .badModel else { throw error }
            report.refusal = "\(error.statement)"
        }
        if report.refusal == nil {
            try keep(former, in: folder, &result)
        } else {
            try restore(former, in: folder)
            result = accepted
        }
    }

    /// Runs the passes in the order in which they are best run. A function that cannot be inlined stays, and the other passes run.
    private func passes(_ model: inout Model) throws(PassError) -> GraphChanges {
        let named = GraphPass.allCases.filter { stage.graph.contains($0) }
        do throws(PassError) { return try form(named).apply(to: &model) } catch {
            guard error.pass == GraphPass.inlineFunctions.rawValue else { throw error }
            return try form(named.filter { $0 != .inlineFunctions }).apply(to: &model)
        }
    }

    private func form(_ passes: [GraphPass]) -> DeploymentForm { DeploymentForm(passes, evaluate: ConstantEngine.evaluate) }

    // MARK: The outputs of both

    private struct Outputs {
        var names: [String] = []
        var elements: [OutputElements] = []
        var rows = 0
    }

    /// Returns what the model in the folder gives for the first batch of the newest rows or, where none are known, of made-up ones.
    private func outputs(_ phases: inout Phases) throws(Failure) -> Outputs {
        let loaded = try tools.models.load(written: tools.opener.written(by: files), tools.spec.sessionOptions, tools.interruption)
        if let found = try outputsOfKnownRows(loaded, &phases) { return found }
        let session = loaded.session
        var found = Outputs()
        guard let inputs = try? MadeUpInputs.tensors(for: session.inputs, rows: Self.madeUpRows),
            let values = try? session.run(inputs, cancellation: tools.interruption.engine)
        else { return found }
        found.rows = Self.madeUpRows
        for (info, value) in zip(session.outputs, values) {
            guard let output = try? OutputValue(info.name, value) else { continue }
            found.names.append(info.name)
            found.elements.append(OutputElements(output))
        }
        return found
    }

    private static let madeUpRows = 8

    private func outputsOfKnownRows(_ loaded: LoadedModel, _ phases: inout Phases) throws(Failure) -> Outputs? {
        guard let known = files.rows else { return nil }
        do throws(Failure) {
            let rows = try Rows(
                try OpenedInput(known, as: .rows, from: tools.opener), loaded, tools.spec.schema, tools.spec.forward ?? ForwardStage())
            guard let (batch, values) = try rows.next(tools.interruption, &phases) else { return nil }
            return Outputs(names: rows.outputNames, elements: values.map { OutputElements($0) }, rows: batch.rowCount)
        } catch {
            if error.kind.endsAttempt { throw error }
            return nil
        }
    }

    private func agreement(_ original: Outputs, _ rewritten: Outputs) throws(Failure) -> [OutputAgreement] {
        guard original.names == rewritten.names, original.rows == rewritten.rows else { return [] }
        var found: [OutputAgreement] = []
        for (index, name) in original.names.enumerated() {
            var meter = AgreementMeter(name)
            guard meter.add(rewritten.elements[index], original: original.elements[index], rows: original.rows) else { return [] }
            found.append(meter.result)
        }
        return found
    }

    // MARK: Files

    /// The subfolders of a version that is being made: the model as it was, and the rewritten one until it is whole.
    private static let original = VersionFile.originalFolder, rewritten = "rewritten"

    private func versionFolder() throws(Failure) -> any GivenFolder {
        do throws(FileSystemError) { return try tools.opener.folder(.version) } catch {
            throw Failure(landing: error, place: files.directory)
        }
    }

    /// Writes the rewritten model, and puts it in the place of the one before, which stays in a subfolder. Returns the names of its files.
    private func replace(_ model: Model, in folder: any GivenFolder, _ phases: inout Phases) throws(Failure) -> [String] {
        try phases.time("write") { () throws(Failure) in
            do {
                let former = try folder.names().filter { $0 != Self.original && $0 != Self.rewritten }
                for name in [Self.original, Self.rewritten] {
                    try folder.remove(name)
                    try folder.makeFolder(name)
                }
                var embedded = try model.embeddingExternalData(atMost: Model.largestEmbedded)
                embedded.mergeImports()
                let written = try embedded.write(as: Self.rewritten + "/" + VersionFile.model, to: Model.Target(folder))
                for name in former { try folder.rename(name, to: Self.original + "/" + name) }
                for name in written { try folder.rename(name, to: String(name.dropFirst(Self.rewritten.count + 1))) }
                try folder.remove(Self.rewritten)
                return former
            } catch let error as ONNXError {
                throw Failure(model: error, place: files.model.path)
            } catch {
                throw Failure(writing: error, place: files.directory)
            }
        }
    }

    /// Takes the model back that was there before the passes.
    private func restore(_ former: [String], in folder: any GivenFolder) throws(Failure) {
        try onDisk { () throws(FileSystemError) in
            for name in try folder.names() where name != Self.original { try folder.remove(name) }
            for name in former { try folder.rename(Self.original + "/" + name, to: name) }
            try folder.remove(Self.original)
        }
    }

    /// Adds the model before the passes to the answer where training will start from it; else removes it.
    private func keep(_ former: [String], in folder: any GivenFolder, _ result: inout AttemptResult) throws(Failure) {
        try onDisk { () throws(FileSystemError) in
            let trains = tools.spec.stages.contains { if case .optimize = $0 { true } else { false } }
            guard trains else { return try folder.remove(Self.original) }
            for name in former.sorted() {
                result.files.append(try ModelValidation.written(Self.original + "/" + name, as: .original, in: folder))
            }
        }
    }

    private func onDisk(_ body: () throws(FileSystemError) -> Void) throws(Failure) {
        do throws(FileSystemError) { try body() } catch { throw Failure(landing: error, place: files.directory) }
    }
}
