import Arrivals
import Attempts
import Engine
import FileSystem
import Glibc
import Names
import ONNX
import SystemPackage

/// Opens and makes one prepared model: two files that a session maps, and a manifest that describes them.
///
/// The files are mapped and not read, so a file that became shorter ends a process that reads beyond its end. Therefore they are durable
/// before the manifest is written, nobody writes to them after that, and the manifest has their stamps: a file that was written to, cut or
/// replaced has another stamp.
enum PreparedModel {
    private static let graph = "model.onnx", manifest = "manifest.json"
    private static let source = "source.onnx"
    private static let dataSuffix = ".data"

    private struct Manifest: Codable {
        var files: [String: FileStamp]
        var facts: ModelFacts

        func isTrue(in folder: FilePath) -> Bool {
            files.allSatisfy { name, stamp in PreparedModel.stamp(folder.appending(name)) == stamp }
        }
    }

    /// Returns the file's stamp without the number of the device, which may change with a restart of the machine.
    private static func stamp(_ path: FilePath) -> FileStamp? {
        guard var stamp = try? FileDigest.stamp(path) else { return nil }
        stamp.device = 0
        return stamp
    }

    /// Returns a session of what is there; nil if there is nothing, if a file has changed since it was made, or if the engine does not take
    /// it.
    static func open(_ folder: FilePath, _ options: SessionOptions) -> (Session, ModelFacts)? {
        guard let manifest = try? JSONFile.decode(Manifest.self, from: folder.appending(manifest)), manifest.isTrue(in: folder),
            // The engine lays each weight out in memory to see whether the file has the same.
            let session = returningLargeBlocks({ try? Session(prepared: folder.appending(graph).string, options: options) }),
            manifest.isTrue(in: folder)
        else { return nil }
        return (session, manifest.facts)
    }

    /// Makes the folder, in place of one whose files have changed. Only the process that has the lock may call this.
    /// - Parameter beginPart: called before each part of the work that takes long.
    /// - Returns: whether the folder is there. If not, `staging` is there too, unless another attempt may succeed.
    static func make(_ file: ModelFile, at place: PreparedFolder.Place, _ options: SessionOptions, beginPart: () -> Void) -> Bool {
        do {
            try? Disk.removeTree(place.folder)
            let byteCount = Disk.byteCount(file.path) + Disk.byteCount(file.path + dataSuffix)
            // It needs room for a copy to read, and for the weights in two layouts. It must not fill the disk, because others need it too.
            try DiskRoom.check(Int64(4 * byteCount), at: place.staging)
            try Disk.makeDirectories(place.staging)
            beginPart()
            let source = place.staging.appending(source), graph = place.staging.appending(graph)
            guard let facts = try file.writeRunnable(to: source.string, ifWeightsTake: PreparedModels.smallestModel) else {
                giveUp(place)
                return false
            }
            returnFreedMemory()
            beginPart()
            try Session.prepare(source.string, as: graph.string, options: options)
            returnFreedMemory()
            for path in [source.string, source.string + dataSuffix] { try Disk.remove(FilePath(path)) }
            try publish(place, facts)
            return true
        } catch {
            if let refusal = error as? EngineError, !refusal.mayPass, (try? DiskRoom.check(Int64(1 << 30), at: place.staging)) != nil {
                giveUp(place)
            } else {
                try? Disk.removeTree(place.staging)
            }
            return false
        }
    }

    /// Leaves a mark which says that nobody should try again.
    static func giveUp(_ place: PreparedFolder.Place) {
        try? Disk.removeTree(place.staging)
        _ = try? Disk.makeDirectories(place.staging)
    }

    private static func publish(_ place: PreparedFolder.Place, _ facts: ModelFacts) throws(FileSystemError) {
        var manifest = Manifest(files: [:], facts: facts)
        for name in try Disk.names(in: place.staging) {
            let path = place.staging.appending(name)
            // Nobody must write to it, not even the daemon's user by mistake.
            try Disk.grant(FileAccess(mode: 0o400), file: path)
            try Disk.sync(file: path)
            manifest.files[name.string] = stamp(path)
        }
        let path = place.staging.appending(Self.manifest)
        try JSONFile.write(try JSONFile.encode(manifest, for: path), to: path)
        try Disk.sync(directory: place.staging)
        if let failure = Disk.moveDirectory(place.staging, place.folder) {
            throw Disk.renameFailure(failure, place.staging, place.folder)
        }
        try Disk.sync(directory: place.folder.removingLastComponent())
    }
}

extension EngineError {
    /// Tells whether the same may succeed another time, because the fault is the machine's and not the model's.
    fileprivate var mayPass: Bool { if case .outOfMemory = self { true } else { false } }
}
