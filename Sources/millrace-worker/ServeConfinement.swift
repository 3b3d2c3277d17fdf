import Confinement
import Engine
import FileSystem
import Machine
import PipelineConfig
import Reports
import Runner
import Terminal

/// Confines a worker before it reads anything that somebody else has made, and shows that the engine works so.
enum ServeConfinement {
    /// - Parameters:
    ///   - prepared: the folder of prepared models, which the engine reads by names.
    ///   - sockets: the descriptors of the connections.
    static func begin(_ mode: ConfinementMode, prepared: String?, sockets: [Int32]) throws {
        guard mode != .off else { return }
        if mode == .required, let missing = KernelOffer.here.missing.first {
            throw fail("confinement: required, and this kernel lacks \(missing)")
        }
        let confinement = Confinement(
            reading: Confinement.ofTheMachine + (prepared.map { [$0] } ?? []), listing: EngineFolders.all,
            writing: FaultPoint.folder.map { [$0] } ?? [], keeping: Set(sockets + Pseudofile.keepOpen()))
        do throws(ConfinementError) { try confinement.apply() } catch {
            throw fail("the worker cannot be confined: \(error). Write `confinement: off` in millrace.yaml to go without.")
        }
        do throws(EngineError) { try WarmUp.run() } catch {
            throw fail("the engine does not work in a confined process: \(error). Write `confinement: off` in millrace.yaml to go without.")
        }
    }
}
