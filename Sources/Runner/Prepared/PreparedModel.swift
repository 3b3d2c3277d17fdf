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
///
/// The engine maps files that it opens itself, by a name: that is the one thing which a process that is confined must be allowed, to read
/// beneath the folder of prepared models. Nothing else of ONNX Runtime gives it weights in the layout of its kernels without a copy in the
/// memory of each process. It writes to pipes of this process (`Session.prepare`), which needs no right, and what it writes goes to files
/// that were given.
struct PreparedModel {
    private static let graph = "model.onnx", manifest = "manifest.json"
    private static let source = "source.onnx", weights = "weights.new"
    private static let dataSuffix = ".data"

    private struct Manifest: Codable {
        var files: [String: FileStamp] = [:]
        var facts: ModelFacts
    }

    let place: PreparedFolder.Place
    private let folder: any GivenFolder
    private let options: SessionOptions

    /// - Parameter folder: the folder of all prepared models.
    init(at place: PreparedFolder.Place, in folder: any GivenFolder, _ options: SessionOptions) {
        self.place = place
        self.folder = folder
        self.options = options
    }

    /// Returns a session of what is there; nil if there is nothing, if a file has changed since it was made, or if the engine does not take
    /// it.
    func open() -> (Session, ModelFacts)? {
        guard let manifest = try? folder.decode(Manifest.self, from: place.folder + "/" + Self.manifest), isTrue(manifest),
            // The engine lays each weight out in memory to see whether the file has the same.
            let session = returningLargeBlocks({
                try? withEnginePath(of: place.folder + "/" + Self.graph) { try Session(prepared: $0, options: options) }
            }),
            isTrue(manifest)
        else { return nil }
        return (session, manifest.facts)
    }

    private func isTrue(_ manifest: Manifest) -> Bool {
        manifest.files.allSatisfy { name, stamp in
            (try? folder.status(place.folder + "/" + name)).flatMap { $0 }.map { Self.known($0.stamp) } == stamp
        }
    }

    /// Returns a file's stamp without the number of the device, which may change with a restart of the machine.
    private static func known(_ stamp: FileStamp) -> FileStamp {
        var stamp = stamp
        stamp.device = 0
        return stamp
    }

    /// Calls `body` with a name under which the engine may read a file, whatever name the folder has by now.
    private func withEnginePath<Result>(of name: String, _ body: (String) throws -> Result) throws -> Result {
        let opened = try folder.descriptor()
        defer { Disk.close(opened) }
        return try body("/proc/self/fd/\(opened.rawValue)/\(name)")
    }

    // MARK: Making

    /// Makes the model's folder, in place of one whose files have changed. Only the process that has the lock may call this.
    /// - Parameter beginPart: called before each part of the work that takes long.
    /// - Returns: whether the folder is there. If not, what is staged is there too, unless another attempt may succeed.
    func make(of file: ModelFile, beginPart: () -> Void) -> Bool {
        let staging = place.staging + "/"
        do {
            try? folder.remove(place.folder)
            // It needs room for a copy to read, and for the weights in two layouts. It must not fill the disk, because others need it too.
            try folder.checkRoom(for: Int64(4 * file.byteCount), at: place.staging)
            try folder.makeFolder(place.staging)
            beginPart()
            let source = staging + Self.source
            guard let facts = try file.writeRunnable(as: source, in: folder, ifWeightsTake: PreparedModels.smallestModel) else {
                giveUp()
                return false
            }
            returnFreedMemory()
            beginPart()
            let graph = try folder.create(staging + Self.graph, .fresh)
            defer { Disk.close(graph) }
            let weights = try folder.create(staging + Self.weights, .fresh)
            defer { Disk.close(weights) }
            let weightsName = try withEnginePath(of: source) {
                try Session.prepare($0, graph: graph.rawValue, weights: weights.rawValue, options: options)
            }
            returnFreedMemory()
            for name in [source, source + Self.dataSuffix] { try folder.remove(name) }
            try folder.rename(staging + Self.weights, to: staging + weightsName)
            try publish([(Self.graph, graph), (weightsName, weights)], facts)
            return true
        } catch {
            if let refusal = error as? EngineError, !refusal.mayPass, (try? folder.checkRoom(for: 1 << 30, at: place.staging)) != nil {
                giveUp()
            } else {
                try? folder.remove(place.staging)
            }
            return false
        }
    }

    /// Leaves a mark which says that nobody should try again.
    func giveUp() {
        try? folder.remove(place.staging)
        try? folder.makeFolder(place.staging)
    }

    private func publish(_ files: [(name: String, file: FileDescriptor)], _ facts: ModelFacts) throws(FileSystemError) {
        var manifest = Manifest(facts: facts)
        for (name, file) in files {
            let path = folder.path(of: place.staging + "/" + name)
            // Nobody must write to it, not even the daemon's user by mistake.
            try Disk.grant(FileAccess(mode: 0o400), file, path)
            try Disk.sync(file, path)
            manifest.files[name] = Self.known(try FileDigest.stamp(of: file, named: path))
        }
        let name = place.staging + "/" + Self.manifest
        try folder.write(try JSONFile.encode(manifest, for: folder.path(of: name)), to: name)
        try folder.sync(place.staging)
        try folder.rename(place.staging, to: place.folder)
        try folder.sync()
    }
}

extension EngineError {
    /// Tells whether the same may succeed another time, because the fault is the machine's and not the model's.
    fileprivate var mayPass: Bool { if case .outOfMemory = self { true } else { false } }
}
