-- What channels make before its time (signatures). Nothing here is history: what is lost is made again.
CREATE TABLE ahead (
    first           INTEGER PRIMARY KEY,                 -- of the stretch of deliveries, which is a block's
    last            INTEGER NOT NULL,
    stamp           BLOB    NOT NULL,                    -- of what it was made with
    made            BLOB    NOT NULL,
    CHECK (last >= first)
) STRICT;

-- With which public keys mails were signed, and until when: a record may go from the DNS some days after that.
CREATE TABLE signed_with (
    channel         TEXT    NOT NULL,
    name            TEXT    NOT NULL,                    -- where the key is published
    record          TEXT    NOT NULL,                    -- what is published there
    last_at         INTEGER NOT NULL,
    PRIMARY KEY (channel, name, record)
) STRICT, WITHOUT ROWID;
