-- What an update of a delivery costs the server; there are two for each mail that leaves.

-- With this much room left in a page both of them stay in it, so that no index gets an entry for them.
ALTER TABLE delivery SET (fillfactor = 50);

-- A trigger that fires before a row's update has the row locked first, and the lock logged. These refuse after it as well.
DROP TRIGGER delivery_transition ON delivery;
DROP TRIGGER delivery_fixed ON delivery;

-- The transitions of src/ledger/state.rs, in its order.
CREATE TRIGGER delivery_transition AFTER UPDATE OF state ON delivery FOR EACH ROW
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

-- Whatever rows it is about: nothing in Dateline says this.
CREATE TRIGGER delivery_fixed BEFORE UPDATE OF id, block, course, recipient, key, wire_key, previous ON delivery
EXECUTE FUNCTION refuse('what a delivery is cannot be changed');
