-- Limits that all daemons of a ledger keep together. Nothing here is history: an empty table means that nobody sends.

-- The earliest departure that nobody has taken yet.
CREATE TABLE pace (
    name            TEXT    PRIMARY KEY,
    next            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many slots of a limit an owner may use, until when.
CREATE TABLE share (
    name            TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    wanted          INTEGER NOT NULL CHECK (wanted >= 0),
    slots           INTEGER NOT NULL CHECK (slots >= 0),
    until           INTEGER NOT NULL,
    PRIMARY KEY (name, owner)
) STRICT, WITHOUT ROWID;

-- The parts that wait on a channel, and the next block of each: releases take turns.
CREATE INDEX block_turn ON block (channel, part, next_due) WHERE lease_owner IS NULL AND next_due IS NOT NULL;
