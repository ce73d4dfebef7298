-- The insured, their accounts and payments; who is locked out. As in SQLite: months are ordinals, year * 12 + month - 1; money is
-- fen; insurances are 0 pension, 1 medical, 2 unemployment, 3 work injury, 4 maternity; hashes are HMAC-SHA-256 under meta.pepper.

CREATE TABLE meta (
    one    smallint PRIMARY KEY CHECK (one = 1),
    pepper bytea    NOT NULL CHECK (length(pepper) = 32),
    as_of  integer,             -- the month the records are true as of; NULL while there are none
    seed   bigint               -- of made-up records; NULL for real ones
);

CREATE TABLE insured (
    person    bigint PRIMARY KEY,
    id_number text   NOT NULL UNIQUE CHECK (length(id_number) = 18),
    number    text   NOT NULL CHECK (length(number) BETWEEN 1 AND 32),
    last_four text   NOT NULL CHECK (length(last_four) = 4),
    kind      text   NOT NULL CHECK (kind IN ('employee', 'pays-alone', 'retired'))
);

CREATE TABLE accounts (
    person  bigint PRIMARY KEY REFERENCES insured ON DELETE CASCADE,
    pension bigint NOT NULL,
    medical bigint NOT NULL
);

CREATE TABLE payments (
    person    bigint   NOT NULL REFERENCES insured ON DELETE CASCADE,
    insurance smallint NOT NULL CHECK (insurance BETWEEN 0 AND 4),
    month     integer  NOT NULL,
    base      bigint   NOT NULL,
    personal  bigint   NOT NULL,
    employer  bigint   NOT NULL,
    PRIMARY KEY (person, insurance, month)
);

-- Shared by all hotlines of this database. A verification holds pg_advisory_xact_lock of each of its subjects, by the hash's first
-- eight bytes, so that two of one subject come one after the other also where there is no row yet.
CREATE TABLE lock_outs (
    subject      bytea  PRIMARY KEY CHECK (length(subject) = 32),  -- hash of an ID or of a caller's number
    failed_at    text   NOT NULL,                                  -- JSON: Unix milliseconds, oldest first
    locked_until bigint NOT NULL,                                  -- Unix milliseconds, 0 if not locked
    expires      bigint NOT NULL                                   -- Unix milliseconds
);

CREATE INDEX lock_outs_by_expiry ON lock_outs (expires);
