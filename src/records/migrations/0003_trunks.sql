-- Which trunk brought a call: its name in the configuration. NULL for a caller who came by none.

ALTER TABLE calls ADD COLUMN trunk TEXT;
