import FileSystem
import Foundation
import Landing
import Signatures
import SystemPackage

/// Checks the lines of the manifests of one folder of outputs, and the outputs by their newest lines.
struct ManifestAudit {
    private let folder: FilePath

    init(_ folder: FilePath) { self.folder = folder }

    /// Returns whether something in the folder says that outputs are published there.
    static func isOutputFolder(_ folder: FilePath) -> Bool { !ManifestAudit(folder).pipelines().isEmpty }

    private var manifests: FilePath { folder.appending("_millrace") }

    /// Returns the pipelines, by their names in names of files, that have a manifest here or the head of one.
    private func pipelines() -> [String] {
        let names = ((try? Disk.names(in: manifests)) ?? []).map(\.string)
        return Set(names.compactMap { Manifest.pipeline(ofFile: $0) ?? ManifestHead.pipeline(ofFile: $0) }).sorted()
    }

    func check(_ audit: inout SignatureAudit) {
        var newest: [String: ManifestLine] = [:]
        for pipeline in pipelines() {
            var chain = ManifestChainWalk(of: pipeline, in: manifests, &audit)
            for file in (try? Manifest(outputRoot: folder, pipeline: pipeline).files()) ?? [] {
                for line in signedLines(of: file, &chain, &audit) { newest[line.path] = line }
            }
            chain.end(&audit)
        }
        var absentCount = 0
        for (path, line) in newest.sorted(by: { $0.key < $1.key }) where line.removedAt == nil {
            link(line, &audit)
            let output = folder.pushing(FilePath(path))
            do throws(FileSystemError) {
                let digest = try FileDigest.of(output).digest
                audit.compared += 1
                if digest != line.outputDigest { audit.note(output, "it is not the output that its signed line names") }
            } catch .missing {
                absentCount += 1
            } catch {
                audit.note(output, "it cannot be read: \(error)")
            }
        }
        if absentCount > 0 { audit.remark(folder, "outputs that signed lines name and that are not there any more: \(absentCount)") }
        for path in outputs() where newest[path].map({ $0.removedAt != nil }) ?? true {
            audit.note(
                folder.pushing(FilePath(path)), newest[path] == nil ? "no signed line names it" : "its signed line says that it was removed"
            )
        }
    }

    /// Returns the lines with a good signature. The daemon may be at the last one.
    private func signedLines(of file: FilePath, _ chain: inout ManifestChainWalk, _ audit: inout SignatureAudit) -> [ManifestLine] {
        guard let bytes = try? JSONFile.read(file) else {
            audit.note(file, "it cannot be read")
            return []
        }
        var lines: [ManifestLine] = []
        let whole = bytes[..<((bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1)]
        for (index, text) in whole.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().enumerated() {
            guard let (message, signature) = SignedLine.parts(of: text) else {
                audit.note(file, "line \(index + 1) has no signature")
                continue
            }
            guard audit.isByKey(signature, of: message), let line = try? JSONDecoder().decode(ManifestLine.self, from: Data(message)) else {
                audit.note(file, "line \(index + 1) is by none of the keys, or it was changed")
                continue
            }
            audit.good += 1
            chain.take(line, text, at: (file, index + 1), &audit)
            lines.append(line)
        }
        return lines
    }

    /// Compares the model of an output with the signed card of its version, where that was given.
    private func link(_ line: ManifestLine, _ audit: inout SignatureAudit) {
        guard let version = line.modelVersion, let digest = line.modelDigest,
            let card = audit.cards.first(where: { $0.pipeline == line.pipeline && $0.version == version })
        else { return }
        let output = folder.pushing(FilePath(line.path))
        if card.modelDigest == digest {
            audit.links.append("\(output) was made by version \(version) of \(line.pipeline)")
        } else {
            audit.note(output, "its line names another model than the signed card of version \(version)")
        }
    }

    /// Returns the files that stand in the folder, without our own and those that are still written.
    private func outputs() -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: folder.string) else { return [] }
        var found: [String] = []
        for case let path as String in walk {
            let parts = path.split(separator: "/")
            if parts.first == "_millrace" || parts.contains(where: { $0.hasPrefix(".") }) { continue }
            if walk.fileAttributes?[.type] as? FileAttributeType == .typeRegular { found.append(path) }
        }
        return found
    }
}
