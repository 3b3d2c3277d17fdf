import Attempts
import FileSystem
import Foundation
import Runner
import SystemPackage

/// Does what others ask for on a thread of its own, one after another.
final class OuterThread: @unchecked Sendable {
    private let lock = NSLock()
    private let isAsked = DispatchSemaphore(value: 0), isAnswered = DispatchSemaphore(value: 0)
    private var request: (() -> Void)?

    init() {
        Thread { [self] in
            while true {
                isAsked.wait()
                request?()
                isAnswered.signal()
            }
        }.start()
    }

    func ask<Answer>(_ body: @escaping () throws(FileSystemError) -> Answer) throws(FileSystemError) -> Answer {
        var answer: Result<Answer, FileSystemError>?
        lock.withLock {
            request = { answer = Result { () throws(FileSystemError) in try body() } }
            isAsked.signal()
            isAnswered.wait()
        }
        return try answer!.get()
    }
}

/// Asks another thread for the files of an attempt.
struct AskedFiles: AttemptFiles {
    let files: any AttemptFiles
    let outer: OuterThread

    func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor {
        try outer.ask { () throws(FileSystemError) in try files.open(file) }
    }

    func folder(_ folder: AttemptFolder) throws(FileSystemError) -> any GivenFolder {
        var found: AskedFolder?
        try outer.ask { () throws(FileSystemError) in found = AskedFolder(folder: try files.folder(folder), outer: outer) }
        return found!
    }
}

/// Asks another thread for what is in a folder.
struct AskedFolder: GivenFolder {
    let folder: any GivenFolder
    let outer: OuterThread

    var path: FilePath { folder.path }

    func status(_ name: String) throws(FileSystemError) -> FileStatus? {
        try outer.ask { () throws(FileSystemError) in try folder.status(name) }
    }
    func open(_ name: String) throws(FileSystemError) -> FileDescriptor {
        try outer.ask { () throws(FileSystemError) in try folder.open(name) }
    }
    func create(_ name: String, _ kind: NewFile) throws(FileSystemError) -> FileDescriptor {
        try outer.ask { () throws(FileSystemError) in try folder.create(name, kind) }
    }
    func makeFolder(_ name: String) throws(FileSystemError) {
        try outer.ask { () throws(FileSystemError) in try folder.makeFolder(name) }
    }
    func rename(_ name: String, to new: String) throws(FileSystemError) {
        try outer.ask { () throws(FileSystemError) in try folder.rename(name, to: new) }
    }
    func names() throws(FileSystemError) -> [String] { try outer.ask { () throws(FileSystemError) in try folder.names() } }
    func remove(_ name: String) throws(FileSystemError) {
        try outer.ask { () throws(FileSystemError) in try folder.remove(name) }
    }
    func sync(_ name: String?) throws(FileSystemError) {
        try outer.ask { () throws(FileSystemError) in try folder.sync(name) }
    }
    func checkRoom(for byteCount: Int64, at name: String) throws(FileSystemError) {
        try outer.ask { () throws(FileSystemError) in try folder.checkRoom(for: byteCount, at: name) }
    }
    func descriptor() throws(FileSystemError) -> FileDescriptor {
        try outer.ask { () throws(FileSystemError) in try folder.descriptor() }
    }
}
