-- The insured, their accounts and payments; who is locked out; what became of each call.
-- Months are ordinals: year * 12 + month - 1. Money is fen. Insurances: 0 pension, 1 medical, 2 unemployment,
-- 3 work injury, 4 maternity. Hashes are HMAC-SHA-256 under meta.pepper.

CREATE TABLE meta (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    pepper BLOB    NOT NULL CHECK (length(pepper) = 32),
    as_of  INTEGER,             -- the month the records are true as of; NULL while there are none
    seed   INTEGER              -- of made-up records; NULL for real ones
) STRICT;

CREATE TABLE insured (
    person    INTEGER PRIMARY KEY,
    id_number TEXT    NOT NULL UNIQUE CHECK (length(id_number) = 18),
    number    TEXT    NOT NULL CHECK (length(number) BETWEEN 1 AND 32),
    last_four TEXT    NOT NULL CHECK (length(last_four) = 4),
    kind      TEXT    NOT NULL CHECK (kind IN ('employee', 'pays-alone', 'retired'))
) STRICT;

CREATE TABLE accounts (
    person  INTEGER PRIMARY KEY REFERENCES insured ON DELETE CASCADE,
    pension INTEGER NOT NULL,
    medical INTEGER NOT NULL
) STRICT;

CREATE TABLE payments (
    person    INTEGER NOT NULL REFERENCES insured ON DELETE CASCADE,
    insurance INTEGER NOT NULL CHECK (insurance BETWEEN 0 AND 4),
    month     INTEGER NOT NULL,
    base      INTEGER NOT NULL,
    personal  INTEGER NOT NULL,
    employer  INTEGER NOT NULL,
    PRIMARY KEY (person, insurance, month)
) STRICT, WITHOUT ROWID;

CREATE TABLE lock_outs (
    subject      BLOB    PRIMARY KEY CHECK (length(subject) = 32),  -- hash of an ID or of a caller's number
    failed_at    TEXT    NOT NULL,                                  -- JSON: Unix milliseconds, oldest first
    locked_until INTEGER NOT NULL,                                  -- Unix milliseconds, 0 if not locked
    expires      INTEGER NOT NULL                                   -- Unix milliseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX lock_outs_by_expiry ON lock_outs (expires);

-- How many lock_outs there are: counting a million rows at each write would take too long.
CREATE TABLE lock_out_count (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO lock_out_count VALUES (1, 0);

CREATE TRIGGER lock_out_added AFTER INSERT ON lock_outs BEGIN
    UPDATE lock_out_count SET count = count + 1;
END;

CREATE TRIGGER lock_out_gone AFTER DELETE ON lock_outs BEGIN
    UPDATE lock_out_count SET count = count - 1;
END;

CREATE TABLE calls (
    call          INTEGER PRIMARY KEY,
    started       TEXT    NOT NULL,    -- UTC, 2026-11-25T04:22:00.123Z
    answered      TEXT,                -- UTC; NULL if never
    ended         TEXT    NOT NULL,    -- UTC
    duration_ms   INTEGER NOT NULL,    -- from answered to ended; 0 if never answered
    called        TEXT    NOT NULL,    -- the number dialled
    caller_masked TEXT,                -- all but the last two symbols are '*'; NULL if the network gave none
    caller_hash   BLOB,
    menu          TEXT    NOT NULL,
    path          TEXT    NOT NULL,    -- step names joined by ' > ', at most 4,096 bytes
    path_cut      INTEGER NOT NULL,    -- steps left out at the path's end
    outcome       TEXT    NOT NULL,    -- nothing, not-verified, locked, records-down, verified, served
    ending        TEXT,                -- hotline-hung-up, caller-hung-up, limit-reached; NULL if it was broken off
    language      TEXT    NOT NULL,    -- BCP 47
    person_hash   BLOB,                -- of the verified person; NULL if none
    keys          INTEGER NOT NULL,    -- how many, never which
    sip_call_hash BLOB,                -- of the SIP Call-ID
    rtp_lost      INTEGER,             -- packets from the caller that did not come
    rtp_jitter_us INTEGER              -- RFC 3550 interarrival jitter at the call's end
) STRICT;

CREATE INDEX calls_by_start ON calls (started);
