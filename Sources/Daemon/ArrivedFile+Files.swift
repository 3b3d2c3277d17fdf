import Arrivals
import FileSystem
import Foundation
import Landing
import Ledger
import SystemPackage
import Watcher

extension ArrivedFile {
    /// Returns the file itself and then the files that belong only to it; nil where they are not what was read any more.
    /// - Parameter spool: the folder that the file arrived in.
    func files(in spool: String) throws(FileSystemError) -> [SpoolFile]? {
        let files = try SpoolFile.files(of: self, in: FilePath(spool))
        guard let files, files.count > 1 else { return files }
        let shared = sharedData(files.dropFirst().map(\.relative.string), in: spool)
        return files.enumerated().filter { $0.offset == 0 || !shared.contains($0.element.relative.string) }.map(\.element)
    }

    /// Returns those of the files beside a model that another model in the spool needs too: they stay, and go with the last model that
    /// needs them. A model needs only files in its own folder or below, so such models are in the folder of a file or in those above it. A
    /// model that is not whole yet may need each of them.
    private func sharedData(_ data: [String], in spool: String) -> Set<String> {
        var shared: Set<String> = []
        var folders: Set<String> = []
        for file in data {
            var folder = (file as NSString).deletingLastPathComponent
            folders.insert(folder)
            while !folder.isEmpty {
                folder = (folder as NSString).deletingLastPathComponent
                folders.insert(folder)
            }
        }
        for folder in folders {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: spool + "/" + folder)) ?? []
            for name in names where FormatCheck(name: name) == .onnx {
                let other = folder.isEmpty ? name : folder + "/" + name
                guard !other.utf8.elementsEqual(path.utf8) else { continue }
                switch FormatCheck.check(path: spool + "/" + other) {
                case .whole(let companions): shared.formUnion(companions.map { folder.isEmpty ? $0 : folder + "/" + $0 })
                case .incomplete: shared.formUnion(data.filter { folder.isEmpty || $0.hasPrefix(folder + "/") })
                case .unsafe, .undecided, nil: continue
                }
            }
        }
        return shared.intersection(data)
    }
}
