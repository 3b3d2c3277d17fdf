package import Arrivals
import FileSystem
package import Machine
package import PipelineConfig
package import Recipes

/// Describes one attempt completely. An executor, in this process, in a child or on another host, reads the files that `work` names, writes
/// where it says, and answers with an `AttemptResult`. It is plain JSON.
package struct AttemptSpec: Codable, Sendable {
    /// Describes a file in the role that it has for an attempt. Paths are absolute.
    package struct InputFile: Codable, Sendable, Hashable {
        package var path: String
        /// The SHA-256 of the content that the arrival was numbered with; a file that no longer has it voids the attempt. It is empty for a
        /// file that is still being read for it (`Work.scoreAhead`), of which only the stamp is known.
        package var digest: String
        /// The files that belong to it (external data), relative to its directory.
        package var companions: [String]
        /// The folder that the file is opened beneath, so that no link leads out of it; nil for files that are not in a spool.
        package var spool: String?
        /// The stamp with which it was numbered: over all its files, as `FileStamp.whole` makes it. While the files have it they need not
        /// be hashed again. Nil where none is known.
        package var stamp: FileStamp?
        /// Tells whether it was admitted by its signature. Then the attempt reads a copy that has the digest: somebody who has the file
        /// mapped into memory can change it without changing its stamp.
        package var isSigned = false

        package init(
            path: String, digest: String, companions: [String] = [], spool: String? = nil, stamp: FileStamp? = nil, isSigned: Bool = false
        ) {
            self.isSigned = isSigned
            self.path = path
            self.digest = digest
            self.companions = companions
            self.spool = spool
            self.stamp = stamp
        }
    }

    package struct Limits: Codable, Sendable, Hashable {
        /// The wall-clock seconds for the attempt, without those that it is paused; nil for as long as it takes.
        package var seconds: Double?
        /// The same for each time that it reads, checks or loads a model.
        package var loadSeconds: Double?
        /// The same for the time from one batch or training step to the next.
        package var standstillSeconds: Double?
        /// The bytes by which the memory of the process that executes it may grow above what the process has at rest.
        package var memoryBytes: Int?
        /// The number of files that its process may have open.
        package var openFiles: Int?
        /// The number of threads that the engine may use within one operator.
        package var threads: Int

        package init(
            seconds: Double? = nil, loadSeconds: Double? = nil, standstillSeconds: Double? = nil, memoryBytes: Int? = nil,
            openFiles: Int? = nil, threads: Int = 1
        ) {
            self.seconds = seconds
            self.loadSeconds = loadSeconds
            self.standstillSeconds = standstillSeconds
            self.memoryBytes = memoryBytes
            self.openFiles = openFiles
            self.threads = threads
        }

        /// Takes the limits that a pipeline gives, and the defaults for those that it leaves out.
        package init(_ limits: PipelineConfig.Limits, threads: Int) {
            self.init(
                seconds: limits.time?.seconds, loadSeconds: (limits.loadTime ?? .seconds(300)).seconds, standstillSeconds: 600,
                memoryBytes: limits.memory ?? Self.standardMemory, openFiles: limits.openFiles, threads: threads)
        }

        /// Half of the memory of the machine, or of its control group, in bytes: the limit of an attempt that has none of its own, and of
        /// all attempts together.
        package static let standardMemory = MachineMemory.total / 2
    }

    /// Tells the kind of an attempt's work.
    package enum Goal: Codable, Sendable {
        case validateModel, fineTune, score
    }

    /// Describes a file of labelled rows.
    package struct LabelledFile: Codable, Sendable {
        package var arrival: Int64
        /// The path relative to its spool, for messages and the card.
        package var name: String
        /// The file in the spool in which it arrived.
        package var file: InputFile
        /// The path of the kept copy of the content, named by its digest. The first attempt that needs the copy writes it; training reads
        /// it.
        package var kept: String

        package init(arrival: Int64, name: String, file: InputFile, kept: String) {
            self.arrival = arrival
            self.name = name
            self.file = file
            self.kept = kept
        }
    }

    /// Holds the labels of the optimize stage, and the folder of its checkpoints.
    package struct Training: Codable, Sendable {
        /// The files in arrival order; no digest occurs twice.
        package var labelled: [LabelledFile]
        /// The arrival that the attempt is about, if that is a labelled one: its rows must be usable, those of others may not be.
        package var subject: Int64?
        /// A directory that outlives the attempt, from which a later attempt of the same run goes on.
        package var checkpoints: String

        package init(labelled: [LabelledFile], subject: Int64?, checkpoints: String) {
            self.labelled = labelled
            self.subject = subject
            self.checkpoints = checkpoints
        }
    }

    package var run: Int64
    package var attempt: Int
    package var pipeline: String
    package var work: Work
    package var schema: RowSchema
    package var stages: [Stage]
    /// The entries that go into the output's own metadata, as they are.
    package var provenance: [String: String]
    package var limits: Limits
    /// The engine that runs the model, and the numbers that it computes in.
    package var engine = EngineChoice.onnxRuntime
    /// The columns that the first file bound, by model input, where the pipeline's schema leaves them to the file's order.
    package var columns: [String: [String]]
    /// The types that the first file gave kept columns of text where the pipeline's schema leaves them open.
    package var types: [String: String] = [:]
    /// Tells whether the answer leaves out what cells of tables hold.
    package var hidesValues = false

    package init(
        run: Int64, attempt: Int, pipeline: String, work: Work, schema: RowSchema, stages: [Stage], provenance: [String: String] = [:],
        limits: Limits = Limits(), columns: [String: [String]] = [:]
    ) {
        self.run = run
        self.attempt = attempt
        self.pipeline = pipeline
        self.work = work
        self.schema = schema
        self.stages = stages
        self.provenance = provenance
        self.limits = limits
        self.columns = columns
    }
}
