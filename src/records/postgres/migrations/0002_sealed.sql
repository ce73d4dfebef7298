-- People as in an SQLite file: personal values as bytes that may be sealed (src/records/seal.rs, packed.rs), and two sides of them, one
-- read while the other is written. What was in the tables before is carried over by the program, which then drops them.

ALTER TABLE meta DROP CONSTRAINT meta_pepper_check;
UPDATE meta SET pepper = '\x00'::bytea || pepper;               -- sealed: the key of all hashes here; it says too whether all is sealed
ALTER TABLE meta ADD COLUMN side smallint NOT NULL DEFAULT 0 CHECK (side IN (0, 1));  -- which is read
ALTER TABLE meta ADD COLUMN rekeying bytea;                     -- the ID of the key that the other side is being sealed anew by

-- Who is, or was lately, in the records: the same number from month to month, and nobody else's ever.
CREATE SEQUENCE people_numbers;
CREATE TABLE people (
    person  bigint PRIMARY KEY,
    id_hash bytea  NOT NULL UNIQUE CHECK (length(id_hash) = 32)  -- of the ID number
);

CREATE TABLE records (
    side     smallint NOT NULL,
    person   bigint   NOT NULL,
    identity bytea    NOT NULL,                         -- sealed
    payments bytea    NOT NULL,                         -- sealed
    card     bytea    CHECK (length(card) = 32),        -- the hash of the card number's digits
    card_end bytea    CHECK (length(card_end) = 32),    -- of the last eight of them
    personal bytea    CHECK (length(personal) = 32),    -- of the number under which the agency keeps the person
    PRIMARY KEY (side, person)
) PARTITION BY LIST (side);

CREATE TABLE records_a PARTITION OF records FOR VALUES IN (0);
CREATE TABLE records_b PARTITION OF records FOR VALUES IN (1);

-- What is sealed gets no smaller by compressing.
ALTER TABLE records_a ALTER identity SET STORAGE EXTERNAL, ALTER payments SET STORAGE EXTERNAL;
ALTER TABLE records_b ALTER identity SET STORAGE EXTERNAL, ALTER payments SET STORAGE EXTERNAL;

CREATE INDEX records_by_card ON records (card) WHERE card IS NOT NULL;
CREATE INDEX records_by_card_end ON records (card_end) WHERE card_end IS NOT NULL;
CREATE INDEX records_by_personal ON records (personal) WHERE personal IS NOT NULL;

-- Sealed: six digits are soon tried against a hash that lies open.
ALTER TABLE passwords ALTER COLUMN hash TYPE bytea USING '\x00'::bytea || convert_to(hash, 'UTF8');

-- What a server gathers of columns, to plan by, holds some of their values.
ALTER TABLE meta ALTER pepper SET STATISTICS 0;
ALTER TABLE records ALTER identity SET STATISTICS 0, ALTER payments SET STATISTICS 0;
ALTER TABLE passwords ALTER hash SET STATISTICS 0;
ALTER TABLE cases ALTER person SET STATISTICS 0;
