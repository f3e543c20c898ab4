-- Pictures that people attached, each once: `picture` is the SHA-256 of its content.
CREATE TABLE pictures (
    picture TEXT PRIMARY KEY,
    body    BLOB NOT NULL
) STRICT, WITHOUT ROWID;
