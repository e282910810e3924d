-- What links to a page can be held: it waits until the page is seen from outside.
ALTER TABLE hold DROP CONSTRAINT hold_scope_check;
ALTER TABLE hold ADD CONSTRAINT hold_scope_check
      CHECK (scope IN ('everything', 'channel', 'release', 'destination', 'links'));
