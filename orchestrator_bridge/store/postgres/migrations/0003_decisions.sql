-- Settled questions as the team's record, by the number of the question. `server`: the server or workspace that shares the decision.
-- `marks` are the words by which a search is narrowed down: the channel, that server, and if it is valid and may be offered. `words`
-- are the folded words of its texts, and once more those of the question, after a `?`.
CREATE TABLE decisions (
    decision      bigint PRIMARY KEY,
    run           bigint NOT NULL,
    team          text   NOT NULL,
    platform      text   NOT NULL,
    channel       text   NOT NULL,
    thread        text,
    message       text,
    link          text   NOT NULL,
    server        text   NOT NULL,
    question      text   NOT NULL,
    options       text   NOT NULL,
    outcome       text   NOT NULL,
    kind          text   NOT NULL,
    decided_by    text   NOT NULL,
    quorum        text   NOT NULL,
    people        text   NOT NULL,
    people_ids    text   NOT NULL,
    at            double precision NOT NULL,
    offered       bigint NOT NULL CHECK (offered IN (0, 1)),
    superseded_by bigint,
    marks         text   NOT NULL,
    words         text   NOT NULL DEFAULT '',
    search        tsvector GENERATED ALWAYS AS (
        array_to_tsvector(string_to_array(ltrim(words || ' #' || replace(marks, ' ', ' #')), ' '))
    ) STORED
);
CREATE INDEX decisions_by_words ON decisions USING gin (search);
