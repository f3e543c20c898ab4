-- Of every question: when it expires by our clock, what happens then, and the ids of the people whom it asks, one a line.

ALTER TABLE questions ADD COLUMN expires_at REAL;
ALTER TABLE questions ADD COLUMN silence TEXT NOT NULL DEFAULT '';
ALTER TABLE questions ADD COLUMN people TEXT NOT NULL DEFAULT '';
