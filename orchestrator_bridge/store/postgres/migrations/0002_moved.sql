-- From which file `townhall migrate-store` filled the database, and how many rows each table of it had: JSON; empty if it was not.
ALTER TABLE townhall_store ADD COLUMN moved_from text NOT NULL DEFAULT '';
