-- Why people are in the book, what they picked, and what a part was issued for.

ALTER TABLE contact ADD COLUMN consent text;             -- JSON: basis, source, date

-- What a recipient picked on the preference page. It belongs to the address: a new import does not undo it.
CREATE TABLE wish (
    address         bytea   PRIMARY KEY,
    wishes          text    NOT NULL,                    -- JSON
    changed_at      bigint  NOT NULL
);

-- The most mails that a recipient may have in seven days; asked again before each mail.
ALTER TABLE part ADD COLUMN per_week bigint CHECK (per_week > 0);
-- Names the set of recipients that was ordered (src/plan/crowd.rs); NULL where nobody was listed.
ALTER TABLE part ADD COLUMN crowd bigint;
