/**
 * The form of a history in SQLite, and how older forms become the newest one.
 *
 * Times are milliseconds or microseconds since 1970 as their names say. What a server claims
 * may be beyond 64 bits with a sign and is text then; SQLite keeps each value as it comes.
 *
 * @module
 */

/** Says in a file's header that it is a history of ours: "RTwh". */
export const APPLICATION_ID = 0x52547768;

/** Each takes a history from the form of its place to the next one. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE server (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    operator TEXT NOT NULL,
    address TEXT NOT NULL,
    public_key BLOB NOT NULL,
    UNIQUE (name, operator, address, public_key)
  );
  CREATE TABLE phrase (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
  );
  CREATE TABLE round (
    id INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    voters INTEGER NOT NULL,
    agreeing INTEGER NOT NULL,
    earliest_micros,
    latest_micros,
    no_quorum INTEGER REFERENCES phrase (id),
    clock_jumped INTEGER NOT NULL
  );
  CREATE INDEX round_started ON round (started_ms);
  -- In the order in which a server's history is read.
  CREATE TABLE sample (
    server INTEGER NOT NULL REFERENCES server (id),
    at_ms INTEGER NOT NULL,
    round INTEGER NOT NULL REFERENCES round (id),
    place INTEGER NOT NULL,
    status INTEGER NOT NULL,
    reason INTEGER REFERENCES phrase (id),
    code INTEGER REFERENCES phrase (id),
    transport TEXT,
    version TEXT,
    midpoint_micros,
    radius_micros,
    rtt_micros,
    earliest_micros,
    offset_micros REAL,
    delegation_seconds INTEGER,
    PRIMARY KEY (server, at_ms, round)
  ) WITHOUT ROWID;
  CREATE INDEX sample_round ON sample (round);
  -- Zeros at the end of a request are counted and left out.
  CREATE TABLE exchange (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL,
    server INTEGER NOT NULL REFERENCES server (id),
    received_ms INTEGER NOT NULL,
    request BLOB NOT NULL,
    zeros INTEGER NOT NULL,
    response BLOB NOT NULL,
    rand BLOB,
    report INTEGER REFERENCES report (id)
  );
  CREATE INDEX exchange_round ON exchange (round);
  CREATE INDEX exchange_plain ON exchange (round) WHERE report IS NULL;
  CREATE INDEX exchange_report ON exchange (report) WHERE report IS NOT NULL;
  CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    pairs TEXT NOT NULL
  );
  `,
];

/** The newest form, as `user_version` has it. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;
