-- By which way a call's keys came: each press once, by the way that told of it first. NULL if the call was never answered.

ALTER TABLE calls ADD COLUMN keys_rfc4733 INTEGER;  -- by RTP's telephone-events
ALTER TABLE calls ADD COLUMN keys_info    INTEGER;  -- by SIP INFO
ALTER TABLE calls ADD COLUMN keys_in_band INTEGER;  -- as tones in the sound
ALTER TABLE calls ADD COLUMN keys_twice   INTEGER;  -- of all these, those that came by another way too
