-- The tables and columns are those of the SQLite store, so that the statements which write them are the same.
-- The log is the truth; every other table is what must be found fast or survive without folding a log.
-- Times are seconds since the epoch; money is the exact text of a decimal number of US dollars; flags are 0 and 1.
-- Keys and what lists are ordered by have the collation "C": they compare by code point, as in SQLite, and index a range.

CREATE TABLE log (
    run     bigint  NOT NULL,
    seq     bigint  NOT NULL CHECK (seq > 0),
    version integer NOT NULL,
    event   text    NOT NULL,
    action  text,
    at      double precision NOT NULL,
    body    text    NOT NULL,
    PRIMARY KEY (run, seq)
);
-- What was answered is never paid twice.
CREATE UNIQUE INDEX log_responses ON log (run, action) WHERE event = 'responded';

CREATE TABLE runs (
    run        bigint PRIMARY KEY,
    task       text NOT NULL,
    team       text NOT NULL,
    platform   text NOT NULL,
    channel    text NOT NULL,
    thread     text,
    started_by text NOT NULL,
    status     text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'finished', 'failed', 'cancelled')),
    result     text NOT NULL DEFAULT '',
    started_at double precision NOT NULL,
    ended_at   double precision,
    busy       smallint NOT NULL DEFAULT 1 CHECK (busy IN (0, 1)),
    -- Who started a run, as `platform:id`: names are not unique.
    person     text NOT NULL DEFAULT '',
    -- Through which token, and by which external agent, a run came; `guest`: it is made of that agent's questions alone.
    token      text NOT NULL DEFAULT '',
    outsider   text NOT NULL DEFAULT '',
    wish       text NOT NULL DEFAULT '',
    guest      smallint NOT NULL DEFAULT 0 CHECK (guest IN (0, 1))
);
CREATE INDEX runs_by_status ON runs (status, run);
CREATE INDEX runs_busy ON runs (run) WHERE status = 'running' AND busy = 1;
CREATE INDEX runs_by_token ON runs (token, run) WHERE token <> '';
CREATE INDEX runs_of_guests ON runs (token, run) WHERE status = 'running' AND guest = 1;

CREATE TABLE questions (
    question   bigint PRIMARY KEY,
    run        bigint NOT NULL REFERENCES runs (run),
    agent      text NOT NULL,
    text       text NOT NULL,
    asked      text NOT NULL,
    status     text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'answered', 'fallen_back', 'cancelled')),
    line       text NOT NULL DEFAULT '',
    asked_at   double precision NOT NULL,
    fires_at   double precision NOT NULL,
    closed_at  double precision,
    expires_at double precision,
    silence    text NOT NULL DEFAULT '',
    -- The ids of the people whom it asks, one a line.
    people     text NOT NULL DEFAULT '',
    told_at    double precision
);
CREATE INDEX questions_by_status ON questions (status, question);
CREATE INDEX questions_open ON questions (fires_at, question, run) WHERE status = 'open';
CREATE INDEX questions_by_run ON questions (run);

-- Every posted copy of a question and every run's card. `inside` is the thread in which the message stands, `thread` the one it opened.
CREATE TABLE places (
    platform  text NOT NULL,
    channel   text NOT NULL,
    message   text NOT NULL,
    inside    text,
    thread    text,
    run       bigint REFERENCES runs (run),
    question  bigint REFERENCES questions (question),
    posted_at double precision,
    noted_at  double precision,
    PRIMARY KEY (platform, channel, message),
    CHECK ((run IS NULL) <> (question IS NULL))
);
CREATE INDEX places_by_thread ON places (platform, channel, thread, question) WHERE thread IS NOT NULL;
CREATE INDEX places_by_question ON places (question, noted_at) WHERE question IS NOT NULL;

CREATE TABLE replies (
    question bigint NOT NULL REFERENCES questions (question),
    key      text   NOT NULL,
    author   text   NOT NULL,
    name     text   NOT NULL,
    text     text   NOT NULL,
    choice   text,
    late     smallint NOT NULL CHECK (late IN (0, 1)),
    at       double precision NOT NULL,
    PRIMARY KEY (question, key)
);

CREATE TABLE calls (
    run         bigint NOT NULL REFERENCES runs (run),
    action      text   NOT NULL COLLATE "C",
    attempt     bigint NOT NULL,
    agent       text   NOT NULL COLLATE "C",
    model       text   NOT NULL COLLATE "C",
    state       text   NOT NULL CHECK (state IN ('reserved', 'booked', 'failed', 'unknown')),
    reserved    text,
    cost        text,
    served      text   NOT NULL COLLATE "C",
    input       bigint NOT NULL,
    output      bigint NOT NULL,
    cached      bigint NOT NULL,
    reasoning   bigint NOT NULL,
    at          double precision NOT NULL,
    -- When the attempt began, and the tokens that it was expected to take: limits per minute go on from them after a start.
    began_at    double precision NOT NULL DEFAULT 0,
    expected    bigint NOT NULL DEFAULT 0,
    -- Where the cost comes from: the provider's own bill, or the price list that it was computed with.
    cost_source text   NOT NULL DEFAULT '',
    PRIMARY KEY (run, action, attempt)
);
CREATE INDEX calls_by_time ON calls (at);

-- What was heard, in the order in which it came.
CREATE TABLE inbox (
    turn       bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    key        text NOT NULL COLLATE "C" UNIQUE,
    kind       text NOT NULL,
    body       text NOT NULL,
    heard_at   double precision NOT NULL,
    handled_at double precision,
    why        text NOT NULL DEFAULT ''
);
CREATE INDEX inbox_unhandled ON inbox (turn) WHERE handled_at IS NULL;

-- What is to be posted, in the order in which it was first written. `sent_*` is the receipt of the newest content that arrived.
CREATE TABLE outbox (
    turn         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    key          text   NOT NULL COLLATE "C" UNIQUE,
    run          bigint NOT NULL,
    question     bigint,
    platform     text   NOT NULL,
    channel      text   NOT NULL,
    thread       text,
    anchor       text COLLATE "C",
    replaces     text COLLATE "C",
    priority     bigint NOT NULL,
    post         text   NOT NULL,
    at           double precision NOT NULL,
    version      bigint NOT NULL,
    state        text   NOT NULL DEFAULT 'unsent' CHECK (state IN ('unsent', 'sent', 'failed', 'dropped')),
    why          text   NOT NULL DEFAULT '',
    sent_message text,
    sent_thread  text,
    sent_at      double precision
);
CREATE INDEX outbox_unsent ON outbox (turn) WHERE state = 'unsent';

-- Pictures that people attached, each once: `picture` is the SHA-256 of its content.
CREATE TABLE pictures (
    picture text PRIMARY KEY,
    body    bytea NOT NULL
);

-- How far our counts of prompts are from what providers report: by model and tokenizer (or `estimate`), earlier calls fading.
CREATE TABLE counting (
    model    text NOT NULL COLLATE "C",
    by       text NOT NULL COLLATE "C",
    counted  double precision NOT NULL CHECK (counted > 0),
    reported double precision NOT NULL CHECK (reported > 0),
    calls    bigint NOT NULL CHECK (calls > 0),
    at       double precision NOT NULL,
    PRIMARY KEY (model, by)
);

-- Models that people picked: for a whole channel (scope 'channel'), for a team or for an agent there. An empty model: none any more.
CREATE TABLE picks (
    platform  text NOT NULL COLLATE "C",
    channel   text NOT NULL COLLATE "C",
    scope     text NOT NULL COLLATE "C",
    model     text NOT NULL,
    picked_by text NOT NULL,
    at        double precision NOT NULL,
    PRIMARY KEY (platform, channel, scope)
);

-- How much more people have granted for a day: to one channel, or (where it is empty) to all runs together.
CREATE TABLE raises (
    question bigint PRIMARY KEY,
    channel  text NOT NULL,
    amount   text NOT NULL,
    at       double precision NOT NULL
);
CREATE INDEX raises_by_time ON raises (at);

-- Results of tools of which an agent was shown a part: the whole, to read on in.
CREATE TABLE results (
    run  bigint NOT NULL,
    use  text   NOT NULL,
    text text   NOT NULL,
    PRIMARY KEY (run, use)
);

-- External agents' tokens. Of a token only the SHA-256 is kept; `terms` is JSON.
CREATE TABLE tokens (
    name         text PRIMARY KEY COLLATE "C",
    hash         text NOT NULL UNIQUE,
    terms        text NOT NULL,
    made_at      double precision NOT NULL,
    withdrawn_at double precision
);
