-- What came back: bounces, complaints, answers. A report is one row for ever, so that it is taken in once.

CREATE TABLE report (
    digest          BLOB    PRIMARY KEY,                 -- of what came in
    at              INTEGER NOT NULL,
    source          TEXT    NOT NULL,                    -- as dateline.yaml names it
    class           TEXT    NOT NULL,
    delivery        INTEGER REFERENCES delivery (id),    -- whose token it bore
    contact         INTEGER,                             -- that delivery's recipient
    release         TEXT,
    code            INTEGER,
    enhanced        TEXT,
    text            TEXT    NOT NULL,                    -- without addresses
    became          TEXT,                                -- the state that the delivery came into by it
    counted         INTEGER NOT NULL CHECK (counted IN (0, 1)),      -- against the address
    suppressed      INTEGER NOT NULL CHECK (suppressed IN (0, 1)),   -- nothing more is sent to the address, because of it
    held            INTEGER NOT NULL CHECK (held IN (0, 1)),         -- the channel was held, because of it
    CHECK (delivery IS NOT NULL OR (became IS NULL AND counted = 0 AND suppressed = 0)),
    CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_delivery ON report (delivery, became) WHERE delivery IS NOT NULL;
CREATE INDEX report_contact ON report (contact, class, at) WHERE counted = 1;
CREATE INDEX report_suppressed ON report (at, held) WHERE suppressed = 1;

-- How many reports of a class there are.
CREATE TABLE report_tally (
    class           TEXT    PRIMARY KEY,
    n               INTEGER NOT NULL CHECK (n > 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER report_fixed BEFORE UPDATE ON report
BEGIN SELECT RAISE(ABORT, 'reports are never changed'); END;
CREATE TRIGGER report_stays BEFORE DELETE ON report
BEGIN SELECT RAISE(ABORT, 'reports are never deleted'); END;

-- Answers by people, for the press desk. The mail goes when the desk has it, or when its writer is erased.
CREATE TABLE answer (
    id              INTEGER PRIMARY KEY,
    report          BLOB    NOT NULL UNIQUE REFERENCES report (digest),
    contact         INTEGER,                             -- who wrote it, where a token says so
    release         TEXT    NOT NULL,
    channel         TEXT    NOT NULL,                    -- by which the release went out
    at              INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'leaving', 'done', 'unknown', 'failed')),
    tries           INTEGER NOT NULL DEFAULT 0,
    next_at         INTEGER NOT NULL,                    -- of the next try; when it began to leave
    message         BLOB,
    CHECK (state NOT IN ('waiting', 'leaving') OR message IS NOT NULL)
) STRICT;
CREATE INDEX answer_state ON answer (state, next_at);
CREATE INDEX answer_contact ON answer (contact) WHERE contact IS NOT NULL;

CREATE TRIGGER answer_writer_erased AFTER DELETE ON contact
BEGIN
    UPDATE answer SET message = NULL, state = iif(state = 'done', 'done', 'failed') WHERE contact = OLD.id;
END;
CREATE TRIGGER answer_once BEFORE UPDATE OF state ON answer
WHEN OLD.state IN ('done', 'unknown') AND NEW.state IN ('waiting', 'leaving')
BEGIN SELECT RAISE(ABORT, 'an answer is forwarded once'); END;

-- How the sources of reports are, as the daemon sees them. Nothing here is history.
CREATE TABLE source (
    name            TEXT    PRIMARY KEY,
    problem         TEXT,
    seen_at         INTEGER                              -- when it was last looked at with success, or last heard of
) STRICT, WITHOUT ROWID;
