package import Arrivals
package import FileSystem
import Foundation
package import Signatures
package import SystemPackage

/// One line of a manifest.
package struct ManifestLine: Hashable, Sendable, Codable {
    /// The path relative to the output root.
    package let path: String
    package let outputDigest: String
    package let bytes: Int64
    package let rows: Int?
    package let pipeline: String
    package let input: String
    package let inputDigest: String
    package let modelVersion: Int?
    package let modelDigest: String?
    package let revision: String
    package let arrival: Int64
    package let run: Int64
    /// The time of publication, in UTC and ISO 8601.
    package let publishedAt: String
    /// The way in which the model was executed on the machine that made the output, and the digest of the form that was executed; nil where
    /// measurements do not decide it.
    package let execution: String?
    package let formDigest: String?
    package var pins: ManifestPins?
    /// The time when the output was removed because its input was deleted; the line then records the removal, not a publication. In UTC and
    /// ISO 8601.
    package var removedAt: String?
    /// The number of the line among the signed ones of its pipeline, from 1, and the digest of the signed line before it, without its end;
    /// nil where nothing is signed.
    package internal(set) var sequence: Int64?
    package internal(set) var previous: String?
    /// The Ed25519 signature of the line without this, in Base64; nil where nothing is signed. It is the last field of the line.
    package internal(set) var signature: String?

    package init(
        path: String, outputDigest: String, bytes: Int64, rows: Int?, pipeline: String, input: String, inputDigest: String,
        modelVersion: Int?,
        modelDigest: String?, revision: String, arrival: Int64, run: Int64, publishedAt: String, execution: OutputExecution? = nil,
        pins: ManifestPins? = nil
    ) {
        self.execution = execution?.way
        formDigest = execution?.formDigest
        self.path = path
        self.outputDigest = outputDigest
        self.bytes = bytes
        self.rows = rows
        self.pipeline = pipeline
        self.input = input
        self.inputDigest = inputDigest
        self.modelVersion = modelVersion
        self.modelDigest = modelDigest
        self.revision = revision
        self.arrival = arrival
        self.run = run
        self.publishedAt = publishedAt
        self.pins = pins
    }

    package enum CodingKeys: String, CodingKey {
        case path, bytes, rows, pipeline, input, revision, arrival, run, execution, pins, previous, sequence, signature
        case formDigest = "form_digest"
        case outputDigest = "output_digest"
        case inputDigest = "input_digest"
        case modelVersion = "model_version"
        case modelDigest = "model_digest"
        case publishedAt = "published_at"
        case removedAt = "removed_at"
    }
}

/// Keeps the append-only record of what was published below one output root, and of what was removed with its input:
/// `_millrace/manifest-YYYYMMDD-PIPELINE.jsonl`.
package struct Manifest: Sendable {
    package let directory: FilePath
    private let pipeline: String
    private let access: FileAccess
    private let signer: SigningKey?

    package init(outputRoot: FilePath, pipeline: String, access: FileAccess = .standard, signer: SigningKey? = nil) {
        self.access = access
        self.signer = signer
        directory = outputRoot.appending("_millrace")
        self.pipeline = Self.fileName(of: pipeline)
    }

    /// Returns the name of a pipeline as it stands in names of files.
    package static func fileName(of pipeline: String) -> String {
        String(pipeline.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
    }

    /// Returns that name of the pipeline which the file belongs to; nil where the file is no manifest.
    package static func pipeline(ofFile name: String) -> String? {
        guard name.hasPrefix("manifest-"), name.hasSuffix(".jsonl"), name.dropFirst(17).first == "-" else { return nil }
        return String(name.dropFirst(18).dropLast(6))
    }

    /// Appends lines to the file of the day and makes them durable. A last line that a crash cut short is removed first; it was never
    /// acknowledged.
    func append(_ lines: [ManifestLine], day: UTCTime) throws(FileSystemError) {
        guard !lines.isEmpty else { return }
        let path = directory.appending("manifest-\(day.compactDate)-\(pipeline).jsonl")
        for changed in try Disk.makeDirectories(directory, FolderGrant(access: access, root: directory.removingLastComponent())) {
            try Disk.sync(directory: changed)
        }
        // Another daemon may publish into the same root.
        let (descriptor, isNew) = try Self.openLocked(path, access)
        defer { Disk.close(descriptor) }
        let end = try Self.cutTornLine(descriptor, path)
        let (text, head) = try text(of: lines, path)
        do throws(FileSystemError) {
            try Disk.write(text, to: descriptor, path)
            FaultPoint.reach(.manifestWritten)
            try Disk.sync(descriptor, path)
        } catch {
            // A disk that becomes full takes some of the lines. None of them is acknowledged, and all of them are written again later.
            try? Disk.truncate(descriptor, to: end, path)
            throw error
        }
        if isNew { try Disk.sync(directory: directory) }
        FaultPoint.reach(.manifestSynced)
        // Lines of a daemon that hung, and whose file was replaced meanwhile, belong to no chain.
        if let head, try Self.isStill(descriptor, path) { try chain?.write(head) }
    }

    /// The chain that the lines belong to; nil where nothing is signed.
    private var chain: ManifestChain? { signer.map { ManifestChain(directory, pipeline, access, $0) } }

    /// Appends those of `lines` that the two newest files of this pipeline do not have. A crash between manifest and ledger may have left
    /// some there.
    func appendMissing(_ lines: [ManifestLine], day: UTCTime) throws(FileSystemError) {
        struct Key: Hashable {
            let path: String
            let digest: String
            let run: Int64
        }
        var known = Set<Key>()
        for file in try files().suffix(2) {
            for line in try Self.lines(of: file) { known.insert(Key(path: line.path, digest: line.outputDigest, run: line.run)) }
        }
        let missing = lines.filter { !known.contains(Key(path: $0.path, digest: $0.outputDigest, run: $0.run)) }
        if missing.isEmpty, !known.isEmpty, let chain { return try chain.catchUp(with: files()) }
        try append(missing, day: day)
    }

    /// Appends lines which say that these outputs are removed; `lines` are those of their publication. This must be durable before the
    /// outputs are removed.
    package func appendRemovals(of lines: [ManifestLine], at now: UTCTime) throws(FileSystemError) {
        try append(
            lines.map { line in
                var removal = line
                removal.removedAt = now.description
                return removal
            }, day: now)
    }

    /// Returns the files of this pipeline, oldest day first.
    package func files() throws(FileSystemError) -> [FilePath] {
        try Disk.names(in: directory).map(\.string)
            .filter { $0.hasPrefix("manifest-") && $0.dropFirst(17) == "-\(pipeline).jsonl" }
            .sorted().map { directory.appending($0) }
    }

    /// Returns the lines that can be understood, and the line numbers of complete lines that cannot. A last line without its end counts as
    /// neither.
    package static func survey(of file: FilePath) throws(FileSystemError) -> (lines: [ManifestLine], unreadable: [Int]) {
        let bytes = try JSONFile.read(file)
        let decoder = JSONDecoder()
        var lines: [ManifestLine] = []
        var unreadable: [Int] = []
        let end = (bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        for (index, text) in bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().enumerated() {
            if let line = try? decoder.decode(ManifestLine.self, from: Data(text)) {
                lines.append(line)
            } else {
                unreadable.append(index + 1)
            }
        }
        return (lines, unreadable)
    }

    /// Returns the newest complete line of `pipeline` about a publication, read from the end of the newest file that has one.
    package func newestLine(of pipeline: String) throws(FileSystemError) -> ManifestLine? {
        for file in try files().reversed() {
            var tail: Int64 = 1 << 16
            while true {
                let (bytes, isWhole) = try JSONFile.readEnd(of: file, upTo: tail)
                let decoder = JSONDecoder()
                for text in bytes.split(separator: UInt8(ascii: "\n")).dropFirst(isWhole ? 0 : 1).reversed() {
                    if let line = try? decoder.decode(ManifestLine.self, from: Data(text)), line.pipeline == pipeline, line.removedAt == nil
                    {
                        return line
                    }
                }
                if isWhole { break }
                tail *= 16
            }
        }
        return nil
    }

    /// Returns the complete lines that can be understood, without a last line that was cut short.
    package static func lines(of file: FilePath) throws(FileSystemError) -> [ManifestLine] {
        let bytes = try JSONFile.read(file)
        let decoder = JSONDecoder()
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? decoder.decode(ManifestLine.self, from: Data($0)) }
    }

    /// Removes a last line that was cut short, and returns the size that the file has then.
    private static func cutTornLine(_ descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) -> Int64 {
        let size = try Disk.status(descriptor, path).stamp.size
        var end = size
        var block = [UInt8](repeating: 0, count: 4096)
        while end > 0 {
            let start = max(0, end - Int64(block.count))
            let wanted = Int(end - start)
            let count = try Disk.read(descriptor, at: start, into: &block, 0..<wanted, path)
            if let newline = block[..<count].lastIndex(of: UInt8(ascii: "\n")) {
                end = start + Int64(newline) + 1
                break
            }
            end = start
        }
        if end != size { try Disk.truncate(descriptor, to: end, path) }
        return end
    }

    /// Returns the lines as they are written, and the head that is true after them.
    private func text(of lines: [ManifestLine], _ path: FilePath) throws(FileSystemError) -> (text: [UInt8], head: ManifestHead?) {
        var text: [UInt8] = []
        var head = try chain.map { (chain) throws(FileSystemError) in try chain.end(in: files()) }
        for var line in lines {
            let start = text.count
            // What was read of another line is no part of this one.
            (line.sequence, line.previous, line.signature) = (head.map { $0.sequence + 1 }, head?.digest, nil)
            do { try line.append(to: &text, signedBy: signer) } catch { throw .badDocument(path, why: "\(error)") }
            guard let sequence = line.sequence else { continue }
            head = ManifestHead(digest: FileDigest.of(bytes: text[start..<(text.count - 1)]), pipeline: pipeline, sequence: sequence)
        }
        return (text, head)
    }
}
