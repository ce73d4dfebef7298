-- A call's name, by which its record is written once, however often it is tried; and what its caller came to.

ALTER TABLE calls ADD COLUMN call_id BLOB CHECK (length(call_id) = 16);  -- as in traces and the audit log; NULL in older rows
ALTER TABLE calls ADD COLUMN person_asked_ms    INTEGER;  -- from answered until a person was asked for; NULL if none was
ALTER TABLE calls ADD COLUMN person_answered_ms INTEGER;  -- from answered until a person answered; NULL if none did
ALTER TABLE calls ADD COLUMN repeated           INTEGER NOT NULL DEFAULT 0 CHECK (repeated IN (0, 1));
    -- 1 if the same caller had called within 24 hours before

CREATE UNIQUE INDEX calls_by_id ON calls (call_id);
