-- What a person or a look has to decide. What is under way is found by its block, so that no index changes twice with every mail.
DROP INDEX delivery_unresolved;
CREATE INDEX delivery_unresolved ON delivery (id) WHERE state IN ('unknown', 'parked', 'quarantined');
