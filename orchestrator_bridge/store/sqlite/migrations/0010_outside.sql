-- Agents outside, and the tokens with which they come in. Of a token only the SHA-256 is kept; `terms` is JSON.
CREATE TABLE tokens (
    name         TEXT PRIMARY KEY,
    hash         TEXT NOT NULL UNIQUE,
    terms        TEXT NOT NULL,
    made_at      REAL NOT NULL,
    withdrawn_at REAL
) STRICT, WITHOUT ROWID;

-- Through which token, and by which agent outside (`outsider`), a run came; `guest`: it is made of that agent's questions alone.
ALTER TABLE runs ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN outsider TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN wish TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN guest INTEGER NOT NULL DEFAULT 0 CHECK (guest IN (0, 1));
CREATE INDEX runs_by_token ON runs (token, run) WHERE token <> '';
CREATE INDEX runs_of_guests ON runs (token, run) WHERE status = 'running' AND guest = 1;
CREATE INDEX questions_by_run ON questions (run);
-- When an agent outside was given the outcome of its question.
ALTER TABLE questions ADD COLUMN told_at REAL;
