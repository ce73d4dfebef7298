-- What became of each call, of all hotlines that write here: the fields of docs/calls.md. In one transaction with whoever else
-- makes it at the same time: the advisory lock is "hotcalls" in ASCII.

BEGIN;
SELECT pg_advisory_xact_lock(7525361472544468083);
CREATE SCHEMA IF NOT EXISTS hotline_calls;
CREATE TABLE IF NOT EXISTS hotline_calls.calls (
    row                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id            bytea       NOT NULL UNIQUE CHECK (length(call_id) = 16),
    started            timestamptz NOT NULL,
    answered           timestamptz,
    ended              timestamptz NOT NULL,
    duration_ms        bigint      NOT NULL,
    called             text        NOT NULL,
    caller_masked      text,
    caller_hash        bytea,
    menu               text        NOT NULL,
    path               text        NOT NULL,
    path_cut           bigint      NOT NULL,
    path_ms            text,
    outcome            text        NOT NULL,
    ending             text,
    language           text        NOT NULL,
    person_hash        bytea,
    keys               bigint      NOT NULL,
    sip_call_hash      bytea,
    rtp_lost           bigint,
    rtp_jitter_us      bigint,
    keys_rfc4733       bigint,
    keys_info          bigint,
    keys_in_band       bigint,
    keys_twice         bigint,
    trunk              text,
    version            text,
    person_asked_ms    bigint,
    person_answered_ms bigint,
    repeated           boolean     NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_start ON hotline_calls.calls (started);
COMMIT;
