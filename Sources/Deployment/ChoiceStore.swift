package import Arrivals
package import FileSystem
import Foundation
package import Machine
package import SystemPackage

/// Keeps what was measured of models on this machine, so that it is measured once: a file for each model, processor, engines and their
/// versions. Where one of them changes, there is no file, and it is measured again.
package struct ChoiceStore: Sendable {
    let folder: FilePath

    /// - Parameter folder: the folder of the files, which is made with the first.
    package init(_ folder: String) { self.folder = FilePath(folder) }

    /// Makes the store of a daemon.
    /// - Parameter work: the work folder.
    package init(work: FilePath) { folder = work.appending("choices") }

    /// Returns what was measured of the model here; nil where nothing was, or where the file cannot be read.
    package func table(of model: String, _ question: String, on machines: [AttemptMachine]) -> DeploymentTable? {
        guard let table = try? JSONFile.decode(DeploymentTable.self, from: path(model, question, machines)), table.model == model else {
            return nil
        }
        return table
    }

    package func keep(_ table: DeploymentTable, _ question: String, on machines: [AttemptMachine]) throws(FileSystemError) {
        _ = try Disk.makeDirectories(folder)
        let path = path(table.model, question, machines)
        try DurableFile.write(try JSONFile.encode(table, for: path), to: path)
    }

    /// Removes what was measured of models, and their forms, that are not among `digests`. What was measured in the last day stays: its
    /// model may not be a version yet, since the daemon that measured it was killed, or is about to publish it.
    package func prune(keeping digests: Set<String>, at now: UTCTime = .now) throws(FileSystemError) {
        guard try Disk.status(folder) != nil else { return }
        let kept = Set(digests.map { String($0.prefix(Self.prefix)) })
        let newest = now.advanced(by: .seconds(-86_400)).milliseconds * 1_000_000
        for name in try Disk.names(in: folder).map(\.string) where !kept.contains(String(name.prefix(Self.prefix))) {
            let path = folder.appending(name)
            if let stamp = try Disk.status(path)?.stamp, stamp.changed < newest { try Disk.removeTree(path) }
        }
    }

    /// The number of characters of the model's digest with which the name of its files begins.
    static let prefix = 16

    /// - Parameter question: what else the measurement depends on, such as the threads that may be used.
    private func path(_ model: String, _ question: String, _ machines: [AttemptMachine]) -> FilePath {
        let subject = ([question] + machines.map(\.description).sorted()).joined(separator: "\n")
        return folder.appending("\(model.prefix(Self.prefix))-\(FileDigest.of(bytes: subject.utf8).prefix(16)).json")
    }
}
