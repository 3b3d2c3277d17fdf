package import Attempts
package import FileSystem

/// Asks for a file of an attempt, or for something in one of its folders. The one who asks can open nothing by a name; the one who answers
/// knows the attempt's spec, and has the names from there.
package struct FileRequest: Codable, Sendable {
    /// Says what is asked for.
    package enum Act: Codable, Sendable {
        case open(AttemptFile)
        case folder(AttemptFolder)
        /// Something in the folder that has the number, which was asked for before.
        case inFolder(Int, FolderAct)
        /// A connection to the attempt that trains, or to one that helps: `AttemptFiles.connection`.
        case connection
    }

    package var attempt: AttemptReference
    package var act: Act

    package init(attempt: AttemptReference, act: Act) {
        self.attempt = attempt
        self.act = act
    }
}

/// Says what is done in a folder: each case is a method of `GivenFolder`.
package enum FolderAct: Codable, Sendable {
    case status(String)
    case open(String)
    case create(String, NewFile)
    case makeFolder(String)
    case rename(String, to: String)
    case names
    case remove(String)
    case sync(String?)
    case checkRoom(Int64, at: String)
    case descriptor
}

/// Answers a `FileRequest`, or brings the output of an attempt without being asked.
package enum FileAnswer: Codable, Sendable {
    /// The output that an order has announced comes with the frame, where it could be opened.
    case output(AttemptReference, isOpen: Bool)
    /// An open file, or a connection, comes with the frame.
    case file
    /// The folder has that number from now on, and the path, which is for messages.
    case folder(Int, path: String)
    case status(FileStatus?)
    case names([String])
    case done
    case failure(FileSystemError)
}

// Questions, and the answers to them, are rare beside the orders of small files, which need none of them.
extension FileRequest: QuickFrame {
    package func quickLine() -> [UInt8]? { nil }
    package static func quick(_ line: UnsafeRawBufferPointer) -> FileRequest? { nil }
}

extension FileAnswer: QuickFrame {
    private static let beginning = Array(#"{"opened":"#.utf8)

    package func quickLine() -> [UInt8]? {
        guard case .output(let attempt, let isOpen) = self else { return nil }
        var writer = JSONObjectWriter()
        writer.object("opened") { writer in
            writer.field("run", attempt.run)
            writer.field("attempt", attempt.attempt)
            writer.field("nonce", attempt.nonce)
            if isOpen { writer.field("file", 1) }
        }
        return writer.line()
    }

    package static func quick(_ line: UnsafeRawBufferPointer) throws -> FileAnswer? {
        guard line.starts(with: beginning) else { return nil }
        var reader = try JSONObjectReader(line, at: beginning.count)
        var attempt = AttemptReference(run: 0, attempt: 0, nonce: 0)
        var isOpen = false
        while let key = try reader.key() {
            switch key {
            case "run": attempt.run = try reader.integer()
            case "attempt": attempt.attempt = try reader.integer()
            case "nonce": attempt.nonce = try reader.integer()
            case "file": isOpen = try reader.integer(Int.self) == 1
            default: try reader.anything()
            }
        }
        return .output(attempt, isOpen: isOpen)
    }
}
