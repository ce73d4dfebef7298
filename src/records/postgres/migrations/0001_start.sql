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
    subject      bytea   PRIMARY KEY CHECK (length(subject) = 32),
    failed_at    text    NOT NULL,            -- JSON: Unix milliseconds, oldest first
    locked_until bigint  NOT NULL,            -- Unix milliseconds, 0 if not locked
    expires      bigint  NOT NULL,            -- Unix milliseconds
    what         text    NOT NULL,            -- id-from-caller, caller, id, trunk
    label        text    NOT NULL,            -- a masked number, a trunk's name
    of_id        bytea,                       -- of an id-from-caller: the hash of the ID
    of_caller    bytea,                       -- and of the number
    locks        bigint  NOT NULL             -- locks in a row
);

CREATE INDEX lock_outs_by_expiry ON lock_outs (expires);

-- Telephones from which somebody gave a right answer for an ID.
CREATE TABLE known_callers (
    pair  bytea  PRIMARY KEY CHECK (length(pair) = 32),
    until bigint NOT NULL                     -- Unix milliseconds
);

CREATE INDEX known_callers_by_end ON known_callers (until);

-- By which other names a person is found, as hashes: of the card number's digits, of the last eight of them, of the number under
-- which the agency keeps the person.
CREATE TABLE identifiers (
    person   bigint PRIMARY KEY REFERENCES insured ON DELETE CASCADE,
    card     bytea CHECK (length(card) = 32),
    card_end bytea CHECK (length(card_end) = 32),
    personal bytea CHECK (length(personal) = 32)
);

CREATE INDEX identifiers_by_card ON identifiers (card);
CREATE INDEX identifiers_by_card_end ON identifiers (card_end);
CREATE INDEX identifiers_by_personal ON identifiers (personal);

-- By the hash of the ID number, so that a new month of records leaves them alone.
CREATE TABLE passwords (
    subject bytea   PRIMARY KEY CHECK (length(subject) = 32),
    hash    text    NOT NULL,                 -- Argon2id, a PHC string
    initial boolean NOT NULL,                 -- must be changed before use
    changed bigint  NOT NULL                  -- Unix milliseconds
);

-- What persons say is wrong with their records (Social Insurance Law, article 83). A call says the same once.
CREATE TABLE cases (
    number    bigserial PRIMARY KEY,
    opened    bigint   NOT NULL,              -- Unix milliseconds
    subject   bytea    NOT NULL CHECK (length(subject) = 32),
    insurance smallint NOT NULL CHECK (insurance BETWEEN 0 AND 4),
    month     integer  NOT NULL,
    blame     text     NOT NULL CHECK (blame IN ('agency', 'employer')),
    person    bytea    NOT NULL,              -- sealed: ID number, blank, number to call back
    call      bytea    NOT NULL CHECK (length(call) = 16),
    closed    bigint,                         -- Unix milliseconds; NULL while it is open
    closed_by text,
    UNIQUE (call, subject, insurance, month, blame)
);

CREATE INDEX cases_by_subject ON cases (subject, opened);
