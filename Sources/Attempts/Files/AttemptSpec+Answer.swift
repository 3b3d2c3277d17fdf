import SystemPackage

extension AttemptSpec {
    /// Returns whether an answer names no files but those that the attempt may write. A process that runs somebody's model may say
    /// anything, and what it names is renamed and published by one that may do more.
    package func mayBeAnswered(with result: AttemptResult) -> Bool {
        let paths = result.files.map(\.path)
        switch work {
        case .score(let files):
            return paths.allSatisfy { $0 == files.output } && (result.failure != nil || paths.count == 1)
        case .scoreRange(let files): return paths.allSatisfy { $0 == files.piecePath }
        case .scoreAhead, .help, .measure: return paths.isEmpty
        case .validateModel(let files, _), .fineTune(let files, _): return paths.allSatisfy { Self.isBeneath(files.directory, $0) }
        case .rewrite(let files): return paths.allSatisfy { Self.isBeneath(files.directory, $0) }
        }
    }

    private static func isBeneath(_ folder: String, _ path: String) -> Bool {
        let (folder, path) = (FilePath(folder), FilePath(path))
        return path != folder && path.starts(with: folder) && path.components.allSatisfy { $0.kind == .regular }
    }
}
