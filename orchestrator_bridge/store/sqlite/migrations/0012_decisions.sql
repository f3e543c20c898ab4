-- Settled questions as the team's record, by the number of the question. `server`: the server or workspace that shares the decision.
-- `marks` are the words by which `decision_words` is narrowed down: its channel, that server, and if it is valid and may be offered.
CREATE TABLE decisions (
    decision      INTEGER PRIMARY KEY,
    run           INTEGER NOT NULL,
    team          TEXT NOT NULL,
    platform      TEXT NOT NULL,
    channel       TEXT NOT NULL,
    thread        TEXT,
    message       TEXT,
    link          TEXT NOT NULL,
    server        TEXT NOT NULL,
    question      TEXT NOT NULL,
    options       TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    kind          TEXT NOT NULL,
    decided_by    TEXT NOT NULL,
    quorum        TEXT NOT NULL,
    people        TEXT NOT NULL,
    people_ids    TEXT NOT NULL,
    at            REAL NOT NULL,
    offered       INTEGER NOT NULL CHECK (offered IN (0, 1)),
    superseded_by INTEGER,
    marks         TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE decision_words USING fts5 (
    question, options, outcome, people, marks,
    content = 'decisions', content_rowid = 'decision', tokenize = 'unicode61 remove_diacritics 2'
);
-- Runs of earlier releases whose logs hold decisions: they are read once, when the bot starts.
CREATE TABLE decision_backlog (run INTEGER PRIMARY KEY) STRICT;
INSERT INTO decision_backlog SELECT DISTINCT run FROM questions WHERE status IN ('answered', 'fallen_back');
