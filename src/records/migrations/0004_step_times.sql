-- When each step of a call's path was come to: milliseconds since it was answered, as many as `path` has names, with blanks
-- between them. NULL for a call that was not answered, or was recorded before this column was there.

ALTER TABLE calls ADD COLUMN path_ms TEXT;
