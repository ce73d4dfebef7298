-- Everybody's number by the hash of the ID number: who is in the next month too keeps it, and nobody is ever given another's.
CREATE TABLE marks (
    person      bigint PRIMARY KEY,
    subject     bytea  NOT NULL UNIQUE CHECK (length(subject) = 32),
    fingerprint bytea  CHECK (length(fingerprint) = 32)  -- keyed hash of all that is held; NULL of who is gone for a month
);

ALTER TABLE meta ADD numbers bigint NOT NULL DEFAULT 0;  -- the highest number that an import has given
