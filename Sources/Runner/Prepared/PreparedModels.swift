import Attempts
import Engine
import FileSystem
import Glibc
import Machine
import SystemPackage

/// Gives sessions over prepared models, which are made when they are needed: by the first process that loads the model, while others that
/// need it wait.
///
/// Files that have changed since they were made are removed and made again. If a model cannot be prepared, it is loaded as any other, and
/// nobody tries again until the daemon's next start.
struct PreparedModels {
    /// The size in bytes below which models are loaded as they are.
    static let smallestModel = 16 << 20
    /// The pause, in microseconds, between two looks whether the process that makes the model is done.
    private static let pause: UInt32 = 20_000

    private let folder: any GivenFolder

    init(_ folder: any GivenFolder) { self.folder = folder }

    /// Returns the place of a model. It is another one for each class of processors, version of the engine, and version of this program.
    static func place(
        of digest: String, _ options: SessionOptions, on machine: AttemptMachine = LocalExecutor.machine
    ) -> PreparedFolder.Place {
        let setting = [machine.processor, machine.engine, machine.engineVersion, toolVersion, options.preparation]
        return PreparedFolder.Place(digest: digest, setting: setting.joined(separator: "\n"))
    }

    /// Returns a session of the model, with the facts about it; nil if it is to be loaded as it is. An error here is no fault of the model
    /// or of the attempt: if there is such a fault, loading the model as it is shows it.
    /// - Parameters:
    ///   - file: the model as it was published.
    ///   - digest: the digest of the model together with its adapter.
    ///   - interruption: is told that a model is loaded, and is asked while another process makes this one.
    /// - Throws: only that the attempt must end.
    func session(
        of file: ModelFile, digest: String, options: SessionOptions, _ interruption: Interruption
    ) throws(Failure) -> (Session, ModelFacts)? {
        let model = PreparedModel(at: Self.place(of: digest, options), in: folder, options)
        if let found = model.open() { return found }
        guard let lock = try lock(model.place, interruption) else { return nil }
        defer { Disk.close(lock) }
        if let found = model.open() { return found }
        let isLeft = try? folder.has(model.place.staging)
        guard isLeft == false else { return nil }
        // Each part may take as long as the loading of a model.
        let isMade = model.make(of: file) { interruption.control.phase(.loading) }
        guard isMade else { return nil }
        interruption.control.phase(.loading)
        if let made = model.open() { return made }
        // The engine does not load what it has written.
        try? folder.remove(model.place.folder)
        model.giveUp()
        return nil
    }

    /// Waits until no other process makes the model. Returns nil where no file can be locked.
    private func lock(_ place: PreparedFolder.Place, _ interruption: Interruption) throws(Failure) -> FileDescriptor? {
        guard let lock = try? folder.create(place.lock, .kept) else { return nil }
        if Disk.tryLock(lock) { return lock }
        do throws(Failure) {
            interruption.control.phase(.working)
            while !Disk.tryLock(lock) {
                try interruption.check()
                usleep(Self.pause)
            }
        } catch {
            Disk.close(lock)
            throw error
        }
        interruption.control.phase(.loading)
        return lock
    }
}
