-- What came back: bounces, complaints, answers. A report is one row for ever, so that it is taken in once.

CREATE TABLE report (
    digest          bytea   PRIMARY KEY,                 -- of what came in
    at              bigint  NOT NULL,
    source          text    NOT NULL,                    -- as dateline.yaml names it
    class           text    NOT NULL,
    delivery        bigint  REFERENCES delivery (id),    -- whose token it bore
    contact         bigint,                              -- that delivery's recipient
    release         text,
    code            integer,
    enhanced        text,
    text            text    NOT NULL,                    -- without addresses
    became          text,                                -- the state that the delivery came into by it
    counted         boolean NOT NULL,                    -- against the address
    suppressed      boolean NOT NULL,                    -- nothing more is sent to the address, because of it
    held            boolean NOT NULL,                    -- the channel was held, because of it
    CHECK (delivery IS NOT NULL OR (became IS NULL AND NOT counted AND NOT suppressed)),
    CHECK (length(digest) = 32)
);
CREATE INDEX report_delivery ON report (delivery, became) WHERE delivery IS NOT NULL;
CREATE INDEX report_contact ON report (contact, class, at) WHERE counted;
CREATE INDEX report_suppressed ON report (at, held) WHERE suppressed;

-- How many reports of a class there are.
CREATE TABLE report_tally (
    class           text    PRIMARY KEY,
    n               bigint  NOT NULL CHECK (n > 0)
);

CREATE TRIGGER report_fixed BEFORE UPDATE ON report FOR EACH ROW EXECUTE FUNCTION refuse('reports are never changed');
CREATE TRIGGER report_stays BEFORE DELETE ON report FOR EACH ROW EXECUTE FUNCTION refuse('reports are never deleted');
CREATE TRIGGER report_kept BEFORE TRUNCATE ON report EXECUTE FUNCTION refuse('reports are never deleted');

-- Answers by people, for the press desk. The mail goes when the desk has it, or when its writer is erased.
CREATE TABLE answer (
    id              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report          bytea   NOT NULL UNIQUE REFERENCES report (digest),
    contact         bigint,                              -- who wrote it, where a token says so
    release         text    NOT NULL,
    channel         text    NOT NULL,                    -- by which the release went out
    at              bigint  NOT NULL,
    state           text    NOT NULL CHECK (state IN ('waiting', 'leaving', 'done', 'unknown', 'failed')),
    tries           integer NOT NULL DEFAULT 0,
    next_at         bigint  NOT NULL,                    -- of the next try; when it began to leave
    message         bytea,
    CHECK (state NOT IN ('waiting', 'leaving') OR message IS NOT NULL)
);
CREATE INDEX answer_state ON answer (state, next_at);
CREATE INDEX answer_contact ON answer (contact) WHERE contact IS NOT NULL;

CREATE FUNCTION forget_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE answer SET message = NULL, state = CASE state WHEN 'done' THEN 'done' ELSE 'failed' END WHERE contact = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER answer_writer_erased AFTER DELETE ON contact FOR EACH ROW EXECUTE FUNCTION forget_answers();
CREATE TRIGGER answer_once BEFORE UPDATE OF state ON answer FOR EACH ROW
WHEN (OLD.state IN ('done', 'unknown') AND NEW.state IN ('waiting', 'leaving'))
EXECUTE FUNCTION refuse('an answer is forwarded once');

-- How the sources of reports are, as a daemon sees them. Nothing here is history.
CREATE TABLE source (
    name            text    PRIMARY KEY,
    problem         text,
    seen_at         bigint                               -- when it was last looked at with success, or last heard of
);
