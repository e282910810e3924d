-- Grows whenever more is forbidden to some recipient: an address that is suppressed, a destination that is held. Whoever sees the same
-- number as at the claim need not look at each recipient again.
ALTER TABLE ledger_meta ADD COLUMN forbidden bigint NOT NULL DEFAULT 0;

CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE ledger_meta SET forbidden = forbidden + 1 WHERE one = 1; RETURN NULL; END';

CREATE TRIGGER suppression_forbids AFTER INSERT OR UPDATE ON suppression EXECUTE FUNCTION forbid();
CREATE TRIGGER hold_forbids AFTER INSERT OR UPDATE ON hold EXECUTE FUNCTION forbid();
