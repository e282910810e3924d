//! What a delivery may not be, as questions to either database: each gives the deliveries of which it is true.
//!
//! The statements are valid in SQLite and in PostgreSQL alike; their `verify` asks them. They may read everything.

/// A statement that finds deliveries, and what is wrong with those.
pub(super) struct Contradiction {
    /// Gives numbers of deliveries.
    pub(super) sql: &'static str,
    /// As the rest of a sentence.
    pub(super) what: &'static str,
}

/// All of them.
pub(super) const CONTRADICTIONS: [Contradiction; 15] = [
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d LEFT JOIN block AS b ON b.id = d.block
             WHERE b.id IS NULL OR d.id NOT BETWEEN b.first AND b.last", what: "is outside its block" },
    // A delivery that waits in a block which will never be looked at again, or later than it is due.
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d JOIN block AS b ON b.id = d.block
             WHERE d.state = 'scheduled' AND b.lease_owner IS NULL AND b.next_due IS NULL", what: "waits where nobody looks" },
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d JOIN block AS b ON b.id = d.block
             WHERE d.state = 'attempting' AND b.lease_owner IS NULL", what: "is under way but nobody's" },
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
             WHERE (d.state = 'attempting') <> (d.attempt IS NOT NULL
                                                AND NOT EXISTS (SELECT 1 FROM result AS r WHERE r.attempt = d.attempt))", what: "is under way with a result, or has an attempt without one" },
    // Sent, and no attempt or decision says so.
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
             WHERE d.state IN ('sent', 'bounced', 'complained')
               AND NOT EXISTS (SELECT 1
                                 FROM attempt AS a JOIN result AS r ON r.attempt = a.id
                                WHERE a.delivery = d.id AND r.outcome LIKE '%sent' AND r.outcome <> 'not-sent'
                                  AND r.at = d.sent_at)", what: "is sent, but nothing says so" },
    // An attempt is missing, or there is one too many.
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
             WHERE d.attempts <> (SELECT count(*) FROM attempt AS a WHERE a.delivery = d.id)", what: "has more or fewer attempts than it counts" },
    // Seat 0 is for the original; a notice has its order's number.
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d JOIN block AS b ON b.id = d.block JOIN part AS p ON p.id = b.part
             WHERE d.seat <> CASE WHEN p.follows THEN p.issued ELSE 0 END", what: "sits where it does not belong" },
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
                   JOIN block AS b ON b.id = d.block
                   JOIN part AS p ON p.id = b.part
                   JOIN issued AS i ON i.id = p.issued
                   LEFT JOIN course AS c ON c.id = d.course
             WHERE c.id IS NULL OR c.release <> i.release OR c.channel <> p.channel OR b.channel <> p.channel", what: "is on another course than it was issued for" },
    // A notice follows what its recipient has on the same course; an original follows nothing.
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d JOIN block AS b ON b.id = d.block JOIN part AS p ON p.id = b.part
             WHERE CASE WHEN p.follows
                        THEN NOT EXISTS (SELECT 1
                                           FROM delivery AS o
                                          WHERE o.id = d.previous AND o.course = d.course AND o.recipient = d.recipient)
                        ELSE d.previous IS NOT NULL END", what: "follows what its recipient does not have" },
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d JOIN block AS b ON b.id = d.block JOIN part AS p ON p.id = b.part
             WHERE d.due < p.due", what: "would leave before its time" },
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
             WHERE d.attempt IS DISTINCT FROM (SELECT max(a.id) FROM attempt AS a WHERE a.delivery = d.id)", what: "does not know its newest attempt" },
    // Attempts are counted from one, under an epoch that their block had, and must begin within half a minute.
    Contradiction { sql: "
            SELECT a.delivery
              FROM attempt AS a
                   LEFT JOIN delivery AS d ON d.id = a.delivery
                   LEFT JOIN block AS b ON b.id = d.block
             WHERE b.id IS NULL OR a.epoch > b.epoch OR a.deadline - a.intent_at NOT BETWEEN 0 AND 30000000
                OR a.no <> (SELECT count(*) FROM attempt AS o WHERE o.delivery = a.delivery AND o.id <= a.id)", what: "has an attempt that cannot have been" },
    // It waits or failed although an attempt of it arrived, or nothing says that it failed.
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
             WHERE (d.state IN ('scheduled', 'failed')
                    AND EXISTS (SELECT 1
                                  FROM attempt AS a JOIN result AS r ON r.attempt = a.id
                                 WHERE a.delivery = d.id AND r.outcome LIKE '%sent' AND r.outcome <> 'not-sent'))
                OR (d.state = 'failed'
                    AND NOT EXISTS (SELECT 1
                                      FROM attempt AS a JOIN result AS r ON r.attempt = a.id
                                     WHERE a.delivery = d.id AND r.outcome LIKE '%failed'))", what: "is in a state that its results contradict" },
    Contradiction { sql: "
            SELECT a.delivery
              FROM result AS r JOIN attempt AS a ON a.id = r.attempt
             WHERE r.outcome NOT IN ('sent', 'later', 'failed', 'unknown', 'not-sent', 'found sent', 'decided sent', 'decided failed',
                                     'decided to send again', 'decided to give up', 'sent once more by rule', 'parked', 'bounced',
                                     'complained')
                OR r.no NOT BETWEEN 1 AND (SELECT count(*) FROM result AS o WHERE o.attempt = r.attempt)", what: "has results that nobody can have written" },
    Contradiction { sql: "
            SELECT d.id
              FROM delivery AS d
             WHERE d.state IN ('unknown', 'parked') AND NOT EXISTS (SELECT 1 FROM doubt AS u WHERE u.delivery = d.id)", what: "is unknown, but nothing says since when" },
];
