/// Names a place in a file, with both numbers from 1; columns count Unicode scalars.
package struct Position: Sendable, Hashable, Codable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// Keeps the positions of keys by their dotted path (`land.outputs.path`). Two maps are always equal, so that pipelines that differ only in
/// positions are equal.
package struct SourceMap: Sendable, Equatable {
    private var positions: [String: Position] = [:]

    package init() {}

    package static func == (_: SourceMap, _: SourceMap) -> Bool { true }

    /// Returns the place of `key`, or of the nearest part of it that the file has; the file's start where it has none.
    package subscript(key: String) -> Position {
        var key = key[...]
        while true {
            if let position = positions[String(key)] { return position }
            guard let dot = key.lastIndex(of: ".") else { return Position(line: 1, column: 1) }
            key = key[..<dot]
        }
    }

    func has(_ key: String) -> Bool { positions[key] != nil }

    mutating func record(_ position: Position, for key: String) { positions[key] = position }
}
