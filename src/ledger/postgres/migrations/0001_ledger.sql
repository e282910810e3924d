-- The ledger of several daemons. Instants are microseconds since 1970 in UTC; digests are 32 bytes.
-- The tables keep the promises that the code makes: what they refuse cannot happen. They mean what those of SQLite mean.

CREATE TABLE ledger_meta (
    one             integer PRIMARY KEY CHECK (one = 1),
    lineage         text    NOT NULL,           -- random; names this ledger for ever
    address_key     bytea   NOT NULL,           -- random; key of the suppressed addresses' digests
    created_at      bigint  NOT NULL,
    closed_at       bigint                      -- last clean end of the last daemon; NULL while one dispatches
);

-- Grows with every transaction. A sequence, because a row would make every daemon wait for every other.
CREATE SEQUENCE serial AS bigint;

-- Who dispatches from this ledger, or did.
CREATE TABLE daemon (
    id              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner           text,                       -- the name under which it claims
    opened_at       bigint  NOT NULL,
    seen_at         bigint  NOT NULL,           -- by the server's clock
    closed_at       bigint
);

CREATE TABLE contact (
    id              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- an erased person's number is never used again
    address         bytea   NOT NULL UNIQUE,                            -- keyed digest of the normalised address
    email           text    NOT NULL,
    domain          text    NOT NULL,
    name            text,
    language        text,
    timezone        text,
    embargo_ok      boolean NOT NULL,
    tags            text    NOT NULL,                                   -- JSON array
    fields          text    NOT NULL,                                   -- JSON object of arrays
    changed_at      bigint  NOT NULL
);

CREATE TABLE suppression (
    address         bytea   PRIMARY KEY,
    reason          text    NOT NULL,
    evidence        text    NOT NULL,
    since           bigint  NOT NULL
);

-- A hold ends only with its cause. A clock's hold covers what was not yet public at its `since`.
CREATE TABLE hold (
    scope           text    NOT NULL CHECK (scope IN ('everything', 'channel', 'release', 'destination')),
    target          text    NOT NULL,
    cause           text    NOT NULL CHECK (cause IN ('operator', 'release', 'restored', 'clock')),
    reason          text    NOT NULL,
    by              text    NOT NULL,
    since           bigint  NOT NULL,
    PRIMARY KEY (scope, target, cause),
    CHECK ((scope = 'everything') = (target = '')),
    CHECK (cause NOT IN ('restored', 'clock') OR scope = 'everything')
);

CREATE TABLE asset (
    sha             bytea   PRIMARY KEY,
    bytes           bytea   NOT NULL
);

CREATE TABLE edition (
    sha             bytea   PRIMARY KEY,
    body            bytea   NOT NULL                    -- JSON; its assets' bytes are in asset
);

-- One order carried out: a release as it was issued at one time.
CREATE TABLE issued (
    id              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release         text    NOT NULL,
    seq             bigint  NOT NULL,
    notice          text    NOT NULL CHECK (notice IN ('original', 'correction', 'hold', 'kill')),
    title           text    NOT NULL,
    source          text    NOT NULL,
    order_sha       bytea   NOT NULL,
    revision        text    NOT NULL,
    approved_by     text    NOT NULL,
    publish         bigint  NOT NULL,
    expires         bigint  NOT NULL,
    issued_at       bigint  NOT NULL,
    complete        boolean NOT NULL,                   -- nothing is claimable before it is true
    UNIQUE (release, seq)
);

-- A release on a channel; for the channel's own account, in one language.
CREATE TABLE course (
    id              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release         text    NOT NULL,
    channel         text    NOT NULL,
    account         text    NOT NULL,                   -- the language, or '' for contacts
    UNIQUE (release, channel, account)
);

-- Deliveries of one order that differ by recipient alone.
CREATE TABLE part (
    id              bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issued          bigint  NOT NULL REFERENCES issued (id),
    course          bigint  NOT NULL REFERENCES course (id),
    audience        text    NOT NULL,
    channel         text    NOT NULL,
    kind            text    NOT NULL,
    language        text    NOT NULL,
    advance         boolean NOT NULL,
    notice          text    NOT NULL CHECK (notice IN ('original', 'correction', 'hold', 'kill')),
    follows         boolean NOT NULL,                   -- goes to those who have an older text
    edition         bytea   NOT NULL REFERENCES edition (sha),
    due             bigint  NOT NULL
);
CREATE INDEX part_issued ON part (issued);
CREATE INDEX part_due ON part (kind, due);

-- How many deliveries of a part are in a state: the sum of the rows, which are appended by each transaction and folded
-- into one now and then. `verify` counts again.
CREATE TABLE tally (
    part            bigint  NOT NULL,
    state           text    NOT NULL,
    n               bigint  NOT NULL
);
CREATE INDEX tally_part ON tally (part, state);

-- Deliveries `first` to `last` of one part: what is leased as a whole.
CREATE TABLE block (
    id              bigint  PRIMARY KEY,
    part            bigint  NOT NULL REFERENCES part (id),
    channel         text    NOT NULL,
    first           bigint  NOT NULL,
    last            bigint  NOT NULL,
    next_due        bigint,                             -- earliest due of its scheduled deliveries
    epoch           bigint  NOT NULL DEFAULT 0,
    lease_owner     text,
    lease_until     bigint,                             -- by the server's clock
    claimed         bigint  NOT NULL DEFAULT 0 CHECK (claimed >= 0),    -- claims whose end is not known yet
    rescues         bigint  NOT NULL DEFAULT 0,
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CHECK (lease_owner IS NOT NULL OR claimed = 0)
) WITH (fillfactor = 70);
CREATE SEQUENCE block_id AS bigint;
CREATE INDEX block_part ON block (part);
CREATE INDEX block_ready ON block (channel, next_due, id) WHERE lease_owner IS NULL AND next_due IS NOT NULL;
-- The parts that wait on a channel, and the next block of each: releases take turns.
CREATE INDEX block_turn ON block (channel, part, next_due, id) WHERE lease_owner IS NULL AND next_due IS NOT NULL;
CREATE INDEX block_leased ON block (lease_until) WHERE lease_owner IS NOT NULL;

-- Each block takes a thousand numbers, so its deliveries stand together whoever else issues at the same time.
CREATE SEQUENCE delivery_range AS bigint INCREMENT BY 1000;

CREATE TABLE delivery (
    id              bigint  PRIMARY KEY,
    block           bigint  NOT NULL,                   -- without REFERENCES, which would lock it for each row; `verify` looks
    course          bigint  NOT NULL,
    recipient       bigint  NOT NULL,                   -- the contact, or 0 for the channel's account
    -- Who sits where: an original has seat 0, a notice the number of its order, and what was given up before
    -- it left has none. So nobody gets a release twice on a channel, nor a notice of one order.
    seat            bigint,
    state           text    NOT NULL,
    due             bigint  NOT NULL,                   -- of the next try
    attempts        integer NOT NULL DEFAULT 0,
    attempt         bigint,                             -- the newest
    key             bytea   NOT NULL,
    wire_key        text    NOT NULL,
    previous        bigint,                             -- the delivery of what the recipient has already
    remote_id       text,
    url             text,
    sent_at         bigint,
    -- Puts a delivery in quarantine when it is high; src/ledger/delivering.rs says how it grows.
    guilt           integer NOT NULL DEFAULT 0,
    guilt_epoch     bigint,                             -- the claim that was counted last, so that none is counted twice
    -- A column of its own, so that attempting and sending change no index.
    unresolved      boolean NOT NULL GENERATED ALWAYS AS (state IN ('unknown', 'parked', 'quarantined')) STORED,
    UNIQUE (course, recipient, seat),
    CHECK (state IN ('scheduled', 'attempting', 'sent', 'failed', 'unknown', 'parked', 'bounced', 'complained',
                     'suppressed', 'cancelled', 'superseded', 'expired', 'quarantined')),
    CHECK ((state IN ('cancelled', 'superseded', 'expired')) = (seat IS NULL)),
    CHECK ((state IN ('sent', 'bounced', 'complained')) = (sent_at IS NOT NULL)),
    CHECK (length(key) = 32)
) WITH (fillfactor = 70);
CREATE INDEX delivery_unresolved ON delivery (id) WHERE unresolved;

-- Written before the try, never changed.
CREATE TABLE attempt (
    id              bigint  PRIMARY KEY,
    delivery        bigint  NOT NULL,
    no              integer NOT NULL,
    epoch           bigint  NOT NULL,
    owner           text    NOT NULL,
    intent_at       bigint  NOT NULL,
    deadline        bigint  NOT NULL,
    request_sha     bytea   NOT NULL,
    UNIQUE (delivery, epoch)                            -- one claim, one attempt: never under two live epochs
);
CREATE SEQUENCE attempt_id AS bigint;

-- What is known of an attempt; more than one where evidence came late. Never changed.
CREATE TABLE result (
    attempt         bigint  NOT NULL,
    no              integer NOT NULL,
    outcome         text    NOT NULL,
    code            integer,
    enhanced        text,
    text            text    NOT NULL,
    at              bigint  NOT NULL,
    late            boolean NOT NULL,
    PRIMARY KEY (attempt, no)
);

-- One row for each delivery that is unknown, or was.
CREATE TABLE doubt (
    delivery        bigint  PRIMARY KEY REFERENCES delivery (id),
    since           bigint  NOT NULL,                   -- when it became unknown
    look_at         bigint,                             -- when to look again; NULL where nothing is to be found out
    absent          integer NOT NULL DEFAULT 0,         -- looks in a row that did not find it there
    resent          boolean NOT NULL DEFAULT false      -- sent once more, by rule
);
CREATE INDEX doubt_look ON doubt (look_at) WHERE look_at IS NOT NULL;

-- Limits that all daemons keep together. Nothing here is history: an empty table means that nobody sends.

-- The earliest departure that nobody has taken yet.
CREATE TABLE pace (
    name            text    PRIMARY KEY,
    next            bigint  NOT NULL
) WITH (fillfactor = 50);

-- How many slots of a limit an owner may use, until when by the server's clock.
CREATE TABLE share (
    name            text    NOT NULL,
    owner           text    NOT NULL,
    wanted          bigint  NOT NULL CHECK (wanted >= 0),
    slots           bigint  NOT NULL CHECK (slots >= 0),
    until           bigint  NOT NULL,
    PRIMARY KEY (name, owner)
);

-- Each entry's hash covers the one before it.
CREATE TABLE audit (
    seq             bigint  PRIMARY KEY,
    at              bigint  NOT NULL,
    by              text    NOT NULL,
    action          text    NOT NULL,
    subject         text    NOT NULL,
    detail          text    NOT NULL,
    hash            bytea   NOT NULL
);

-- The clock of leases: the server's, or for tests the one that the caller says.
CREATE FUNCTION lease_now(said bigint) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
    'SELECT coalesce(said, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)';

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION USING ERRCODE = ''check_violation'', MESSAGE = TG_ARGV[0]; END';

-- The transitions of src/ledger/state.rs, in its order.
CREATE TRIGGER delivery_transition BEFORE UPDATE OF state ON delivery FOR EACH ROW
WHEN (NOT CASE OLD.state
    WHEN 'scheduled'   THEN NEW.state IN ('attempting', 'cancelled', 'superseded', 'expired', 'suppressed',
                                          'quarantined')
    WHEN 'attempting'  THEN NEW.state IN ('sent', 'scheduled', 'failed', 'unknown', 'quarantined')
    WHEN 'unknown'     THEN NEW.state IN ('sent', 'scheduled', 'failed', 'parked')
    WHEN 'parked'      THEN NEW.state IN ('sent', 'scheduled', 'failed')
    WHEN 'quarantined' THEN NEW.state IN ('scheduled', 'cancelled', 'superseded')
    WHEN 'sent'        THEN NEW.state IN ('bounced', 'complained')
    ELSE false
END)
EXECUTE FUNCTION refuse('a delivery cannot change its state like that');

CREATE TRIGGER delivery_begins BEFORE INSERT ON delivery FOR EACH ROW WHEN (NEW.state <> 'scheduled')
EXECUTE FUNCTION refuse('a delivery begins as scheduled');

CREATE TRIGGER delivery_fixed BEFORE UPDATE OF id, block, course, recipient, key, wire_key, previous ON delivery
FOR EACH ROW EXECUTE FUNCTION refuse('what a delivery is cannot be changed');

CREATE TRIGGER delivery_stays BEFORE DELETE ON delivery
FOR EACH ROW EXECUTE FUNCTION refuse('deliveries are never deleted');
CREATE TRIGGER delivery_kept BEFORE TRUNCATE ON delivery
EXECUTE FUNCTION refuse('deliveries are never deleted');

CREATE TRIGGER block_stays BEFORE DELETE ON block FOR EACH ROW WHEN (OLD.last >= OLD.first)
EXECUTE FUNCTION refuse('a block with deliveries is never deleted');

CREATE TRIGGER attempt_fixed BEFORE UPDATE ON attempt
FOR EACH ROW EXECUTE FUNCTION refuse('attempts are never changed');
CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
FOR EACH ROW EXECUTE FUNCTION refuse('attempts are never deleted');
CREATE TRIGGER attempt_kept BEFORE TRUNCATE ON attempt
EXECUTE FUNCTION refuse('attempts are never deleted');

CREATE TRIGGER result_fixed BEFORE UPDATE ON result
FOR EACH ROW EXECUTE FUNCTION refuse('results are never changed');
CREATE TRIGGER result_stays BEFORE DELETE ON result
FOR EACH ROW EXECUTE FUNCTION refuse('results are never deleted');
CREATE TRIGGER result_kept BEFORE TRUNCATE ON result
EXECUTE FUNCTION refuse('results are never deleted');

CREATE TRIGGER doubt_stays BEFORE DELETE ON doubt
FOR EACH ROW EXECUTE FUNCTION refuse('doubts are never deleted');
CREATE TRIGGER doubt_once BEFORE UPDATE OF resent ON doubt FOR EACH ROW WHEN (OLD.resent AND NOT NEW.resent)
EXECUTE FUNCTION refuse('what was sent once more stays so');

CREATE TRIGGER edition_fixed BEFORE UPDATE ON edition
FOR EACH ROW EXECUTE FUNCTION refuse('an edition is never changed');

CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit
FOR EACH ROW EXECUTE FUNCTION refuse('the audit chain is never changed');
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION refuse('the audit chain is never cut');
CREATE TRIGGER audit_kept BEFORE TRUNCATE ON audit
EXECUTE FUNCTION refuse('the audit chain is never cut');
