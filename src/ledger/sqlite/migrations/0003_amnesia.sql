-- A hold has a cause and ends only with it: what an operator resumes does not lift what a restored ledger or a
-- clock that cannot be believed demands. A clock's hold covers what was not yet public at its `since`.
CREATE TABLE hold_by_cause (
    scope           TEXT    NOT NULL CHECK (scope IN ('everything', 'channel', 'release', 'destination')),
    target          TEXT    NOT NULL,
    cause           TEXT    NOT NULL CHECK (cause IN ('operator', 'release', 'restored', 'clock')),
    reason          TEXT    NOT NULL,
    by              TEXT    NOT NULL,
    since           INTEGER NOT NULL,
    PRIMARY KEY (scope, target, cause),
    CHECK ((scope = 'everything') = (target = '')),
    CHECK (cause NOT IN ('restored', 'clock') OR scope = 'everything')
) STRICT, WITHOUT ROWID;
INSERT INTO hold_by_cause (scope, target, cause, reason, by, since)
     SELECT scope, target, cause, reason, by, since FROM hold;
DROP TABLE hold;
ALTER TABLE hold_by_cause RENAME TO hold;
