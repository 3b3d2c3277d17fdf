import FileSystem
package import PipelineConfig
import Recipes

extension AttemptSpec {
    /// Describes the work, with the files that it reads and the one place that it writes.
    package enum Work: Codable, Sendable {
        /// Checks a model that arrived and writes it. With `training`, it is tuned before it is written.
        case validateModel(ModelFiles, training: Training?)
        /// Trains a float model on labels that arrived and writes the result.
        case fineTune(ModelFiles, training: Training)
        /// Scores a file of rows.
        case score(ScoringFiles)
        /// Scores one range of the rows of a file that another attempt scores: one that nobody has begun. It writes a part of the output.
        case scoreRange(ScoringFiles)
        /// Scores one range of a file that is still being read for its digest, and cuts the file first where nobody has. The parts become
        /// those of a run that is opened for this very file, model and schema; otherwise they are thrown away.
        case scoreAhead(ScoringFiles)
        /// Computes shares of the batches of another attempt, which trains, as long as that goes on and nothing else is to be done. It
        /// writes nothing.
        /// - Parameter isArrival: whether the model that is trained is one that has arrived, as the other attempt has written it.
        case help(ModelFiles, training: Training, isArrival: Bool)
        /// Measures a model in one way of executing it. It publishes nothing.
        case measure(MeasuredFiles)
        /// Writes a model in another form, or finds out which of its layers suffer by that.
        case rewrite(RewrittenFiles)

        package var goal: Goal {
            switch self {
            case .validateModel: .validateModel
            case .fineTune: .fineTune
            case .score, .scoreRange, .scoreAhead, .help, .measure, .rewrite: .score
            }
        }
    }

    /// Names the files of an attempt that makes a version.
    package struct ModelFiles: Codable, Sendable {
        /// The model that arrived, or the float model to train from.
        package var model: InputFile
        /// The newest rows that an earlier version has scored, on which the model is tried; nil where none are known.
        package var rows: InputFile?
        /// The path of the directory to fill.
        package var directory: String

        /// The path of the model that is written into it.
        package var writtenModel: String { directory + "/" + VersionFile.model }

        package init(model: InputFile, rows: InputFile? = nil, directory: String) {
            self.model = model
            self.rows = rows
            self.directory = directory
        }
    }

    /// Names the files of an attempt that scores.
    package struct ScoringFiles: Codable, Sendable {
        package var model: InputFile
        /// The path of the model's adapter if that is not in the model's folder. The model's digest covers it.
        package var adapter: String?
        package var data: InputFile
        /// The path of the file to write.
        package var output: String
        package var format: OutputFormat
        /// The path of a folder that outlives the attempt. The file is scored range by range, and what is scored of it is there until the
        /// output is whole. Nil for a file that is scored in one go.
        package var parts: String?
        /// The range to score, where the daemon has chosen it; nil for the first that nobody has begun.
        package var piece: RangePiece?

        package init(
            model: InputFile, adapter: String? = nil, data: InputFile, output: String, format: OutputFormat, parts: String? = nil
        ) {
            self.model = model
            self.adapter = adapter
            self.data = data
            self.output = output
            self.format = format
            self.parts = parts
        }

        /// Names one range of a large file, and the name of its part in the folder of parts while it is written.
        package struct RangePiece: Codable, Sendable, Hashable {
            package var range: Int
            package var name: String

            package init(range: Int, name: String) {
                self.range = range
                self.name = name
            }
        }

        /// The path of the part of the chosen range; nil where none was chosen.
        package var piecePath: String? {
            guard let parts, let piece else { return nil }
            return parts + "/" + piece.name
        }

        /// The least size in bytes of a file that is scored range by range; a smaller one is scored in one go.
        package static let leastRanged: Int64 = 8 << 20
    }
}

extension AttemptSpec {
    /// Returns the spec of an attempt that scores one range of the same file.
    package func range(of files: ScoringFiles) -> AttemptSpec {
        var spec = self
        spec.work = .scoreRange(files)
        return spec
    }

    package var goal: Goal { work.goal }

    /// Returns the spec of an attempt that helps this one to train; nil where nobody can, since batches are not cut into shares.
    package var helping: AttemptSpec? {
        guard stages.contains(where: { if case .optimize(let stage) = $0 { stage.gradient.shares > 1 } else { false } }) else { return nil }
        var spec = self
        switch work {
        case .fineTune(let files, let training): spec.work = .help(files, training: training, isArrival: false)
        case .validateModel(let files, let training?): spec.work = .help(files, training: training, isArrival: true)
        default: return nil
        }
        // It ends with the attempt that it helps.
        spec.limits.seconds = nil
        return spec
    }

    /// Tells whether it does a part of what another attempt does, which nobody waits for: where it fails, that one does it.
    package var isHelp: Bool {
        switch work {
        case .scoreRange, .scoreAhead, .help: true
        case .score, .validateModel, .fineTune, .measure, .rewrite: false
        }
    }

    /// Tells whether it goes on for as long as its worker has nothing else to do, and ends then.
    package var yields: Bool { if case .help = work { true } else { false } }

    /// The model that is validated, trained or applied.
    package var model: InputFile {
        switch work {
        case .validateModel(let files, _), .fineTune(let files, _), .help(let files, _, _): files.model
        case .score(let files), .scoreRange(let files), .scoreAhead(let files): files.model
        case .measure(let files): files.model
        case .rewrite(let files): files.model
        }
    }

    /// The size in bytes of the model's files, which are mapped while it is loaded, and which a limit of memory leaves out.
    package var mappedBytes: Int { Disk.byteCount(model.path) + Disk.byteCount(model.path + ".data") }

    /// The rows to score; nil for an attempt that makes a version, or that knows no rows.
    package var data: InputFile? {
        switch work {
        case .score(let files), .scoreRange(let files), .scoreAhead(let files): files.data
        case .measure(let files): files.data
        case .rewrite(let files): files.data
        case .validateModel, .fineTune, .help: nil
        }
    }

    /// The stage that scores; nil where nothing is scored.
    package var forward: ForwardStage? {
        for case .forward(let stage) in stages { return stage }
        return nil
    }

    /// The files of an attempt that makes a version, or helps with that; nil for others.
    package var modelFiles: ModelFiles? {
        switch work {
        case .validateModel(let files, _), .fineTune(let files, _), .help(let files, _, _): files
        case .score, .scoreRange, .scoreAhead, .measure, .rewrite: nil
        }
    }

    /// The labels to learn from; nil if there are none.
    package var training: Training? {
        switch work {
        case .validateModel(_, let training): training
        case .fineTune(_, let training), .help(_, let training, _): training
        case .score, .scoreRange, .scoreAhead, .measure, .rewrite: nil
        }
    }

    /// The path of the input that the attempt is about, for messages.
    package var place: String {
        switch work {
        case .validateModel(let files, _): files.model.path
        case .fineTune(let files, let training), .help(let files, let training, _):
            (training.labelled.first { $0.arrival == training.subject }?.file ?? files.model).path
        case .score(let files), .scoreRange(let files), .scoreAhead(let files): files.data.path
        case .measure(let files): files.model.path
        case .rewrite(let files): files.model.path
        }
    }
}
