-- By which other names a person is found goes with the month that is read, as what it leads to does.

CREATE TABLE names (
    side     INTEGER NOT NULL CHECK (side IN (0, 1)),  -- of records_a, of records_b
    person   INTEGER NOT NULL,
    card     BLOB CHECK (length(card) = 32),           -- the hash of the card number's digits
    card_end BLOB CHECK (length(card_end) = 32),       -- of the last eight of them
    personal BLOB CHECK (length(personal) = 32),       -- of the number under which the agency keeps the person
    PRIMARY KEY (side, person)
) STRICT, WITHOUT ROWID;

INSERT INTO names SELECT meta.side, person, card, card_end, personal FROM identifiers, meta;

-- Whom a sealing anew had written when it was broken off has no names there: it begins again.
UPDATE meta SET rekeying = NULL;

DROP TABLE identifiers;

CREATE INDEX names_by_card ON names (card) WHERE card IS NOT NULL;
CREATE INDEX names_by_card_end ON names (card_end) WHERE card_end IS NOT NULL;
CREATE INDEX names_by_personal ON names (personal) WHERE personal IS NOT NULL;
