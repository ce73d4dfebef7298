-- Which version of menus and prompts served a call: the digest it is kept under. NULL where that was not known.

ALTER TABLE calls ADD COLUMN version TEXT CHECK (length(version) <= 64);
