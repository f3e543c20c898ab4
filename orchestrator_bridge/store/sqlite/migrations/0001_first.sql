-- The log is the truth; every other table is what must be found fast or survive without folding a log.
-- Times are seconds since the epoch; money is the exact text of a decimal number of US dollars.

CREATE TABLE log (
    run     INTEGER NOT NULL,
    seq     INTEGER NOT NULL CHECK (seq > 0),
    version INTEGER NOT NULL,
    event   TEXT    NOT NULL,
    action  TEXT,
    at      REAL    NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT;
-- What was answered is never paid twice.
CREATE UNIQUE INDEX log_responses ON log (run, action) WHERE event = 'responded';

CREATE TABLE runs (
    run        INTEGER PRIMARY KEY,
    task       TEXT NOT NULL,
    team       TEXT NOT NULL,
    platform   TEXT NOT NULL,
    channel    TEXT NOT NULL,
    thread     TEXT,
    started_by TEXT NOT NULL,
    status     TEXT NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'finished', 'failed', 'cancelled')),
    result     TEXT NOT NULL DEFAULT '',
    started_at REAL NOT NULL,
    ended_at   REAL,
    busy       INTEGER NOT NULL DEFAULT 1 CHECK (busy IN (0, 1))
) STRICT;
CREATE INDEX runs_by_status ON runs (status, run);
CREATE INDEX runs_busy ON runs (run) WHERE status = 'running' AND busy = 1;

CREATE TABLE questions (
    question  INTEGER PRIMARY KEY,
    run       INTEGER NOT NULL REFERENCES runs (run),
    agent     TEXT NOT NULL,
    text      TEXT NOT NULL,
    asked     TEXT NOT NULL,
    status    TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'answered', 'fallen_back', 'cancelled')),
    line      TEXT NOT NULL DEFAULT '',
    asked_at  REAL NOT NULL,
    fires_at  REAL NOT NULL,
    closed_at REAL
) STRICT;
CREATE INDEX questions_by_status ON questions (status, question);
CREATE INDEX questions_open ON questions (fires_at, question, run) WHERE status = 'open';

-- Every posted copy of a question and every run's card. `inside` is the thread in which the message stands, `thread` the one it opened.
CREATE TABLE places (
    platform  TEXT NOT NULL,
    channel   TEXT NOT NULL,
    message   TEXT NOT NULL,
    inside    TEXT,
    thread    TEXT,
    run       INTEGER REFERENCES runs (run),
    question  INTEGER REFERENCES questions (question),
    posted_at REAL,
    noted_at  REAL,
    PRIMARY KEY (platform, channel, message),
    CHECK ((run IS NULL) <> (question IS NULL))
) STRICT;
CREATE INDEX places_by_thread ON places (platform, channel, thread, question) WHERE thread IS NOT NULL;
CREATE INDEX places_by_question ON places (question, noted_at) WHERE question IS NOT NULL;

CREATE TABLE replies (
    question INTEGER NOT NULL REFERENCES questions (question),
    key      TEXT    NOT NULL,
    author   TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    choice   TEXT,
    late     INTEGER NOT NULL CHECK (late IN (0, 1)),
    at       REAL    NOT NULL,
    PRIMARY KEY (question, key)
) STRICT;

CREATE TABLE calls (
    run       INTEGER NOT NULL REFERENCES runs (run),
    action    TEXT    NOT NULL,
    attempt   INTEGER NOT NULL,
    agent     TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('reserved', 'booked', 'failed', 'unknown')),
    reserved  TEXT,
    cost      TEXT,
    served    TEXT    NOT NULL,
    input     INTEGER NOT NULL,
    output    INTEGER NOT NULL,
    cached    INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    at        REAL    NOT NULL,
    PRIMARY KEY (run, action, attempt)
) STRICT;

-- What was heard, in the order in which it came.
CREATE TABLE inbox (
    turn       INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    body       TEXT NOT NULL,
    heard_at   REAL NOT NULL,
    handled_at REAL,
    why        TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX inbox_unhandled ON inbox (turn) WHERE handled_at IS NULL;

-- What is to be posted, in the order in which it was first written. `sent_*` is the receipt of the newest content that arrived.
CREATE TABLE outbox (
    turn         INTEGER PRIMARY KEY,
    key          TEXT    NOT NULL UNIQUE,
    run          INTEGER NOT NULL,
    question     INTEGER,
    platform     TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    thread       TEXT,
    anchor       TEXT,
    replaces     TEXT,
    priority     INTEGER NOT NULL,
    post         TEXT    NOT NULL,
    at           REAL    NOT NULL,
    version      INTEGER NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'unsent' CHECK (state IN ('unsent', 'sent', 'failed', 'dropped')),
    why          TEXT    NOT NULL DEFAULT '',
    sent_message TEXT,
    sent_thread  TEXT,
    sent_at      REAL
) STRICT;
CREATE INDEX outbox_unsent ON outbox (turn) WHERE state = 'unsent';
