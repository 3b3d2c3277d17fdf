extension Rule {
    /// One sentence that states the rule.
    package var sentence: String { words.sentence }

    /// The remedy that helps in general; an explanation may have a better one.
    package var remedy: String { words.remedy }

    private var words: (sentence: String, remedy: String) {
        switch self {
        case .arrivalDone:
            ("One arrival has one published result.", "Nothing; `millrace replay` does it again under the present version and revision.")
        case .arrivalRunning: ("One arrival has one run, whose attempts follow one another.", "Nothing.")
        case .arrivalChanged:
            ("An arrival is a path with its content: new content is a new arrival.", "Nothing; it is numbered when it has settled.")
        case .arrivalForgotten:
            ("What was blocked and is gone or settled is forgotten with `millrace forget`.", "Drop it again if it is wanted.")

        case .inputGone: ("An arrival needs its file.", "Drop it again if it is wanted.")
        case .inputDeleted:
            ("With `on_input_deleted: remove` an output goes with its input.", "Drop the file again: it is then done again.")
        case .inputChanged: ("What is read must stay as it was numbered.", "Nothing; it is taken up again when it is quiet.")
        case .inputUnreadable:
            ("The daemon must be able to read a file.", "Give the daemon's user permission to read it, or mend the disk that it is on.")
        case .directoryUnreadable:
            ("The daemon must be able to list a directory.", "Give the daemon's user read and search permission on it.")
        case .spoolOutside: ("Only spools are watched.", "Drop the file into one of the pipeline's spools.")
        case .spoolDirectory: ("The files in a directory are arrivals, the directory is none.", "Ask about a file in it.")
        case .settleSeal: ("A file is whole when its format's own structure says so.", "Finish writing it.")
        case .settleQuiet:
            (
                "A format that cannot show that it is whole must be quiet for `settle.quiet`.",
                "Nothing. A rename into place needs no quiet time."
            )
        case .settleNumber: ("A file that has settled is numbered by the daemon.", "Nothing. The daemon takes it up by itself.")
        case .nameInclude:
            ("A spool takes the names that its `include` lists.", "Give it a name that `include` takes, or add a pattern to `include`.")
        case .nameHidden: ("Names that begin with a dot are not taken.", "Nothing, if it is no arrival; else rename it.")
        case .nameUnderscore: ("Names that begin with an underscore are not taken.", "Nothing, if it is no arrival; else rename it.")
        case .nameTemporary: ("Names that writers give to unfinished files are not taken.", "Nothing, if it is no arrival; else rename it.")
        case .nameConflict:
            (
                "Copies of the losing side of a conflict are not taken.",
                "Resolve the conflict, and drop the right content under the plain name."
            )
        case .nameSystem: ("Files that a desktop, an editor or a file system keeps for itself are not taken.", "Nothing.")
        case .nameSignature: ("A signature, `NAME.sig`, is read with the file that it is of.", "Ask about that file.")
        case .nameControl: ("A name has no control characters.", "Rename it to printable characters.")
        case .nameEncoding: ("A name is valid UTF-8.", "Rename it to UTF-8, for example with convmv.")
        case .linkDangling: ("A symbolic link leads to a file.", "Drop the file itself, or make the link's target first.")
        case .linkOutward: ("A symbolic link leads to a file in the spool.", "Drop the file itself.")
        case .linkDirectory: ("A directory is scanned where it stands, not through a link to it.", "Nothing.")
        case .specialFIFO, .specialSocket, .specialDevice, .specialUnknown:
            ("Only regular files are arrivals.", "Remove it, or drop a regular file under this name.")

        case .trustMissing:
            (
                "Where `trust` wants signatures, a file may stand without one for `settle.give_up`.",
                "Put the signature beside it, as NAME.sig; it is taken up as soon as that is there."
            )
        case .trustInvalid:
            (
                "Where `trust` wants signatures, a file is admitted that one of the keys has signed as it is.",
                "Sign the file and replace NAME.sig; or, after adding the signer's key to `trust`, `millrace retry`."
            )

        case .waitPaused: ("A paused pipeline starts nothing.", "`millrace resume` starts it again.")
        case .waitModel:
            ("Data and labels wait for the models that arrived before them.", "Nothing; `millrace explain` says what that model waits for.")
        case .waitFirstVersion:
            (
                "Data and labels wait for a first version.",
                "Drop a model into the pipeline's models spool; `millrace models` lists what was rejected."
            )
        case .waitLabels:
            (
                "Labels are learnt from one file at a time, in order; with `order: strict` data waits for that too.",
                "Nothing; `millrace explain` says what that file waits for."
            )
        case .waitRetry:
            ("A failed attempt is repeated after a pause, `on_error.backoff`.", "Nothing; or `millrace retry`, to try at once.")
        case .waitMachine:
            ("Faults of the machine are waited for.", "Mend what is said there: it goes on by itself, and no attempt is counted.")
        case .waitTurn: ("Arrivals start in order, as there is room.", "Nothing.")

        case .dataInvalid: ("A data file is what its pipeline says it is.", "Mend the file and drop it again, or change the pipeline.")
        case .dataTruncated:
            (
                "A file that is not whole may stand unchanged for `settle.give_up`.",
                "Write the file again; it is taken up as soon as it is whole."
            )
        case .dataFormat: ("A data file is what its format requires.", "Write the file again and drop it in the same place.")
        case .dataColumns:
            (
                "A data file has the columns that the model and the pipeline want, in the order of the first file.",
                "Mend the file, or say in the pipeline's schema what is meant."
            )
        case .dataValue:
            ("Each value is one that its model input can take.", "Mend the file, or say in the pipeline's schema what is meant.")
        case .dataUnsupported: ("A data file is of a format and of types that are read.", "Drop it in another format.")
        case .limitColumns:
            (
                "A table has at most 100,000 columns, an archive as many arrays, and an object inside of another 1,000 keys.",
                "Keep more values in a row as a list."
            )
        case .limitNesting: ("Lists, objects and structs are at most 100 deep in one another.", "Write the file with fewer levels.")
        case .limitRow:
            (
                "A row has at most 16 MiB of text or 256 MiB of an array, and a row of an array at least one byte.",
                "Divide what is in one row into several, or close the quote that is open; save arrays that have elements."
            )
        case .limitCompression:
            (
                "Compressed bytes unpack to at most 250 times as many, once 4 GiB of text or 512 MiB of an array are unpacked.",
                "Write the file without compression."
            )
        case .limitHeader: ("The header of an array has at most 4,096 bytes.", "Save the array again, with numpy.save.")
        case .limitBlank: ("Text has at most 64 MiB of blank lines without a row between them.", "Write the file without them.")
        case .labelsFew: ("Training waits until there are enough labelled rows.", "Drop more labels: the rows are kept and count.")

        case .modelInvalid:
            (
                "A model is sound, safe, and of operators that the engine has.",
                "Export the model again, and check it with `millrace inspect`."
            )
        case .modelTruncated:
            (
                "A model that is not whole may stand unchanged for `settle.give_up`.",
                "Write it again; it is taken up as soon as it is whole."
            )
        case .limitModel:
            (
                "A model is of at most 5,000,000 messages, 100 deep in one another, and of 2 GiB without its external data.",
                "Export it again, with its weights as external data."
            )
        case .modelCost:
            (
                "What an engine does with a model before it has data is bounded: nodes, constants that it computes, turns of loops.",
                "Export the model with fewer repeated parts, and store what its constants give instead of computing it."
            )
        case .modelSignature: ("A model's inputs and outputs fit the pipeline's schema.", "Export it for the schema, or change the schema.")
        case .modelRows:
            (
                "A new model can score the rows that the version before it scored.",
                "Export the model for the same columns, or change the pipeline's schema with it."
            )
        case .modelUntrainable:
            ("A model of a pipeline with `optimize` can be trained.", "`millrace gradients MODEL --list` says what can be.")
        case .modelUnavailable:
            ("The files of a published version stay as they were published.", "Restore the version's folder, or activate another version.")
        case .modelExternalDataOutside:
            (
                "A model's external data lies in the model's own directory.",
                "Save the model again with external data beside it, named by a relative path without `..`."
            )
        case .modelExternalDataLink:
            (
                "A model's external data is a file, not a link.",
                "Copy the data itself beside the model: what a link leads to can change unseen."
            )
        case .trainingGate:
            ("A trained model passes its gate, or is not taken.", "Drop more labels or better ones, or change the `optimize` stage.")
        case .trainingDiverged: ("Loss and weights stay finite in training.", "Lower the learning rate, or set `clip_norm`.")

        case .outputCollision: ("One output has one input.", "Rename or remove one of the two inputs, then `millrace retry`.")
        case .outputTaken:
            ("What is not ours is never replaced.", "Move what stands there away, or rename the input, then `millrace retry`.")
        case .outputFillsDisk:
            (
                "What is made of one file leaves room on the disk.",
                "Give the outputs a larger disk, or divide the file; then `millrace retry`."
            )

        case .attemptResources:
            ("An attempt has the memory and the files that it needs.", "Nothing: it is tried again, as `on_error` says.")
        case .attemptTime: ("An attempt takes at most `limits.time`.", "Raise `limits.time`, or divide the file.")
        case .attemptLoadTime:
            ("A model is read and loaded within `limits.load_time`.", "Raise `limits.load_time`, or make the model smaller.")
        case .attemptStandstill:
            ("An attempt begins a batch or a step at least every ten minutes.", "Make the batches smaller, or the model faster.")
        case .attemptMemory:
            (
                "An attempt takes at most `limits.memory`.",
                "Raise `limits.memory`, make `batch_size` smaller, or divide the file; then `millrace retry`."
            )
        case .attemptCancelled: ("What a stopping daemon takes back is done by the next one.", "Nothing.")
        case .attemptStopped: ("What an operator stopped is not done until someone says so.", "`millrace retry` does it again.")
        case .attemptLost: ("Each attempt answers.", "Look in the log for what was printed last.")
        case .attemptDeath:
            (
                "An attempt at which its process dies counts.",
                "Look at the file, and in the log for how the process ended; after mending what it was, `millrace retry`."
            )
        case .machineFault: ("A fault of the machine is no file's fault.", "Mend what is said there: it goes on by itself.")

        case .configUnreadable: ("A configuration file can be read.", "Check its path and its permissions.")
        case .syntax: ("A configuration file is YAML in UTF-8.", "Mend the place that is named.")
        case .documentLimit: ("A configuration file is of a bounded size.", "Write less.")
        case .unknownKey: ("A key that does not exist is refused.", "Correct its spelling, or remove it.")
        case .duplicateKey: ("A key stands once.", "Remove one of them.")
        case .missingKey: ("Keys that have no default are given.", "Add the key.")
        case .wrongType: ("A value has the type that its key takes.", "Write it as it is said there.")
        case .badValue: ("A value is one that its key takes.", "Write one that is said there.")
        case .notImplemented: ("A key that is not implemented is refused, never ignored.", "Remove it.")
        case .chain: ("Each stage gets what it takes, and what it gives lands.", "Add the spool, the stage or the landing that is missing.")
        case .overlap: ("Folders of different roles lie apart.", "Use folders that are apart.")
        case .duplicateName: ("Each pipeline has a name of its own.", "Rename one of them.")
        case .contradiction:
            (
                "A pipeline's schema and outputs fit the model and themselves.",
                "Mend the pipeline's schema or outputs, then `millrace replay`."
            )

        case .unrecorded: ("No rule was recorded.", "`millrace runs` shows the attempts.")
        }
    }
}
