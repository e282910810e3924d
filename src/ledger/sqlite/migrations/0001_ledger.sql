-- The ledger. Instants are microseconds since 1970 in UTC; digests are 32 bytes.
-- The tables keep the promises that the code makes: what they refuse cannot happen.

CREATE TABLE ledger_meta (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    lineage         TEXT    NOT NULL,           -- random; names this ledger for ever
    address_key     BLOB    NOT NULL,           -- random; key of the suppressed addresses' digests
    serial          INTEGER NOT NULL,           -- grows with every transaction
    created_at      INTEGER NOT NULL,
    closed_at       INTEGER,                    -- last clean end; NULL while open for dispatch
    boot_id         TEXT                        -- of the machine, when it was last opened for dispatch
) STRICT;

CREATE TABLE contact (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,   -- an erased person's number is never used again
    address         BLOB    NOT NULL UNIQUE,             -- keyed digest of the normalised address
    email           TEXT    NOT NULL,
    domain          TEXT    NOT NULL,
    name            TEXT,
    language        TEXT,
    timezone        TEXT,
    embargo_ok      INTEGER NOT NULL CHECK (embargo_ok IN (0, 1)),
    tags            TEXT    NOT NULL,                    -- JSON array
    fields          TEXT    NOT NULL,                    -- JSON object of arrays
    changed_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE suppression (
    address         BLOB    PRIMARY KEY,
    reason          TEXT    NOT NULL,
    evidence        TEXT    NOT NULL,
    since           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE hold (
    scope           TEXT    NOT NULL CHECK (scope IN ('everything', 'channel', 'release', 'destination')),
    target          TEXT    NOT NULL,
    cause           TEXT    NOT NULL CHECK (cause IN ('operator', 'release')),
    reason          TEXT    NOT NULL,
    by              TEXT    NOT NULL,
    since           INTEGER NOT NULL,
    PRIMARY KEY (scope, target, cause),
    CHECK ((scope = 'everything') = (target = ''))
) STRICT, WITHOUT ROWID;

CREATE TABLE asset (
    sha             BLOB    PRIMARY KEY,
    bytes           BLOB    NOT NULL
) STRICT;

CREATE TABLE edition (
    sha             BLOB    PRIMARY KEY,
    body            BLOB    NOT NULL                     -- JSON; its assets' bytes are in asset
) STRICT;

-- One order carried out: a release as it was issued at one time.
CREATE TABLE issued (
    id              INTEGER PRIMARY KEY,
    release         TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    notice          TEXT    NOT NULL CHECK (notice IN ('original', 'correction', 'hold', 'kill')),
    title           TEXT    NOT NULL,
    source          TEXT    NOT NULL,
    order_sha       BLOB    NOT NULL,
    revision        TEXT    NOT NULL,
    approved_by     TEXT    NOT NULL,
    publish         INTEGER NOT NULL,
    expires         INTEGER NOT NULL,
    issued_at       INTEGER NOT NULL,
    complete        INTEGER NOT NULL CHECK (complete IN (0, 1)),   -- nothing is claimable before it is 1
    UNIQUE (release, seq)
) STRICT;

-- A release on a channel; for the channel's own account, in one language.
CREATE TABLE course (
    id              INTEGER PRIMARY KEY,
    release         TEXT    NOT NULL,
    channel         TEXT    NOT NULL,
    account         TEXT    NOT NULL,                    -- the language, or '' for contacts
    UNIQUE (release, channel, account)
) STRICT;

-- Deliveries of one order that differ by recipient alone.
CREATE TABLE part (
    id              INTEGER PRIMARY KEY,
    issued          INTEGER NOT NULL REFERENCES issued (id),
    course          INTEGER NOT NULL REFERENCES course (id),
    audience        TEXT    NOT NULL,
    channel         TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    language        TEXT    NOT NULL,
    advance         INTEGER NOT NULL CHECK (advance IN (0, 1)),
    notice          TEXT    NOT NULL CHECK (notice IN ('original', 'correction', 'hold', 'kill')),
    follows         INTEGER NOT NULL CHECK (follows IN (0, 1)),    -- goes to those who have an older text
    edition         BLOB    NOT NULL REFERENCES edition (sha),
    due             INTEGER NOT NULL
) STRICT;
CREATE INDEX part_issued ON part (issued);
CREATE INDEX part_due ON part (kind, due);

-- How many deliveries of a part are in a state. Kept with every change; `verify` counts again.
CREATE TABLE tally (
    part            INTEGER NOT NULL REFERENCES part (id),
    state           TEXT    NOT NULL,
    n               INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (part, state)
) STRICT, WITHOUT ROWID;

-- Deliveries `first` to `last` of one part: what is leased as a whole.
CREATE TABLE block (
    id              INTEGER PRIMARY KEY,
    part            INTEGER NOT NULL REFERENCES part (id),
    channel         TEXT    NOT NULL,
    first           INTEGER NOT NULL,
    last            INTEGER NOT NULL,
    next_due        INTEGER,                             -- earliest due of its scheduled deliveries
    epoch           INTEGER NOT NULL DEFAULT 0,
    lease_owner     TEXT,
    lease_until     INTEGER,
    claimed         INTEGER NOT NULL DEFAULT 0 CHECK (claimed >= 0),   -- claims whose end is not known yet
    rescues         INTEGER NOT NULL DEFAULT 0,
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CHECK (lease_owner IS NOT NULL OR claimed = 0)
) STRICT;
CREATE INDEX block_part ON block (part);
CREATE INDEX block_ready ON block (channel, next_due) WHERE lease_owner IS NULL AND next_due IS NOT NULL;
CREATE INDEX block_leased ON block (lease_until) WHERE lease_owner IS NOT NULL;

CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY,
    -- Without REFERENCES, whose checks would read the whole table when an empty block is dropped; `verify` looks, and
    -- a block that has deliveries cannot be deleted.
    block           INTEGER NOT NULL,
    course          INTEGER NOT NULL REFERENCES course (id),
    recipient       INTEGER NOT NULL,                    -- the contact, or 0 for the channel's account
    -- Who sits where: an original has seat 0, a notice the number of its order, and what was given up before
    -- it left has none. So nobody gets a release twice on a channel, nor a notice of one order.
    seat            INTEGER,
    state           TEXT    NOT NULL,
    due             INTEGER NOT NULL,                    -- of the next try
    attempts        INTEGER NOT NULL DEFAULT 0,
    attempt         INTEGER,                             -- the newest
    key             BLOB    NOT NULL,
    wire_key        TEXT    NOT NULL,
    previous        INTEGER,                             -- the delivery of what the recipient has already
    remote_id       TEXT,
    url             TEXT,
    sent_at         INTEGER,
    UNIQUE (course, recipient, seat),
    CHECK (state IN ('scheduled', 'attempting', 'sent', 'failed', 'unknown', 'parked', 'bounced', 'complained',
                     'suppressed', 'cancelled', 'superseded', 'expired', 'quarantined')),
    CHECK ((state IN ('cancelled', 'superseded', 'expired')) = (seat IS NULL)),
    CHECK ((state IN ('sent', 'bounced', 'complained')) = (sent_at IS NOT NULL)),
    CHECK (length(key) = 32)
) STRICT;
CREATE INDEX delivery_unresolved ON delivery (id)
    WHERE state IN ('attempting', 'unknown', 'parked', 'quarantined');

-- Written before the try, never changed.
CREATE TABLE attempt (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery        INTEGER NOT NULL REFERENCES delivery (id),
    no              INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    owner           TEXT    NOT NULL,
    intent_at       INTEGER NOT NULL,
    deadline        INTEGER NOT NULL,
    request_sha     BLOB    NOT NULL
) STRICT;
CREATE INDEX attempt_delivery ON attempt (delivery);

-- What is known of an attempt; more than one where evidence came late. Never changed.
CREATE TABLE result (
    attempt         INTEGER NOT NULL REFERENCES attempt (id),
    no              INTEGER NOT NULL,
    outcome         TEXT    NOT NULL,
    code            INTEGER,
    enhanced        TEXT,
    text            TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    late            INTEGER NOT NULL CHECK (late IN (0, 1)),
    PRIMARY KEY (attempt, no)
) STRICT, WITHOUT ROWID;

-- Each entry's hash covers the one before it.
CREATE TABLE audit (
    seq             INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    by              TEXT    NOT NULL,
    action          TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    detail          TEXT    NOT NULL,
    hash            BLOB    NOT NULL
) STRICT;

-- The transitions of src/ledger/state.rs, in its order.
CREATE TRIGGER delivery_transition BEFORE UPDATE OF state ON delivery
WHEN NOT CASE OLD.state
    WHEN 'scheduled'   THEN NEW.state IN ('attempting', 'cancelled', 'superseded', 'expired', 'suppressed',
                                          'quarantined')
    WHEN 'attempting'  THEN NEW.state IN ('sent', 'scheduled', 'failed', 'unknown', 'quarantined')
    WHEN 'unknown'     THEN NEW.state IN ('sent', 'scheduled', 'failed', 'parked')
    WHEN 'parked'      THEN NEW.state IN ('sent', 'scheduled', 'failed')
    WHEN 'quarantined' THEN NEW.state IN ('scheduled', 'cancelled', 'superseded')
    WHEN 'sent'        THEN NEW.state IN ('bounced', 'complained')
    ELSE 0
END
BEGIN SELECT RAISE(ABORT, 'a delivery cannot change its state like that'); END;

CREATE TRIGGER delivery_begins BEFORE INSERT ON delivery WHEN NEW.state <> 'scheduled'
BEGIN SELECT RAISE(ABORT, 'a delivery begins as scheduled'); END;

CREATE TRIGGER delivery_fixed BEFORE UPDATE OF id, block, course, recipient, key, wire_key, previous ON delivery
BEGIN SELECT RAISE(ABORT, 'what a delivery is cannot be changed'); END;

CREATE TRIGGER delivery_stays BEFORE DELETE ON delivery
BEGIN SELECT RAISE(ABORT, 'deliveries are never deleted'); END;

CREATE TRIGGER block_stays BEFORE DELETE ON block WHEN OLD.last >= OLD.first
BEGIN SELECT RAISE(ABORT, 'a block with deliveries is never deleted'); END;

CREATE TRIGGER attempt_fixed BEFORE UPDATE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are never changed'); END;
CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;

CREATE TRIGGER result_fixed BEFORE UPDATE ON result
BEGIN SELECT RAISE(ABORT, 'results are never changed'); END;
CREATE TRIGGER result_stays BEFORE DELETE ON result
BEGIN SELECT RAISE(ABORT, 'results are never deleted'); END;

CREATE TRIGGER edition_fixed BEFORE UPDATE ON edition
BEGIN SELECT RAISE(ABORT, 'an edition is never changed'); END;

CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit chain is never changed'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit chain is never cut'); END;
