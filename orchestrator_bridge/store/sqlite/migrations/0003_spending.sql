-- Who started a run, as `platform:id`: names are not unique. Runs from before are known by their name alone.
ALTER TABLE runs ADD COLUMN person TEXT NOT NULL DEFAULT '';
CREATE INDEX calls_by_time ON calls (at);
