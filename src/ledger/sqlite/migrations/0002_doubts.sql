-- What is known of deliveries that went wrong: deaths of the process that are put down to them, and looks at those whose
-- outcome is unknown.

-- Puts a delivery in quarantine when it is high; src/ledger/delivering.rs says how it grows.
ALTER TABLE delivery ADD COLUMN guilt INTEGER NOT NULL DEFAULT 0;
-- The claim that was counted last, so that none is counted twice.
ALTER TABLE delivery ADD COLUMN guilt_epoch INTEGER;

-- One row for each delivery that is unknown, or was.
CREATE TABLE doubt (
    delivery        INTEGER PRIMARY KEY REFERENCES delivery (id),
    since           INTEGER NOT NULL,                    -- when it became unknown
    look_at         INTEGER,                             -- when to look again; NULL where nothing is to be found out
    absent          INTEGER NOT NULL DEFAULT 0,          -- looks in a row that did not find it there
    resent          INTEGER NOT NULL DEFAULT 0 CHECK (resent IN (0, 1))   -- sent once more, by rule
) STRICT;
CREATE INDEX doubt_look ON doubt (look_at) WHERE look_at IS NOT NULL;

CREATE TRIGGER doubt_stays BEFORE DELETE ON doubt
BEGIN SELECT RAISE(ABORT, 'doubts are never deleted'); END;
CREATE TRIGGER doubt_once BEFORE UPDATE OF resent ON doubt WHEN OLD.resent = 1 AND NEW.resent = 0
BEGIN SELECT RAISE(ABORT, 'what was sent once more stays so'); END;

INSERT INTO doubt (delivery, since, look_at)
     SELECT d.id, coalesce((SELECT max(r.at) FROM result AS r WHERE r.attempt = d.attempt), d.due), 0
       FROM delivery AS d
      WHERE d.state = 'unknown';
