-- Every access to a person's record: who, when, what. Each line's hash follows from the one before (docs/audit.md); lines are
-- only added, and go at the beginning alone, when they have been kept for long enough.

CREATE TABLE audit (
    line    INTEGER PRIMARY KEY,                              -- 1, 2, 3 … without a gap
    act     BLOB NOT NULL UNIQUE CHECK (length(act) = 16),    -- its name: what is written twice is there once
    at      TEXT NOT NULL,                                    -- UTC, 2026-11-25T04:22:00.123Z
    who     TEXT NOT NULL CHECK (length(who) <= 80),          -- call:…, operator:… or hotline
    what    TEXT NOT NULL CHECK (length(what) <= 64),
    subject TEXT CHECK (length(subject) <= 80),               -- a keyed hash with its kind before it; NULL if it is of nobody
    outcome TEXT NOT NULL CHECK (length(outcome) <= 200),
    hash    BLOB NOT NULL CHECK (length(hash) = 32)           -- SHA-256(hash of the line before || this line)
) STRICT;

CREATE INDEX audit_by_time ON audit (at);

-- Where the chain begins: the first line that is kept, and the hash that it follows from.
CREATE TABLE audit_anchor (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    first  INTEGER NOT NULL,
    before BLOB    NOT NULL CHECK (length(before) = 32)
) STRICT;

INSERT INTO audit_anchor VALUES (1, 1, zeroblob(32));

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'a line of the audit log is never changed');
END;

CREATE TRIGGER audit_goes_at_its_beginning BEFORE DELETE ON audit WHEN OLD.line >= (SELECT first FROM audit_anchor) BEGIN
    SELECT RAISE(ABORT, 'a line of the audit log is kept until its time is over');
END;

CREATE TRIGGER audit_goes_on BEFORE INSERT ON audit
WHEN NEW.line <> (SELECT coalesce((SELECT max(line) FROM audit), (SELECT first - 1 FROM audit_anchor)) + 1) BEGIN
    SELECT RAISE(ABORT, 'a line of the audit log follows the last one');
END;

CREATE TRIGGER audit_anchor_stays BEFORE DELETE ON audit_anchor BEGIN
    SELECT RAISE(ABORT, 'the audit log has a beginning');
END;

CREATE TRIGGER audit_anchor_follows BEFORE UPDATE ON audit_anchor
WHEN NEW.first < OLD.first OR NEW.before IS NOT (SELECT hash FROM audit WHERE line = NEW.first - 1) BEGIN
    SELECT RAISE(ABORT, 'the audit log begins after a line that it has');
END;
