-- The same conditions in other words. SQLite makes a table of its own of the words behind an IN, each time that a statement runs, for each
-- IN of three words and more: with ten of them in the conditions on a delivery that was most of what two changes of each mail cost.

-- What a CHECK says is no part of the file's content, so its text is changed in place (sqlite.org/lang_altertable.html, 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
   SET sql = replace(replace(replace(sql,
           'CHECK (state IN (''scheduled'', ''attempting'', ''sent'', ''failed'', ''unknown'', ''parked'', ''bounced'', ''complained'',
                     ''suppressed'', ''cancelled'', ''superseded'', ''expired'', ''quarantined''))',
           'CHECK (state = ''scheduled'' OR state = ''attempting'' OR state = ''sent'' OR state = ''failed'' OR state = ''unknown''
           OR state = ''parked'' OR state = ''bounced'' OR state = ''complained'' OR state = ''suppressed'' OR state = ''cancelled''
           OR state = ''superseded'' OR state = ''expired'' OR state = ''quarantined'')'),
           'CHECK ((state IN (''cancelled'', ''superseded'', ''expired'')) = (seat IS NULL))',
           'CHECK ((state = ''cancelled'' OR state = ''superseded'' OR state = ''expired'') = (seat IS NULL))'),
           'CHECK ((state IN (''sent'', ''bounced'', ''complained'')) = (sent_at IS NOT NULL))',
           'CHECK ((state = ''sent'' OR state = ''bounced'' OR state = ''complained'') = (sent_at IS NOT NULL))')
 WHERE type = 'table' AND name = 'delivery';
PRAGMA writable_schema = RESET;

DROP INDEX delivery_unresolved;
CREATE INDEX delivery_unresolved ON delivery (id) WHERE state = 'unknown' OR state = 'parked' OR state = 'quarantined';

-- The transitions of src/ledger/state.rs, in its order.
DROP TRIGGER delivery_transition;
CREATE TRIGGER delivery_transition BEFORE UPDATE OF state ON delivery
WHEN NOT CASE OLD.state
    WHEN 'scheduled'   THEN NEW.state = 'attempting' OR NEW.state = 'cancelled' OR NEW.state = 'superseded'
                            OR NEW.state = 'expired' OR NEW.state = 'suppressed' OR NEW.state = 'quarantined'
    WHEN 'attempting'  THEN NEW.state = 'sent' OR NEW.state = 'scheduled' OR NEW.state = 'failed' OR NEW.state = 'unknown'
                            OR NEW.state = 'quarantined'
    WHEN 'unknown'     THEN NEW.state = 'sent' OR NEW.state = 'scheduled' OR NEW.state = 'failed' OR NEW.state = 'parked'
    WHEN 'parked'      THEN NEW.state = 'sent' OR NEW.state = 'scheduled' OR NEW.state = 'failed'
    WHEN 'quarantined' THEN NEW.state = 'scheduled' OR NEW.state = 'cancelled' OR NEW.state = 'superseded'
    WHEN 'sent'        THEN NEW.state = 'bounced' OR NEW.state = 'complained'
    ELSE 0
END
BEGIN SELECT RAISE(ABORT, 'a delivery cannot change its state like that'); END;
