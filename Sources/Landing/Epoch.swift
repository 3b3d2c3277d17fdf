package import FileSystem
import Foundation
package import SystemPackage

/// Says which host works on the folders of a root, where others may take over. Each takeover begins an epoch; a daemon that is started again
/// with the state that it had goes on in its own.
package struct Epoch: Codable, Hashable, Sendable {
    package let number: Int64
    /// Tells it from another epoch of the same number.
    package let token: String
    /// The process that began it.
    package let holder: ClaimHolder
    /// The digest of the key of hashes in the state folder, without which another host would write other hashes; nil where there is none.
    package var key: String?

    package init(_ number: Int64, begunBy holder: ClaimHolder, key: String?) {
        self.number = number
        token = UUID().uuidString
        self.holder = holder
        self.key = key
    }
}

/// Describes the work folder of a root whose `work:` is not its state folder. What the daemon keeps there is in the folder of its epoch,
/// `epochs/N`, so that a takeover, which moves it all to another, leaves nothing where the daemon before it looks. Only `workers` is in one
/// place: by that workers find the daemon.
package struct WorkFolder: Sendable {
    package let path: FilePath
    private let state: FilePath

    package init(_ path: FilePath, state: FilePath) {
        self.path = path
        self.state = state
    }

    package var epochFile: FilePath { path.appending("epoch.json") }
    private var ownFile: FilePath { state.appending("epoch.json") }
    private var epochs: FilePath { path.appending("epochs") }

    /// Returns the epoch that is in force; nil where none has begun.
    package func inForce() throws(FileSystemError) -> Epoch? { try read(epochFile) }
    /// Returns the epoch that the state folder is of; nil where it is of none.
    package func own() throws(FileSystemError) -> Epoch? { try read(ownFile) }

    private func read(_ file: FilePath) throws(FileSystemError) -> Epoch? {
        try Disk.status(file) == nil ? nil : JSONFile.decode(Epoch.self, from: file)
    }

    /// Says in the state folder, and then in the work folder, that an epoch has begun. From then on no other is in force.
    package func begin(_ epoch: Epoch) throws(FileSystemError) {
        try DurableFile.write(JSONFile.encode(epoch, for: ownFile), to: ownFile)
        FaultPoint.reach(.epochNoted)
        try DurableFile.write(JSONFile.encode(epoch, for: epochFile), to: epochFile)
        FaultPoint.reach(.epochRaised)
    }

    /// Returns the epoch that is in force in place of this one; nil where this one is. The file is opened each time: a file system that
    /// several hosts share shows then what is in it.
    package func successor(of epoch: Epoch) throws(FileSystemError) -> Epoch? {
        let inForce = try JSONFile.decode(Epoch.self, from: epochFile)
        return inForce.token == epoch.token ? nil : inForce
    }

    /// Returns the number of an epoch after all that have left something here.
    package func nextNumber() throws(FileSystemError) -> Int64 { (try numbers().max() ?? 0) + 1 }

    private func numbers() throws(FileSystemError) -> [Int64] { try Disk.names(in: epochs).compactMap { Int64($0.string) } }

    package func folder(_ epoch: Epoch) -> FilePath { epochs.appending("\(epoch.number)") }

    /// Moves everything that older epochs, and releases without epochs, have in the work folder to the folder of this one. Where a file of
    /// that name is in it already, an older epoch has made another since, which is void.
    package func takeOver(to epoch: Epoch) throws(FileSystemError) {
        let own = folder(epoch)
        for changed in try Disk.makeDirectories(own, FolderGrant(access: .ownerOnly, root: epochs)) { try Disk.sync(directory: changed) }
        for name in Self.namesWithoutEpochs { try take(path.appending(name), to: own) }
        for number in try numbers().filter({ $0 < epoch.number }).sorted() {
            let older = epochs.appending("\(number)")
            for name in try Disk.names(in: older) { try take(older.appending(name), to: own) }
            // A daemon that does not know yet that its time is over may make something there again.
            try? Disk.removeTree(older)
        }
        try Disk.sync(directory: own)
        try Disk.sync(directory: epochs)
    }

    /// What releases without epochs keep in a work folder, and the daemon alone uses.
    private static let namesWithoutEpochs = ["staging", "training", "prepared", "choices", "measuring"]

    private func take(_ old: FilePath, to folder: FilePath) throws(FileSystemError) {
        guard let name = old.lastComponent, try Disk.status(old) != nil else { return }
        let new = folder.appending(name)
        if name.string == "staging" { return try StagingArea.take(old, to: new) }
        if try Disk.status(new) != nil { return try Disk.removeTree(old) }
        if let failure = Disk.renameReplacing(old, new) { throw Disk.renameFailure(failure, old, new) }
    }
}
