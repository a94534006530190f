-- The index of the node. Each table names its one writer: nobody else changes it.
-- A migration is a numbered section; what was released is never edited, only followed by the next number.
-- Times are wall clock seconds since 1970 UTC (`_s`). Digests are SHA-256 in hex.

-- migration 1

-- studies, series, instances. Writer: edge.store.instances
CREATE TABLE studies (
    study_key INTEGER PRIMARY KEY,
    study_instance_uid TEXT NOT NULL UNIQUE,
    patient_id TEXT NOT NULL DEFAULT '',
    issuer_of_patient_id TEXT NOT NULL DEFAULT '',
    patient_name TEXT NOT NULL DEFAULT '',
    patient_name_folded TEXT NOT NULL DEFAULT '',       -- lower case, no diacritics, parts by spaces: for searching
    patient_birth_date TEXT NOT NULL DEFAULT '',
    patient_sex TEXT NOT NULL DEFAULT '',
    study_date TEXT NOT NULL DEFAULT '',
    study_time TEXT NOT NULL DEFAULT '',
    accession_number TEXT NOT NULL DEFAULT '',
    study_id TEXT NOT NULL DEFAULT '',
    study_description TEXT NOT NULL DEFAULT '',
    referring_physician_name TEXT NOT NULL DEFAULT '',
    referring_physician_name_folded TEXT NOT NULL DEFAULT '',
    modalities TEXT NOT NULL DEFAULT '\',               -- \MG\US\ : sorted, one backslash around each
    series_count INTEGER NOT NULL DEFAULT 0,
    instance_count INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    kept_s REAL NOT NULL,
    changed_s REAL NOT NULL
) STRICT;
CREATE INDEX studies_by_date ON studies (study_date DESC, study_time DESC, study_key DESC);
CREATE INDEX studies_by_patient_id ON studies (patient_id);
CREATE INDEX studies_by_accession ON studies (accession_number);
CREATE INDEX studies_by_name ON studies (patient_name_folded);

-- Words of each study, folded, for search as you type. Writer: edge.store.instances
CREATE VIRTUAL TABLE study_words USING fts5 (words, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 2');

CREATE TABLE series (
    series_key INTEGER PRIMARY KEY,
    study_key INTEGER NOT NULL REFERENCES studies,
    series_instance_uid TEXT NOT NULL,
    modality TEXT NOT NULL DEFAULT '',
    series_number INTEGER,
    series_description TEXT NOT NULL DEFAULT '',
    body_part_examined TEXT NOT NULL DEFAULT '',
    laterality TEXT NOT NULL DEFAULT '',
    series_date TEXT NOT NULL DEFAULT '',
    series_time TEXT NOT NULL DEFAULT '',
    step_start_date TEXT NOT NULL DEFAULT '',
    step_start_time TEXT NOT NULL DEFAULT '',
    manufacturer TEXT NOT NULL DEFAULT '',
    station_name TEXT NOT NULL DEFAULT '',
    instance_count INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    kept_s REAL NOT NULL,
    UNIQUE (study_key, series_instance_uid)
) STRICT;
CREATE INDEX series_by_uid ON series (series_instance_uid);
CREATE INDEX series_by_modality ON series (modality, kept_s DESC);

CREATE TABLE instances (
    instance_key INTEGER PRIMARY KEY,
    series_key INTEGER NOT NULL REFERENCES series,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    sop_class_uid TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    instance_number INTEGER,
    frame_count INTEGER NOT NULL DEFAULT 1,
    content_at TEXT NOT NULL DEFAULT '',                -- YYYYMMDDHHMMSS.F of content or acquisition: for sorting
    attributes TEXT NOT NULL DEFAULT '{}',              -- further attributes, JSON, keyword -> value
    source TEXT NOT NULL DEFAULT '',
    kept_s REAL NOT NULL
) STRICT;
CREATE INDEX instances_by_series ON instances (series_key, instance_number, content_at);
CREATE INDEX instances_by_class ON instances (sop_class_uid);

-- Same UID, other bytes: the file lies in aside/. Writer: edge.store.instances
CREATE TABLE conflicts (
    conflict_key INTEGER PRIMARY KEY,
    sop_instance_uid TEXT NOT NULL,
    digest TEXT NOT NULL,
    kept_digest TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    source TEXT NOT NULL,
    seen_s REAL NOT NULL,
    UNIQUE (sop_instance_uid, digest)
) STRICT;

-- One row an instance and destination. Writer: edge.store.deliveries (the rows are made by keep(), through it)
CREATE TABLE deliveries (
    sop_instance_uid TEXT NOT NULL REFERENCES instances (sop_instance_uid),
    destination TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempt_count INTEGER NOT NULL DEFAULT 0,
    due_s REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    priority INTEGER NOT NULL DEFAULT 0,
    made_s REAL NOT NULL,
    changed_s REAL NOT NULL,
    PRIMARY KEY (sop_instance_uid, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_turn ON deliveries (destination, state, priority DESC, made_s);
CREATE INDEX deliveries_by_size ON deliveries (destination, state, size_bytes);
CREATE INDEX deliveries_by_study ON deliveries (study_instance_uid, destination, state, size_bytes);

-- One row a destination. Writer: edge.store.links, from uplink
CREATE TABLE links (
    destination TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    rate_bytes_s REAL NOT NULL,
    since_s REAL NOT NULL,
    next_try_s REAL,
    reason TEXT NOT NULL,
    changed_s REAL NOT NULL
) STRICT;

-- Bytes sent, a row a minute and destination. Writer: edge.store.links, from uplink
CREATE TABLE traffic (
    destination TEXT NOT NULL,
    minute_s INTEGER NOT NULL,
    sent_bytes INTEGER NOT NULL,
    PRIMARY KEY (destination, minute_s)
) STRICT, WITHOUT ROWID;

-- Storage commitment asked and not yet answered. Writer: edge.store.commitments, from uplink
CREATE TABLE commitments (
    transaction_uid TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    asked_s REAL NOT NULL,
    answered_s REAL
) STRICT;
CREATE TABLE commitment_instances (
    transaction_uid TEXT NOT NULL REFERENCES commitments ON DELETE CASCADE,
    sop_instance_uid TEXT NOT NULL,
    PRIMARY KEY (transaction_uid, sop_instance_uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX commitments_by_destination ON commitments (destination, answered_s);

-- Live sessions and who was invited. Writer: edge.store.sessions, from api
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    opened_s REAL NOT NULL,
    closed_s REAL,
    session TEXT NOT NULL                               -- the whole of edge.core.session.Session, JSON
) STRICT;
CREATE INDEX sessions_open ON sessions (closed_s, opened_s DESC);

CREATE TABLE invites (
    token_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions,
    role TEXT NOT NULL,
    token_digest TEXT NOT NULL UNIQUE,
    code_digest TEXT,                                   -- of the six digits; NULL once used
    code_expires_s REAL,
    made_s REAL NOT NULL,
    expires_s REAL NOT NULL,
    revoked_s REAL
) STRICT;
CREATE INDEX invites_by_session ON invites (session_id);
CREATE INDEX invites_by_code ON invites (code_digest);

-- Who may sign in. Writer: edge.store.users, from api and cli
CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_disabled INTEGER NOT NULL DEFAULT 0,
    made_s REAL NOT NULL,
    changed_s REAL NOT NULL
) STRICT;

CREATE TABLE logins (
    token_digest TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES users,
    made_s REAL NOT NULL,
    seen_s REAL NOT NULL,
    expires_s REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logins_by_name ON logins (name);

-- Slide conversions. Writer: edge.store.jobs, from convert
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    state TEXT NOT NULL,
    started_s REAL NOT NULL,
    job TEXT NOT NULL                                   -- the whole of edge.store.jobs.JobRow, JSON
) STRICT;
CREATE INDEX jobs_by_start ON jobs (started_s DESC);

-- What the hospital's worklist said last. Writer: edge.store.worklist, from uplink
CREATE TABLE worklist (
    worklist_id TEXT PRIMARY KEY,
    scheduled_at TEXT NOT NULL,                         -- YYYYMMDDHHMMSS, the hospital's local time
    entry TEXT NOT NULL                                 -- the whole of edge.core.worklist.WorklistEntry, JSON
) STRICT;
CREATE TABLE worklist_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    refreshed_s REAL,                                   -- when the hospital last answered
    asked_s REAL,                                       -- when somebody asked for a refresh. Writer: api
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO worklist_state (only_row) VALUES (1);

-- Who did what. Each row holds the digest of the one before. Writer: edge.store.audit_log
CREATE TABLE audit (
    row_number INTEGER PRIMARY KEY,
    at_s REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;

-- migration 2

-- Scans whose objects are known and served, but not written yet. Writer: edge.store.scans, from convert
CREATE TABLE scans (
    scan_id TEXT PRIMARY KEY,                           -- the job that converts it
    study_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    scan TEXT NOT NULL                                  -- the whole of edge.store.scans.Scan, JSON
) STRICT;

ALTER TABLE instances ADD COLUMN scan_id TEXT;          -- NULL: kept, its file is in objects/
CREATE INDEX instances_by_scan ON instances (scan_id) WHERE scan_id IS NOT NULL;

-- migration 3

-- Every study filter is answered from this one index, newest first, without reading the rows that do not match.
DROP INDEX studies_by_date;
CREATE INDEX studies_by_date ON studies (
    study_date DESC, study_time DESC, study_key DESC,
    patient_name_folded, patient_id, modalities, accession_number, study_description, study_instance_uid
);
DROP INDEX studies_by_name;
CREATE INDEX studies_by_name ON studies (patient_name_folded, study_date DESC, study_key DESC);
CREATE INDEX studies_by_description ON studies (study_description COLLATE NOCASE, study_date DESC, study_key DESC);
CREATE INDEX deliveries_open ON deliveries (study_instance_uid, state) WHERE state IN ('waiting', 'sending', 'held');

-- Words that people put on studies; not part of any object. Writer: edge.store.labels, from api
CREATE TABLE labels (
    label TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    made_s REAL NOT NULL,
    PRIMARY KEY (label, study_instance_uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_study ON labels (study_instance_uid, label);

-- Links that let anybody who has one read one study until they end. Writer: edge.store.shares, from api
CREATE TABLE shares (
    share_id TEXT PRIMARY KEY,
    study_instance_uid TEXT NOT NULL,
    token_digest TEXT NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    made_s REAL NOT NULL,
    expires_s REAL NOT NULL,
    revoked_s REAL,
    used_s REAL                                         -- when somebody last came with it
) STRICT;
CREATE INDEX shares_by_study ON shares (study_instance_uid, expires_s);

-- migration 4

-- Which delivery is next is read from this one index; what does not wait is not in it.
DROP INDEX deliveries_by_turn;
CREATE INDEX deliveries_waiting ON deliveries (destination, study_instance_uid, size_bytes, made_s, priority, due_s)
    WHERE state = 'waiting';
ALTER TABLE deliveries ADD COLUMN is_other_form INTEGER NOT NULL DEFAULT 0;  -- proven, but not byte for byte there

-- An evicted object keeps its row; its file comes back when somebody opens it. Writer: edge.store.evictions
ALTER TABLE instances ADD COLUMN evicted_s REAL;        -- NULL: its file is here
ALTER TABLE instances ADD COLUMN fetched_s REAL;        -- when it came back; NULL: it never left
CREATE INDEX instances_here ON instances (coalesce(fetched_s, kept_s), size_bytes)
    WHERE evicted_s IS NULL AND scan_id IS NULL;
CREATE INDEX instances_away ON instances (evicted_s, size_bytes) WHERE evicted_s IS NOT NULL;

-- What stays of a file that left: with its pixels from elsewhere, every byte of it. Writer: edge.store.evictions
CREATE TABLE remains (
    sop_instance_uid TEXT PRIMARY KEY,
    head BLOB NOT NULL,                                 -- all bytes before the pixels, deflated
    tail BLOB NOT NULL,                                 -- all bytes after them, deflated
    is_settled INTEGER NOT NULL DEFAULT 0               -- 0: the file itself may still be there, or be back
) STRICT;
CREATE INDEX remains_unsettled ON remains (sop_instance_uid) WHERE is_settled = 0;

-- Objects that are wanted back. Writer: edge.store.fetches; asked by anybody, fetched by uplink
CREATE TABLE fetches (
    sop_instance_uid TEXT PRIMARY KEY,
    study_instance_uid TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    why TEXT NOT NULL,                                  -- opened, damaged, send
    asked_s REAL NOT NULL,
    due_s REAL NOT NULL,
    attempt_count INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    temp TEXT NOT NULL DEFAULT ''                       -- of the file in incoming/ that is being written
) STRICT, WITHOUT ROWID;
CREATE INDEX fetches_by_study ON fetches (study_instance_uid);

-- When somebody last opened a study: it is not evicted under their eyes. Writer: edge.store.fetches, from api
CREATE TABLE openings (
    study_instance_uid TEXT PRIMARY KEY,
    opened_s REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- Of each minute: how long something waited to go, and how long the link was up meanwhile
ALTER TABLE traffic ADD COLUMN busy_s REAL NOT NULL DEFAULT 0;
ALTER TABLE traffic ADD COLUMN up_s REAL NOT NULL DEFAULT 0;
ALTER TABLE traffic ADD COLUMN seen_s REAL NOT NULL DEFAULT 0;

-- migration 5

-- A study is complete when nothing of it has come for a while; NULL: something may still come.
-- Writer: edge.store.instances (NULL), edge.store.completion
ALTER TABLE studies ADD COLUMN complete_s REAL;
UPDATE studies SET complete_s = changed_s;
CREATE INDEX studies_arriving ON studies (study_key) WHERE complete_s IS NULL;

-- A link that came out of an invite's code ends with that invite
ALTER TABLE invites ADD COLUMN made_from TEXT;          -- token_id of the invite whose code was exchanged

-- Requests for commitment that peers have made and whose report none has taken yet. Writer: edge.store.vouchings
CREATE TABLE vouchings (
    caller TEXT NOT NULL,
    transaction_uid TEXT NOT NULL,
    asked_s REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    objects TEXT NOT NULL,                              -- [[SOP class, SOP instance], …], JSON
    PRIMARY KEY (caller, transaction_uid)
) STRICT, WITHOUT ROWID;

-- migration 6

-- Large objects that go to a destination in parts, each an object of its own there. Writer: edge.store.parts, from uplink
CREATE TABLE parts (
    destination TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,                     -- of the whole
    number INTEGER NOT NULL,                            -- from 1
    part_uid TEXT NOT NULL,
    part_bytes_max INTEGER NOT NULL,                    -- how it was cut: it is never cut otherwise again
    state TEXT NOT NULL DEFAULT 'waiting',              -- waiting, sent, safe
    PRIMARY KEY (destination, sop_instance_uid, number)
) STRICT, WITHOUT ROWID;

-- migration 7

CREATE INDEX studies_by_completion ON studies (complete_s) WHERE complete_s IS NOT NULL;

-- migration 8

-- What the bedside has decided in an open exam: who guides, what is shown. Writer: edge.store.session_marks, from api
CREATE TABLE session_marks (
    session_id TEXT PRIMARY KEY REFERENCES sessions,
    marks TEXT NOT NULL                                 -- the whole of edge.core.session.Marks, JSON
) STRICT, WITHOUT ROWID;

-- migration 9

-- Where the items of compressed pixels lie, noted while the object came in: its file is not walked for that.
-- Writer: edge.store.instances
CREATE TABLE item_tables (
    digest TEXT PRIMARY KEY,
    items BLOB NOT NULL                                 -- see edge.dicom.items
) STRICT, WITHOUT ROWID;
