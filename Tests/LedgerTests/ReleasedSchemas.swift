/// What a ledger of schema 1 is on disk. Never edited: it stands for ledgers that exist.
let releasedSchema1 = """
    CREATE TABLE pipelines (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE roots (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
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
        held INTEGER NOT NULL DEFAULT 0,
        replaying TEXT,
        output_key TEXT,
        previous INTEGER,
        run INTEGER,
        verdict TEXT, reason TEXT, rule TEXT, remedy TEXT
    );
    CREATE INDEX arrivals_waiting ON arrivals (pipeline, role, number) WHERE state = 'waiting';
    CREATE INDEX arrivals_blocked ON arrivals (pipeline, number) WHERE state IN ('quarantined', 'rejected');
    CREATE INDEX arrivals_content ON arrivals (pipeline, role, digest) WHERE role <> 'data';
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
    CREATE TABLE digests (
        inode INTEGER NOT NULL, device INTEGER NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (inode, device)
    ) WITHOUT ROWID;
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
        attempt INTEGER NOT NULL,
        forgiven INTEGER NOT NULL DEFAULT 0,
        started_at INTEGER NOT NULL,
        next_attempt_at INTEGER,
        row_count INTEGER,
        timings TEXT,
        reason TEXT, rule TEXT, remedy TEXT
    );
    CREATE INDEX runs_by_arrival ON runs (arrival);
    CREATE INDEX runs_open ON runs (id) WHERE state = 'open';
    CREATE TABLE attempts (
        run INTEGER NOT NULL, number INTEGER NOT NULL,
        started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL, error TEXT, next_attempt_at INTEGER,
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
    CREATE TABLE publications (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        root INTEGER NOT NULL,
        path TEXT NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        replaces INTEGER,
        ended TEXT
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
    CREATE TABLE counts (
        pipeline INTEGER NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (pipeline, role, state)
    ) WITHOUT ROWID;
    PRAGMA application_id = 0x4d696c6c;
    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
    INSERT INTO grdb_migrations VALUES ('1');
    INSERT INTO pipelines VALUES (1, 'digits');
    INSERT INTO roots VALUES (1, '/out');
    INSERT INTO revisions VALUES (1, 'r1', NULL);
    INSERT INTO arrivals (number, pipeline, role, path, digest, size, arrived_at, state, output_key, run)
        VALUES (1, 1, 'data', 'a.csv', 'sha-a', 100, 1900000000000, 'done', 'a', 1);
    INSERT INTO files VALUES (1, 'data', 'a.csv', 1, 2, 100, 3, 0, 1);
    INSERT INTO outputs VALUES (1, 'a', 'data', 'a.csv');
    INSERT INTO runs (id, arrival, kind, version, revision, state, opened_at, closed_at, attempt, started_at)
        VALUES (1, 1, 'normal', 1, 1, 'done', 1900000000000, 1900000000001, 1, 1900000000000);
    INSERT INTO publications VALUES (1, 1, 1, 'a.parquet', 'sha-out', 7, NULL, NULL);
    INSERT INTO counts VALUES (1, 'data', 'done', 1);
    """
