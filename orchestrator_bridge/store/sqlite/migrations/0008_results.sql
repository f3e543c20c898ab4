-- Results of tools of which an agent was shown a part: the whole, to read on in.
CREATE TABLE results (
    run  INTEGER NOT NULL,
    use  TEXT    NOT NULL,
    text TEXT    NOT NULL,
    PRIMARY KEY (run, use)
) STRICT, WITHOUT ROWID;
