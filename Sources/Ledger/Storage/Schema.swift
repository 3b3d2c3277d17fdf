import GRDB

/// Makes the tables, with one migration per released change. A migration that was released is never edited.
enum Schema {
    /// The application id "Mill", which tells our files from other SQLite databases.
    static let applicationID: Int32 = 0x4d69_6c6c

    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in try db.execute(sql: version1) }
        migrator.registerMigration("2") { db in try db.execute(sql: version2) }
        migrator.registerMigration("3") { db in try db.execute(sql: version3) }
        migrator.registerMigration("4") { db in try db.execute(sql: version4) }
        migrator.registerMigration("5") { db in try db.execute(sql: version5) }
        migrator.registerMigration("6") { db in try db.execute(sql: version6) }
        migrator.registerMigration("7") { db in try db.execute(sql: version7) }
        migrator.registerMigration("8") { db in try db.execute(sql: version8) }
        migrator.registerMigration("9") { db in try db.execute(sql: version9) }
        return migrator
    }()

    static let newest = "9"

    private static let version2 = """
        -- The columns, as a JSON list, that the first file under a revision bound in its own order.
        CREATE TABLE column_orders (
            pipeline INTEGER NOT NULL, revision INTEGER NOT NULL, input TEXT NOT NULL, columns TEXT NOT NULL, arrival INTEGER NOT NULL,
            PRIMARY KEY (pipeline, revision, input)
        ) WITHOUT ROWID;
        """

    private static let version4 = """
        -- The types that the first file under a revision gave kept columns of text.
        CREATE TABLE kept_types (
            pipeline INTEGER NOT NULL, revision INTEGER NOT NULL, column_name TEXT NOT NULL, type TEXT NOT NULL, arrival INTEGER NOT NULL,
            PRIMARY KEY (pipeline, revision, column_name)
        ) WITHOUT ROWID;
        """

    private static let version5 = """
        -- What cells of tables hold that a reason is about, as JSON, apart from the reason. Reasons from before have it in their sentence.
        ALTER TABLE arrivals ADD COLUMN cells TEXT;
        ALTER TABLE runs ADD COLUMN cells TEXT;
        ALTER TABLE attempts ADD COLUMN cells TEXT;
        ALTER TABLE model_versions ADD COLUMN cells TEXT;
        """

    private static let version6 = """
        -- What the daemon's process knows and nothing else tells, for `status`: files that nothing takes, spools that cannot be watched,
        -- work that takes long. The daemon replaces its rows and clears them when it starts.
        CREATE TABLE conditions (
            kind TEXT NOT NULL,
            pipeline TEXT NOT NULL,               -- empty: the whole daemon
            subject TEXT NOT NULL,                -- what it is about: a path, a role, a run
            text TEXT NOT NULL,                   -- for people
            facts TEXT,                           -- for programs, as JSON
            since INTEGER NOT NULL,
            PRIMARY KEY (kind, pipeline, subject)
        ) WITHOUT ROWID;
        -- How the watcher knew that the file was complete.
        ALTER TABLE arrivals ADD COLUMN settled_by TEXT;
        -- What is still to be told, and to whom. What was delivered is removed.
        CREATE TABLE notifications (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            target TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL, error TEXT, given_up_at INTEGER
        );
        CREATE INDEX notifications_due ON notifications (target, next_at, id) WHERE given_up_at IS NULL;
        -- The pipelines of which it was told that something waits long, until nothing does.
        CREATE TABLE long_waits (pipeline INTEGER PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
        -- When labelled rows were let go, so that no training learns from them after that.
        ALTER TABLE arrivals ADD COLUMN let_go_at INTEGER;
        -- After `retry`: the next attempt is bound to the revision that is in force then.
        ALTER TABLE runs ADD COLUMN rebinds INTEGER NOT NULL DEFAULT 0;
        -- Open runs that were executed when the process died; deaths: how often while nothing else was executed.
        CREATE TABLE suspects (run INTEGER PRIMARY KEY, deaths INTEGER NOT NULL);
        -- The version that stays in force until it is unpinned.
        CREATE TABLE version_pins (pipeline INTEGER PRIMARY KEY, version INTEGER NOT NULL, since INTEGER NOT NULL);
        -- Outputs that are to go, since others stand in their place elsewhere (leaving) or their input was deleted (orphaned),
        -- or that were left.
        CREATE INDEX publications_leaving ON publications (id) WHERE ended IN ('leaving', 'orphaned', 'left');
        -- Where outputs go with their inputs: the folder of the data spool. What is missing in another folder was not deleted there.
        CREATE TABLE watched_folders (pipeline INTEGER PRIMARY KEY, path TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL) WITHOUT ROWID;
        """

    private static let version7 = """
        -- The processors and engines that attempts were executed with.
        CREATE TABLE machines (
            id INTEGER PRIMARY KEY, processor TEXT NOT NULL, engine TEXT NOT NULL, engine_version TEXT NOT NULL,
            UNIQUE (processor, engine, engine_version)
        );
        -- That of the attempt that decided the run. Null where nobody knows: a process died, or the release before did it.
        ALTER TABLE runs ADD COLUMN machine INTEGER;
        ALTER TABLE attempts ADD COLUMN machine INTEGER;
        -- That of the attempt that made the output, since after a crash nothing else tells it to the run.
        ALTER TABLE publications ADD COLUMN machine INTEGER;
        -- No attempt ends the daemon's process any more.
        DROP TABLE suspects;
        """

    private static let version8 = """
        -- The way in which the model was executed, and the form of it, where measurements decide that: after a crash nothing else tells it
        -- to the manifest.
        ALTER TABLE publications ADD COLUMN execution TEXT;
        ALTER TABLE publications ADD COLUMN form_digest TEXT;
        """

    private static let version9 = """
        -- Where values of cells are stored, so that those of a pipeline that does not show them any more are found at once.
        CREATE INDEX arrivals_with_values ON arrivals (pipeline) WHERE cells IS NOT NULL;
        CREATE INDEX runs_with_values ON runs (arrival) WHERE cells IS NOT NULL;
        CREATE INDEX attempts_with_values ON attempts (run) WHERE cells IS NOT NULL;
        """

    /// The third migration adds the columns for training: what a run learns from, and what came of it.
    private static let version3 = """
        -- The labelled arrivals that a run trains on, bound when it opens.
        CREATE TABLE run_labels (run INTEGER NOT NULL, arrival INTEGER NOT NULL, PRIMARY KEY (run, arrival)) WITHOUT ROWID;
        -- What training starts from: the version's own model before anything was quantized, in the state folder by digest.
        ALTER TABLE model_versions ADD COLUMN float_digest TEXT;
        -- What this version was trained from.
        ALTER TABLE model_versions ADD COLUMN parent_digest TEXT;
        ALTER TABLE model_versions ADD COLUMN training TEXT;
        """

    private static let version1 = """
        CREATE TABLE pipelines (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE roots (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
        -- What a revision's digest stands for, so that a retry can keep it after the pipeline was edited.
        CREATE TABLE revisions (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, body TEXT);

        CREATE TABLE arrivals (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            pipeline INTEGER NOT NULL,
            role TEXT NOT NULL,
            path TEXT NOT NULL,
            digest TEXT,
            size INTEGER NOT NULL,
            arrived_at INTEGER NOT NULL,
            state TEXT NOT NULL,
            held INTEGER NOT NULL DEFAULT 0,      -- waits for its file to settle again
            replaying TEXT,                       -- replay was asked for; the state to go back to if that fails
            output_key TEXT,
            previous INTEGER,                     -- the arrival of the same path before
            run INTEGER,                          -- the newest
            verdict TEXT, reason TEXT, rule TEXT, remedy TEXT
        );
        CREATE INDEX arrivals_waiting ON arrivals (pipeline, role, number) WHERE state = 'waiting';
        CREATE INDEX arrivals_blocked ON arrivals (pipeline, number) WHERE state IN ('quarantined', 'rejected');
        CREATE INDEX arrivals_content ON arrivals (pipeline, role, digest) WHERE role <> 'data';

        -- The current arrival of each path.
        CREATE TABLE files (
            pipeline INTEGER NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL,
            device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL,
            companions INTEGER NOT NULL,
            arrival INTEGER NOT NULL,
            PRIMARY KEY (pipeline, role, path)
        ) WITHOUT ROWID;
        CREATE TABLE companions (
            arrival INTEGER NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
            device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL,
            PRIMARY KEY (arrival, path)
        ) WITHOUT ROWID;
        -- Digests of files large enough that hashing costs more than a row.
        CREATE TABLE digests (
            inode INTEGER NOT NULL, device INTEGER NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL, digest TEXT NOT NULL,
            PRIMARY KEY (inode, device)
        ) WITHOUT ROWID;
        -- Which input an output path belongs to.
        CREATE TABLE outputs (
            pipeline INTEGER NOT NULL, key TEXT NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL,
            PRIMARY KEY (pipeline, key)
        ) WITHOUT ROWID;

        CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            arrival INTEGER NOT NULL,
            kind TEXT NOT NULL,
            version INTEGER,
            revision INTEGER NOT NULL,
            state TEXT NOT NULL,
            opened_at INTEGER NOT NULL,
            closed_at INTEGER,
            attempt INTEGER NOT NULL,             -- the number of the newest
            forgiven INTEGER NOT NULL DEFAULT 0,  -- attempts that do not count
            started_at INTEGER NOT NULL,          -- of the newest attempt
            next_attempt_at INTEGER,
            row_count INTEGER,
            timings TEXT,
            reason TEXT, rule TEXT, remedy TEXT
        );
        CREATE INDEX runs_by_arrival ON runs (arrival);
        CREATE INDEX runs_open ON runs (id) WHERE state = 'open';
        -- Those that did not decide their run; the one that did is in the run.
        CREATE TABLE attempts (
            run INTEGER NOT NULL, number INTEGER NOT NULL,
            started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL, error TEXT, next_attempt_at INTEGER,
            PRIMARY KEY (run, number)
        ) WITHOUT ROWID;

        -- Intended while its run is open, published once that is done, unless ended says otherwise: closing a run touches no row here.
        CREATE TABLE publications (
            id INTEGER PRIMARY KEY,
            run INTEGER NOT NULL,
            root INTEGER NOT NULL,
            path TEXT NOT NULL,
            digest TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            replaces INTEGER,                     -- the publication that goes when this one is published
            ended TEXT                            -- replaced or removed
        );
        CREATE INDEX publications_by_run ON publications (run);
        CREATE INDEX publications_in_place ON publications (root, path) WHERE ended IS NULL;

        CREATE TABLE model_versions (
            id INTEGER PRIMARY KEY,
            pipeline INTEGER NOT NULL,
            version INTEGER,
            arrival INTEGER NOT NULL,
            run INTEGER NOT NULL,
            model_digest TEXT, source_digest TEXT,
            parent INTEGER,
            verdict TEXT NOT NULL,
            reason TEXT,
            card TEXT,
            decided_at INTEGER,
            pruned_at INTEGER
        );
        CREATE UNIQUE INDEX model_versions_by_number ON model_versions (pipeline, version);
        CREATE INDEX model_versions_by_run ON model_versions (run);
        CREATE TABLE activations (
            id INTEGER PRIMARY KEY,
            pipeline INTEGER NOT NULL, position INTEGER NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, cause TEXT NOT NULL
        );
        CREATE INDEX activations_in_order ON activations (pipeline, position, id);

        -- An empty name is every pipeline.
        CREATE TABLE pauses (pipeline TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE requests (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL, body TEXT NOT NULL, submitted_at INTEGER NOT NULL,
            answered_at INTEGER, answer TEXT
        );
        CREATE INDEX requests_pending ON requests (id) WHERE answered_at IS NULL;
        CREATE TABLE events (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL, kind TEXT NOT NULL, pipeline INTEGER, arrival INTEGER, run INTEGER, payload TEXT
        );
        -- Kept in step by every transaction, so that status need not count.
        CREATE TABLE counts (
            pipeline INTEGER NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (pipeline, role, state)
        ) WITHOUT ROWID;
        PRAGMA application_id = 0x4d696c6c;
        """
}
