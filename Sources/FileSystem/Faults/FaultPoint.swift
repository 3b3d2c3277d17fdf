/// A moment at which a test may end this process: one at which something has just become true on the disk, in the ledger or between
/// processes, and something else has not.
///
/// With `MILLRACE_FAULT=NAME:COUNT:FILE` in the environment, the process that reaches the point NAME for the COUNTth time ends as by
/// SIGKILL. It makes FILE first; a process that finds FILE there goes on, so that of a daemon and its workers, which inherit the
/// environment, only one ends. With `MILLRACE_FAULT_STOPS` beside it, the process stops there until it gets SIGCONT, as when its machine
/// hangs.
package enum FaultPoint: String, CaseIterable, Sendable {
    // MARK: Arriving

    /// A file has been read for its digest, and nothing is recorded of it.
    case intakeHashed = "intake.hashed"
    /// Files are about to get their numbers.
    case intakeNumber = "intake.number"
    /// Files have their numbers, and the dispatcher has not heard of them.
    case intakeNumbered = "intake.numbered"
    /// A file is recorded as refused, and has no reason in quarantine.
    case intakeRefused = "intake.refused"

    /// A folder for parts of a file that is being read for its digest is made, and nothing is scored.
    case aheadBegun = "ahead.begun"

    // MARK: Opening a run

    /// Runs are about to be opened.
    case openBegin = "open.begin"
    /// Runs are open, and no worker has an order.
    case openRecorded = "open.recorded"
    /// A run that was opened has the parts that were scored of its file before, and no worker has an order.
    case aheadTaken = "ahead.taken"
    /// An order is about to be sent to a worker.
    case orderSend = "order.send"
    /// A worker has an order that nothing else shows.
    case orderSent = "order.sent"

    // MARK: In a worker

    /// A worker has started and has not greeted.
    case workerStart = "worker.start"
    /// A worker has greeted and has no order.
    case workerGreeted = "worker.greeted"
    /// A worker has taken up an order.
    case workerOrdered = "worker.ordered"
    /// A worker has loaded the model of an attempt.
    case workerLoaded = "worker.loaded"
    /// A worker has opened the input of an attempt.
    case workerOpened = "worker.opened"
    /// A worker has written a batch of an output.
    case workerBatch = "worker.batch"
    /// A worker has written all rows of an output, whose file is not finished.
    case workerRows = "worker.rows"
    /// A worker has finished an output, whose digest is not known.
    case workerOutput = "worker.output"
    /// A worker has cut a large file, of which nothing is scored.
    case rangePlanned = "range.planned"
    /// A worker has written the part of a range, which does not have its name.
    case rangeScored = "range.scored"
    /// A part has its name, and is not in the output.
    case rangeFinished = "range.finished"
    /// A part is in the output, and others are not.
    case rangeAppended = "range.appended"
    /// A worker has written its copy of a model.
    case workerCopied = "worker.copied"
    /// A worker has tried a model and taken it.
    case workerAccepted = "worker.accepted"
    /// A worker has measured a way of executing a model.
    case workerMeasured = "worker.measured"
    /// A worker is about to answer.
    case workerAnswer = "worker.answer"
    /// A worker has answered.
    case workerAnswered = "worker.answered"

    // MARK: Training

    /// Labels are copied to be kept, under a name that nobody looks for.
    case labelsCopied = "labels.copied"
    /// Labels are kept.
    case labelsKept = "labels.kept"
    /// The rows of a training are packed, and no step is taken.
    case trainingPacked = "training.packed"
    /// A training has found where an earlier attempt of it stopped.
    case trainingResumed = "training.resumed"
    /// The tensors of a checkpoint are written, and nothing names them.
    case checkpointState = "checkpoint.state"
    /// The best tensors so far are written, and nothing names them.
    case checkpointBest = "checkpoint.best"
    /// A checkpoint is written, and older ones stand beside it.
    case checkpointWritten = "checkpoint.written"
    /// Older checkpoints are removed.
    case checkpointPruned = "checkpoint.pruned"
    /// A tuned model is written beside the one that it replaces in staging.
    case tunedWritten = "tuned.written"
    /// The model in staging is removed, and the tuned one is not in its place.
    case tunedRemoved = "tuned.removed"

    // MARK: Measuring

    /// The folder in which a model is measured is made, and nothing is measured.
    case measureBegun = "measure.begun"
    /// A model is measured, and nothing of that is kept.
    case measureMeasured = "measure.measured"
    /// The form that was chosen is kept where one was, and no choice names it.
    case measureForm = "measure.form"
    /// A choice is kept, and nobody who waits for it has it.
    case measureKept = "measure.kept"

    // MARK: Worker processes, seen from the daemon

    /// A worker process is started and has not greeted.
    case workerSpawned = "worker.spawned"
    /// The process of an attempt has died.
    case workerLost = "worker.lost"
    /// A worker process has ended, and no other is started in its place.
    case workerRemoved = "worker.removed"
    /// What a killed process had written is removed, and its attempt is about to begin anew.
    case workerAgain = "worker.again"

    // MARK: Workers on other machines, seen from the daemon

    /// The folder of a hand-out to a worker elsewhere is made, and nobody has the order.
    case awayMade = "away.made"
    /// A worker elsewhere has an order that nothing but its folder shows.
    case awaySent = "away.sent"
    /// A daemon has taken over what a worker had before it joined.
    case awayAdopted = "away.adopted"
    /// The files of a worker elsewhere are as it has answered, and still lie in the folder of the hand-out.
    case awayCompared = "away.compared"
    /// What a worker elsewhere has written is where the attempt was to write, and its answer is taken by nobody.
    case awayHome = "away.home"

    // MARK: Landing

    /// The daemon has an answer and has done nothing about it.
    case answerTaken = "answer.taken"
    /// A round of outputs begins.
    case landBegin = "land.begin"
    /// The files of a round are about to be synced.
    case landSync = "land.sync"
    /// What is about to be published is about to be recorded.
    case landIntend = "land.intend"
    /// What is about to be published is recorded.
    case landIntended = "land.intended"
    /// The files of a round are durable and recorded, and none is visible.
    case landSynced = "land.synced"
    /// An output is about to get its name.
    case landRename = "land.rename"
    /// An output is about to replace one that was published before.
    case landReplace = "land.replace"
    /// An output has its name, and its folder is not synced.
    case landRenamed = "land.renamed"
    /// The folders of a round are synced, and its manifests do not have it.
    case landFolders = "land.folders"
    /// Lines are written to a manifest and not synced.
    case manifestWritten = "manifest.written"
    /// Lines are durable in a manifest, and where they are signed its head does not name them.
    case manifestSynced = "manifest.synced"
    /// The manifests have a round that the ledger has not closed.
    case landListed = "land.listed"
    /// What was decided about runs is about to be recorded.
    case closeBegin = "close.begin"
    /// What was decided about runs is recorded, and nothing of what follows is done.
    case closeRecorded = "close.recorded"

    // MARK: Model versions

    /// A version is about to get its number.
    case versionReserve = "version.reserve"
    /// A version has its number.
    case versionReserved = "version.reserved"
    /// A model is copied for the next training, under a name that nobody looks for.
    case floatCopied = "float.copied"
    /// The files of a version are together, without their card.
    case versionMoved = "version.moved"
    /// A version is whole and not visible.
    case versionStaged = "version.staged"
    /// A version has its name, and its folder is not synced.
    case versionRenamed = "version.renamed"
    /// A version is durable, and `ACTIVE` does not name it.
    case versionLanded = "version.landed"
    /// The signature of the next `ACTIVE` is written, where one is, and `ACTIVE` is as it was.
    case activeSigned = "active.signed"
    /// `ACTIVE` is replaced, and the signature beside it is that of the one before, where there is one.
    case activeReplaced = "active.replaced"
    /// `ACTIVE` names a version that the ledger does not have.
    case versionActive = "version.active"
    /// The ledger has let an old version go, which still stands.
    case versionPruned = "version.pruned"
    /// The card of an old version is kept, and the version stands.
    case versionCard = "version.card"
    /// An old version has left its place and is not removed.
    case versionAway = "version.away"
    /// Models for training that no version needs are about to be removed.
    case floatPruned = "float.pruned"
    /// Labels are recorded as learnt from, and still stand in their spool.
    case labelsDecided = "labels.decided"
    /// A training is recorded, and its checkpoints still stand.
    case trainingDiscard = "training.discard"

    // MARK: Inputs that leave

    /// An input is done and about to leave its spool.
    case disposeBegin = "dispose.begin"
    /// A plan says which files leave a spool, where they still are.
    case removePlanned = "remove.planned"
    /// Files have left a spool and are not checked.
    case removeTaken = "remove.taken"
    /// Files that have left a spool are what was read.
    case removeChecked = "remove.checked"
    /// A file that leaves is copied to another mount, under no name.
    case removeCopied = "remove.copied"
    /// A file that leaves has its name in the archive or in quarantine, and its folder is not synced.
    case removeArchived = "remove.archived"
    /// A file that leaves is deleted, and its plan stands.
    case removeDeleted = "remove.deleted"
    /// Files that are not what was read are about to be given back.
    case removeReturning = "remove.returning"
    /// A reason stands in quarantine, and its input is still in the spool.
    case quarantineReason = "quarantine.reason"
    /// An input is in quarantine, and the ledger does not know.
    case quarantineMoved = "quarantine.moved"
    /// A reason whose cause is gone is about to be removed.
    case reasonClear = "reason.clear"
    /// Deleted inputs are recorded, and their outputs still stand.
    case inputsDeleted = "inputs.deleted"
    /// The manifests say that outputs are removed which still stand.
    case removalListed = "removal.listed"
    /// Outputs are removed, and the ledger waits for that.
    case removalRemoved = "removal.removed"

    // MARK: What holds for all of them

    /// A small file of ours is durable beside the one that it replaces.
    case replaceBegin = "replace.begin"
    /// A small file of ours has its name, and its folder is not synced.
    case replaceRenamed = "replace.renamed"
    /// A transaction of the ledger is about to be committed.
    case ledgerCommit = "ledger.commit"
    /// A transaction of the ledger is committed.
    case ledgerCommitted = "ledger.committed"

    // MARK: Beside the files

    /// The columns or types of a first file are recorded, and its output has not landed.
    case pinsRecorded = "pins.recorded"
    /// A target was told of an event, and the ledger does not know.
    case notifyTold = "notify.told"
    /// The ledger knows that a target was told.
    case notifyNoted = "notify.noted"
    /// What a command asked for is about to be done.
    case requestBegin = "request.begin"
    /// What a command asked for is recorded, and nothing of what follows is done.
    case requestRecorded = "request.recorded"
    /// Changed pipelines are read and not in force.
    case editBegin = "edit.begin"
    /// Changed pipelines are in force for files that arrive, and the dispatcher has not heard of them.
    case editInForce = "edit.in-force"
    /// A file that `retain` does not keep is removed.
    case retentionFile = "retention.file"
    /// Labels are recorded as let go, and are still kept.
    case retentionLabels = "retention.labels"
    /// History that `retain` does not keep is forgotten.
    case retentionHistory = "retention.history"

    // MARK: A copy of the ledger for another host

    /// A transaction is committed, and the copy does not know of it.
    case copyBegin = "copy.begin"
    /// The copy knows of a transaction that is about to have effects.
    case copySynced = "copy.synced"
    /// Another journal is begun, and the whole copy that it follows is not made.
    case copyBegun = "copy.begun"
    /// The ledger is copied anew, and what was copied before still stands.
    case copyWhole = "copy.whole"

    // MARK: Taking over

    /// A state folder says which epoch it is of, and the work folder does not.
    case epochNoted = "epoch.noted"
    /// The work folder says that another epoch has begun, and everything of older ones still has its place.
    case epochRaised = "epoch.raised"
    /// Nothing of older epochs has its place any more, and the ledger is not here.
    case epochTaken = "epoch.taken"
    /// The ledger of an older epoch is here.
    case epochRestored = "epoch.restored"

    // MARK: Starting

    /// A daemon has the lock of its root.
    case startLocked = "start.locked"
    /// A daemon has its ledger open and has settled nothing.
    case startLedger = "start.ledger"
    /// The folders of a renamed pipeline have its new name, and the ledger has the former one.
    case renameMoved = "rename.moved"
    /// The ledger has the new name of a pipeline.
    case renameRecorded = "rename.recorded"
    /// A lost ledger is about to be restored.
    case restoreBegin = "restore.begin"
    /// A lost ledger is restored.
    case restoreRecorded = "restore.recorded"
    /// The folder of a claim is there and does not say whose it is.
    case claimMade = "claim.made"
    /// A claim says whose it is.
    case claimHeld = "claim.held"
    /// An output that an earlier daemon intended has landed, and its run is open.
    case recoverOutput = "recover.output"
    /// A version that an earlier daemon made visible is found, and its run is open.
    case recoverModel = "recover.model"
    /// Runs of an earlier daemon are recorded as interrupted.
    case recoverInterrupted = "recover.interrupted"
    /// What an earlier daemon was about to take out of a spool is found.
    case recoverRemoval = "recover.removal"
    /// The runs of an earlier daemon are settled.
    case startRecovered = "start.recovered"
    /// The inputs that were on their way are settled.
    case startInputs = "start.inputs"
    /// Staging is empty.
    case startSwept = "start.swept"
    /// The threads of a daemon run.
    case startRunning = "start.running"
}
