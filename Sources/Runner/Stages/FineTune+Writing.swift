import Attempts
import FileSystem
import ONNX
import PipelineConfig
import Recipes
import SystemPackage
import Training

extension FineTune {
    /// Writes the files of the new version: a model, or an adapter together with the untouched model that it was trained for.
    func write(_ outcome: FineTuning.Outcome, from parent: ModelFile, _ report: TrainingReport) throws(Failure) {
        let facts = facts(report)
        do {
            let folder = try tools.opener.folder(.version)
            var base = parent.digest
            if !outcome.isModelAsGiven {
                base = try write(outcome.model, facts, to: folder)
            } else if tools.spec.goal == .fineTune {
                for name in try folder.names() { try folder.remove(name) }
                // The external data are in the model's folder, under names that we chose.
                try parent.copy(withExternalData: outcome.model.externalDataLocations, to: folder)
            }
            guard let adapter = outcome.adapter else { return }
            let file = AdapterFile(adapter, base: base, facts: Dictionary(facts, uniquingKeysWith: { first, _ in first }))
            try file.write(as: VersionFile.adapter, in: folder)
        } catch let error as ONNXError {
            throw Failure(model: error, place: tools.spec.place)
        } catch {
            throw Failure(writing: error, place: files.directory)
        }
    }

    /// Writes the tuned model in place of what is in the folder, and returns the digest of its file.
    private func write(_ tuned: Model, _ facts: [(key: String, value: String)], to folder: any GivenFolder) throws -> String {
        // Weights that are not in memory may be read from the folder meanwhile.
        let fresh = "tuned/"
        try folder.remove("tuned")
        try folder.makeFolder("tuned")
        var model = try tuned.embeddingExternalData(atMost: Model.largestEmbedded)
        model.mergeImports()
        for (key, value) in facts { model.metadata[key] = value }
        let written = try model.write(as: fresh + VersionFile.model, to: Model.Target(folder))
        let digest = try folder.reading(fresh + VersionFile.model) { file throws(FileSystemError) in
            try FileDigest.of(file, named: folder.path(of: fresh + VersionFile.model)).digest
        }
        FaultPoint.reach(.tunedWritten)
        for name in try folder.names() where name != "tuned" { try folder.remove(name) }
        FaultPoint.reach(.tunedRemoved)
        for name in written { try folder.rename(name, to: String(name.dropFirst(fresh.count))) }
        try folder.remove("tuned")
        return digest
    }

    /// Returns the metadata that the model or the adapter carries, in a fixed order.
    private func facts(_ report: TrainingReport) -> [(key: String, value: String)] {
        var facts = tools.spec.provenance.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        facts.append(("millrace.training.labels", report.trainingData.map { String($0.digest.prefix(12)) }.joined(separator: ",")))
        facts.append(("millrace.training.loss", stage.gradient.loss.kind.rawValue))
        facts.append(("millrace.training.epochs", "\(report.lossPerEpoch.count)"))
        if let gate = report.gate, let before = gate.before, let after = gate.after {
            facts.append(("millrace.gate", "\(gate.metric) \(before) to \(after)"))
        }
        return facts
    }
}

extension ModelFile {
    /// Copies the file and its external data to a folder, where none of them may be.
    /// - Parameter locations: the paths of the external data, as the model names them.
    fileprivate func copy(withExternalData locations: [String], to folder: any GivenFolder) throws(FileSystemError) {
        try Self.copy(file.descriptor, FilePath(path), as: VersionFile.model, to: folder)
        for location in locations {
            let opened = try source.open(.weights(location.split(separator: "/").map(String.init)))
            defer { Disk.close(opened) }
            try Self.copy(opened, FilePath(path).removingLastComponent().appending(location), as: location, to: folder)
        }
    }

    private static func copy(
        _ file: FileDescriptor, _ path: FilePath, as name: String, to folder: any GivenFolder
    ) throws(FileSystemError) {
        let copy = try folder.create(name, .fresh)
        defer { Disk.close(copy) }
        try Disk.clone(file, path, into: copy, folder.path(of: name))
    }
}
