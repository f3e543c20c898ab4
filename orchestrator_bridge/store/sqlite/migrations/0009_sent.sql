-- When an attempt of a call began, and the tokens that it was expected to take: limits per minute go on from them after a start.
ALTER TABLE calls ADD COLUMN began_at REAL NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN expected INTEGER NOT NULL DEFAULT 0;
