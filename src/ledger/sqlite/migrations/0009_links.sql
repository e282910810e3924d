-- What links to a page can be held: it waits until the page is seen from outside.
CREATE TABLE hold_of_links (
    scope           TEXT    NOT NULL CHECK (scope IN ('everything', 'channel', 'release', 'destination', 'links')),
    target          TEXT    NOT NULL,
    cause           TEXT    NOT NULL CHECK (cause IN ('operator', 'release', 'restored', 'clock')),
    reason          TEXT    NOT NULL,
    by              TEXT    NOT NULL,
    since           INTEGER NOT NULL,
    PRIMARY KEY (scope, target, cause),
    CHECK ((scope = 'everything') = (target = '')),
    CHECK (cause NOT IN ('restored', 'clock') OR scope = 'everything')
) STRICT, WITHOUT ROWID;
INSERT INTO hold_of_links (scope, target, cause, reason, by, since)
     SELECT scope, target, cause, reason, by, since FROM hold;
DROP TABLE hold;
ALTER TABLE hold_of_links RENAME TO hold;
