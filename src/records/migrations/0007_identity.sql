-- What else than ID and social security number a person can be verified by, and lock-outs that can be told apart.
-- Hashes are HMAC-SHA-256 under meta.pepper.

-- By which other names a person is found; the numbers themselves are in the sealed records.
CREATE TABLE identifiers (
    person   INTEGER PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    card     BLOB CHECK (length(card) = 32),      -- of the card number's digits
    card_end BLOB CHECK (length(card_end) = 32),  -- of the last eight of them
    personal BLOB CHECK (length(personal) = 32)   -- of the number under which the agency keeps the person
) STRICT;

CREATE INDEX identifiers_by_card ON identifiers (card);
CREATE INDEX identifiers_by_card_end ON identifiers (card_end);
CREATE INDEX identifiers_by_personal ON identifiers (personal);

-- By the hash of the ID number, so that a new month of records leaves them alone.
CREATE TABLE passwords (
    subject BLOB    PRIMARY KEY CHECK (length(subject) = 32),
    hash    TEXT    NOT NULL,                            -- Argon2id, a PHC string
    initial INTEGER NOT NULL CHECK (initial IN (0, 1)),  -- 1: must be changed before use
    changed INTEGER NOT NULL                             -- Unix milliseconds
) STRICT, WITHOUT ROWID;

ALTER TABLE lock_outs ADD COLUMN what      TEXT    NOT NULL DEFAULT 'id';  -- id-from-caller, caller, id, trunk
ALTER TABLE lock_outs ADD COLUMN label     TEXT    NOT NULL DEFAULT '';    -- a masked number, a trunk's name
ALTER TABLE lock_outs ADD COLUMN of_id     BLOB;                           -- of an id-from-caller: the hash of the ID
ALTER TABLE lock_outs ADD COLUMN of_caller BLOB;                           -- and of the number
ALTER TABLE lock_outs ADD COLUMN locks     INTEGER NOT NULL DEFAULT 0;     -- locks in a row

-- Telephones from which somebody gave a right answer for an ID.
CREATE TABLE known_callers (
    pair  BLOB    PRIMARY KEY CHECK (length(pair) = 32),
    until INTEGER NOT NULL                                 -- Unix milliseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX known_callers_by_end ON known_callers (until);

-- How many there are: counting a million rows at each write would take too long.
CREATE TABLE known_caller_count (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO known_caller_count VALUES (1, 0);

CREATE TRIGGER known_caller_added AFTER INSERT ON known_callers BEGIN
    UPDATE known_caller_count SET count = count + 1;
END;

CREATE TRIGGER known_caller_gone AFTER DELETE ON known_callers BEGIN
    UPDATE known_caller_count SET count = count - 1;
END;
