-- Models that people picked: for a whole channel (scope 'channel'), for a team or for an agent there. An empty model: none any more.
CREATE TABLE picks (
    platform  TEXT NOT NULL,
    channel   TEXT NOT NULL,
    scope     TEXT NOT NULL,
    model     TEXT NOT NULL,
    picked_by TEXT NOT NULL,
    at        REAL NOT NULL,
    PRIMARY KEY (platform, channel, scope)
) STRICT, WITHOUT ROWID;
