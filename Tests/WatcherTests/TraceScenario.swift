import Foundation
import TestSupport

/// What a writer does to the file system, as text: one call a line, and what the watcher must have said by then. The names are relative to
/// the spool; `../` is outside it. Contents: `empty`, `part` (a first half, without a last newline), `rest` (the other half), `whole`,
/// `line` (a whole row more), `other` (another whole file), `external` (a model whose weights lie in f.onnx.data).
///
/// `expect` lines that follow one another name everything that was said since the last ones; `expect nothing` that nothing was. `finally`
/// names the files that must have been told complete in their last state by the end, whatever the backend; nothing else may have been.
struct TraceScenario: Sendable, CustomStringConvertible {
    enum Content: String, Sendable { case empty, part, rest, whole, line, other, external }

    enum Statement: Sendable, Equatable {
        case given(String, Content)
        case create(String), open(String), write(String, Content), close(String)
        case rename(String, String), exchange(String, String), link(String, String), unlink(String)
        case mkdir(String), rmdir(String), touch(String)
        case pass(Duration)
        case expect(Set<String>)
        case finally(Set<String>)
    }

    struct Unreadable: Error { let line: String }

    let name: String
    let statements: [Statement]
    var description: String { name }

    init(name: String, text: String) throws {
        self.name = name
        var statements: [Statement] = []
        var expected: Set<String>?
        func flush() {
            if let set = expected { statements.append(.expect(set)) }
            expected = nil
        }
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ").map(String.init)
            if words.isEmpty { continue }
            if words[0] == "expect" {
                let outcome = words.dropFirst().joined(separator: " ")
                expected = (expected ?? []).union(outcome == "nothing" ? [] : [outcome])
                continue
            }
            flush()
            statements.append(try Self.statement(words, line: String(line)))
        }
        flush()
        self.statements = statements
    }

    private static func statement(_ words: [String], line: String) throws -> Statement {
        let content = words.last.flatMap(Content.init)
        switch (words[0], words.count) {
        case ("given", 3): if let content { return .given(words[1], content) }
        case ("create", 2): return .create(words[1])
        case ("open", 2): return .open(words[1])
        case ("write", 3): if let content { return .write(words[1], content) }
        case ("close", 2): return .close(words[1])
        case ("rename", 3): return .rename(words[1], words[2])
        case ("exchange", 3): return .exchange(words[1], words[2])
        case ("link", 3): return .link(words[1], words[2])
        case ("unlink", 2): return .unlink(words[1])
        case ("mkdir", 2): return .mkdir(words[1])
        case ("rmdir", 2): return .rmdir(words[1])
        case ("touch", 2): return .touch(words[1])
        case ("pass", 2):
            switch words[1] {
            case "quiet": return .pass(LiveWatch.quiet)
            case "quarter": return .pass(LiveWatch.quiet / 4)
            case "giveup": return .pass(LiveWatch.giveUp)
            default: if let milliseconds = Int(words[1]) { return .pass(.milliseconds(milliseconds)) }
            }
        case ("finally", _): return .finally(Set(words.dropFirst()))
        default: break
        }
        throw Unreadable(line: line)
    }

    static let all: [TraceScenario] = {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Traces")
        let files = (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "trace" }.sorted { $0.path < $1.path }.map { file in
            do {
                return try TraceScenario(
                    name: file.deletingPathExtension().lastPathComponent, text: String(contentsOf: file, encoding: .utf8))
            } catch { fatalError("\(file.lastPathComponent): \(error)") }
        }
    }()

    /// The bytes for a name: by its final extension, whatever a temporary name adds.
    static func bytes(_ content: Content, for name: String) -> [UInt8] {
        let formats: [(String, [UInt8])] = [
            (".parquet", Fixtures.parquet), (".onnx", Fixtures.onnx), (".npy", Fixtures.npy()), (".jsonl", Fixtures.jsonl),
            (".csv", Fixtures.csv),
        ]
        let whole =
            name.contains(".onnx.data") || name.hasSuffix("inner.data")
            ? [UInt8](repeating: 5, count: 64) : formats.first { name.contains($0.0) }?.1 ?? Fixtures.csv
        let half = whole.count / 2 - 1
        switch content {
        case .empty: return []
        case .part: return Array(whole[..<half])
        case .rest: return Array(whole[half...])
        case .whole: return whole
        case .line: return Array("7,8\n".utf8)
        case .other: return name.contains(".csv") ? Fixtures.csv + Array("9,9\n".utf8) : whole
        case .external: return TinyModel.withExternalData(location: "f.onnx.data", length: 64)
        }
    }
}
