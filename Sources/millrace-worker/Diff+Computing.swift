import ArgumentParser
import Arrivals
import Attempts
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Reports
import Runner
import SystemPackage
import Terminal
import Training
import TrainingGraph

extension Diff: Computes {
    func compute() throws {
        try reportingErrors {
            let models = (a: try ComparedModel(a), b: try ComparedModel(b))
            if let data { try ScoringInputs.check(data: data) }
            let comparison: ModelComparison
            do { comparison = try ModelComparison(models.a.model, models.b.model) } catch { throw fail("\(error)") }
            var report = DiffReport(a: models.a.file, b: models.b.file, changes: comparison)
            if let data {
                report.notCompared = ModelsOnRows.mismatch(models.a.model, models.b.model)
                if report.notCompared == nil { report.onRows = try onRows(models.a, models.b, data) }
            }
            if output.json { try printJSON(report) } else { for line in report.lines { print(line) } }
            if exitCode, report.differs { throw ExitStatus.problems }
        }
    }

    private func onRows(_ a: ComparedModel, _ b: ComparedModel, _ data: String) throws -> RowsComparison {
        for compared in [a, b] {
            do {
                try compared.model.safetyCheck()
                try compared.model.costCheck()
            } catch { throw fail("\(compared.file.path): \(error)") }
        }
        let inputs = try ScoringInputs(a.model, at: a.file.path, data: data, rows)
        guard let rows = inputs.data else { preconditionFailure("there are rows") }
        let files = AttemptSpec.MeasuredFiles(model: inputs.model, adapter: inputs.adapter, data: rows, rows: 0, reference: "")
        let spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: inputs.pipeline?.name ?? "diff", work: .measure(files), schema: inputs.schema,
            stages: [.forward(inputs.forward)], limits: .init(threads: ProcessInfo.processInfo.activeProcessorCount))
        let interrupt = Interrupt()
        do throws(Failure) {
            return try ModelsOnRows(
                .init(model: a.model, path: a.file.path), .init(model: b.model, path: b.file.path), spec, rows, NamedFiles(spec),
                tolerance: tolerance ?? Self.standardTolerance
            ).run(interrupt.cancellation)
        } catch {
            throw fail(error.kind == .badModel ? error.reason : error.statement)
        }
    }
}

/// Holds one of two models that are compared, with its adapter merged in, and what is known of its file.
private struct ComparedModel {
    let model: Model
    let file: DiffReport.File

    init(_ path: String) throws {
        let loaded = try loadedModel(path)
        let digested = try FileDigest.of(FilePath(path))
        var external = 0
        loaded.forEachTensor { _, tensor in
            if tensor.isExternal { external = external.addingReportingOverflow(tensor.byteCount ?? 0).partialValue }
        }
        var merged = loaded
        let adapter = TunedModel.adapter(of: CanonicalPaths.absolute(path, root: "."))
        if let adapter {
            try loaded.safetyCheckReporting(path)
            do { merged = try loadedAdapter(adapter, of: path).adapter.merged(into: loaded) } catch let error as ExitCode {
                throw error
            } catch { throw fail("\(adapter): \(error)") }
        }
        model = merged
        file = DiffReport.File(
            path: path, digest: digested.digest, bytes: Int64(digested.stamp.size), externalBytes: external,
            adapter: adapter)
    }
}

extension Model {
    fileprivate func safetyCheckReporting(_ path: String) throws {
        do { try safetyCheck() } catch { throw fail("\(path): \(error)") }
    }
}
