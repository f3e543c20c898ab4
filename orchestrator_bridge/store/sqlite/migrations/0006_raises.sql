-- How much more people have granted for a day: to one channel, or (where it is empty) to all runs together.
CREATE TABLE raises (
    question INTEGER PRIMARY KEY,
    channel  TEXT NOT NULL,
    amount   TEXT NOT NULL,
    at       REAL NOT NULL
) STRICT;
CREATE INDEX raises_by_time ON raises (at);
