-- How far our counts of prompts are from what providers report: by model and tokenizer (or `estimate`), earlier calls fading.
CREATE TABLE counting (
    model    TEXT    NOT NULL,
    by       TEXT    NOT NULL,
    counted  REAL    NOT NULL CHECK (counted > 0),
    reported REAL    NOT NULL CHECK (reported > 0),
    calls    INTEGER NOT NULL CHECK (calls > 0),
    at       REAL    NOT NULL,
    PRIMARY KEY (model, by)
) STRICT, WITHOUT ROWID;
