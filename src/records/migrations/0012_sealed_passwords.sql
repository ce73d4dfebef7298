-- Passwords' hashes as bytes that may be sealed, as all that is personal (src/records/seal.rs): six digits are soon tried against one
-- that lies open. Those that are there lie open until `hotline records rekey` seals them, or a new one takes their place.

CREATE TABLE passwords_now (
    subject BLOB    PRIMARY KEY CHECK (length(subject) = 32),  -- the hash of the ID number
    hash    BLOB    NOT NULL,                                  -- sealed: Argon2id, a PHC string
    initial INTEGER NOT NULL CHECK (initial IN (0, 1)),        -- 1: must be changed before use
    changed INTEGER NOT NULL                                   -- Unix milliseconds
) STRICT, WITHOUT ROWID;

INSERT INTO passwords_now SELECT subject, unhex('00' || hex(CAST(hash AS BLOB))), initial, changed FROM passwords;

DROP TABLE passwords;
ALTER TABLE passwords_now RENAME TO passwords;
