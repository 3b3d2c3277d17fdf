import FileSystem
package import Recipes

extension AttemptSpec {
    /// Says in which form a model is written anew, and from which rows its ranges are found.
    package struct RewrittenFiles: Codable, Sendable {
        /// Says what one attempt does.
        package enum Task: Codable, Sendable, Hashable {
            /// Writes the model, as `RewrittenFiles.name` in the folder, with its weights beside it where they are large.
            case write
            /// Finds out how much error each layer causes where it alone has the form, for about as many seconds. Nothing is written.
            case rank(seconds: Double)
        }

        package var model: InputFile
        package var adapter: String?
        /// The rows; nil where none are known.
        package var data: InputFile?
        /// Older files, the newest first, whose rows follow those of `data` where these are too few.
        package var older: [InputFile] = []
        /// The number of rows from the first on with which outputs are compared. Ranges are found from as many rows after them where
        /// there are enough, so that a form is judged by rows that it has not seen.
        package var comparedRows: Int
        package var form: ModelForm
        /// The nodes that stay in float.
        package var float: [String]
        /// The path of the folder to write to, which is made where it is missing.
        package var directory: String
        package var task: Task

        package init(
            model: InputFile, adapter: String? = nil, data: InputFile?, comparedRows: Int, form: ModelForm, float: [String] = [],
            directory: String, task: Task = .write
        ) {
            self.model = model
            self.adapter = adapter
            self.data = data
            self.comparedRows = comparedRows
            self.form = form
            self.float = float
            self.directory = directory
            self.task = task
        }

        /// The name of a rewritten model in its folder.
        package static let name = VersionFile.model
    }
}

/// Holds what an attempt that writes a model in another form did.
package struct Rewriting: Codable, Sendable, Hashable {
    /// Names a layer, and how far the outputs are from those of the original where it alone has the form.
    package struct LayerError: Codable, Sendable, Hashable {
        package var layer: String
        /// The L2 norm of the difference by that of the original, of the output where it is largest.
        package var relativeError: Double

        package init(layer: String, relativeError: Double) {
            self.layer = layer
            self.relativeError = relativeError
        }
    }

    /// The nodes that have the form; of float16 storage, the weights.
    package var layers: [String]
    /// The parts that stay in float although they could have the form, each with the reason.
    package var left: [String: String]
    /// Tells what the passes over the graph have changed.
    package var changes: GraphChanges
    /// The number of rows from which ranges were found; nil where the form needs none.
    package var rows: Int?
    /// The layers by the error that each causes, the worst first; empty where they were not ranked.
    package var ranking: [LayerError] = []
    /// The most memory that the process has had so far, in bytes.
    package var peakBytes: Int64

    package init(layers: [String], left: [String: String], changes: GraphChanges, rows: Int? = nil, peakBytes: Int64) {
        self.layers = layers
        self.left = left
        self.changes = changes
        self.rows = rows
        self.peakBytes = peakBytes
    }
}
