-- What channels make before its time (signatures). Nothing here is history: what is lost is made again.
CREATE TABLE ahead (
    first           bigint  PRIMARY KEY,                 -- of the stretch of deliveries, which is a block's
    last            bigint  NOT NULL,
    stamp           bytea   NOT NULL,                    -- of what it was made with
    made            bytea   NOT NULL,
    CHECK (last >= first)
);
-- Signatures do not get smaller.
ALTER TABLE ahead ALTER COLUMN made SET STORAGE EXTERNAL;

-- With which public keys mails were signed, and until when: a record may go from the DNS some days after that.
CREATE TABLE signed_with (
    channel         text    NOT NULL,
    name            text    NOT NULL,                    -- where the key is published
    record          text    NOT NULL,                    -- what is published there
    last_at         bigint  NOT NULL,
    PRIMARY KEY (channel, name, record)
);
