-- Personal values as bytes that may be sealed, and two sides of them: one is read while the other is written.
-- A sealed value says by which key it was sealed (src/records/seal.rs); how a person is written: src/records/packed.rs.

CREATE TABLE meta_now (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    pepper   BLOB    NOT NULL,                          -- sealed: the key of all hashes here
    as_of    INTEGER,                                   -- the month the records are true as of; NULL while there are none
    seed     INTEGER,                                   -- of made-up records; NULL for real ones
    side     INTEGER NOT NULL CHECK (side IN (0, 1)),   -- which is read: 0 records_a, 1 records_b
    rekeying BLOB                                       -- the ID of the key that the other side is being sealed anew by
) STRICT;

-- Who is, or was lately, in the records: the same number from month to month, and nobody else's ever.
CREATE TABLE people (
    person  INTEGER PRIMARY KEY AUTOINCREMENT,
    id_hash BLOB    NOT NULL UNIQUE CHECK (length(id_hash) = 32)  -- of the ID number
) STRICT;

CREATE TABLE records_a (
    person   INTEGER PRIMARY KEY,
    identity BLOB    NOT NULL,      -- sealed
    payments BLOB    NOT NULL       -- sealed
) STRICT;

CREATE TABLE records_b (
    person   INTEGER PRIMARY KEY,
    identity BLOB    NOT NULL,
    payments BLOB    NOT NULL
) STRICT;
