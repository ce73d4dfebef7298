-- Cases: what persons say is wrong with their records (Social Insurance Law, article 83). A call says the same once.

CREATE TABLE cases (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    opened    INTEGER NOT NULL,                                                -- Unix milliseconds
    subject   BLOB    NOT NULL CHECK (length(subject) = 32),                   -- hash of the ID number
    insurance INTEGER NOT NULL CHECK (insurance BETWEEN 0 AND 4),
    month     INTEGER NOT NULL,                                                -- year * 12 + month - 1
    blame     TEXT    NOT NULL CHECK (blame IN ('agency', 'employer')),
    person    BLOB    NOT NULL,                                                -- sealed: ID number, blank, number to call back
    call      BLOB    NOT NULL CHECK (length(call) = 16),
    closed    INTEGER,                                                         -- Unix milliseconds; NULL while it is open
    closed_by TEXT,
    UNIQUE (call, subject, insurance, month, blame)
) STRICT;

CREATE INDEX cases_by_subject ON cases (subject, opened);
