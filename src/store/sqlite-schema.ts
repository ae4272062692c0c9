import { DatabaseSync } from 'node:sqlite';

/**
 * One row per write that is still needed. A key's newest row is its state; rows are only ever appended, and removed by
 * compaction. `deleted` is in the index so that ranges decide without touching the rows.
 */
const schema = `
  CREATE TABLE IF NOT EXISTS history (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    value BLOB,                        -- NULL: deleted
    create_revision INTEGER NOT NULL,  -- of the write that created the key
    previous_revision INTEGER NOT NULL, -- of the row that this one replaces; 0 when it creates the key
    deleted INTEGER NOT NULL,
    expires_ms INTEGER                 -- Unix time; only ever set in a key's newest row
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS history_by_key ON history (key, revision, deleted);
  CREATE INDEX IF NOT EXISTS history_by_expiry ON history (expires_ms) WHERE expires_ms IS NOT NULL;
  CREATE TABLE IF NOT EXISTS compaction (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
    revision INTEGER NOT NULL,         -- what is older is refused
    swept_revision INTEGER NOT NULL    -- up to here the rows are removed too
  ) STRICT;
  INSERT OR IGNORE INTO compaction VALUES (0, 0, 0);
`;

/** Written into the file's header, so that no other program's database is taken for ours ('vitr'). */
const applicationId = 0x76697472;
const schemaVersion = 1;

/** Opens the database for writing, making it if need be. */
export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    // Before the first table: it cannot be switched on later without rewriting the file.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec('PRAGMA journal_mode = WAL');
    // FULL: each commit waits until its part of the log is on disk (sqlite.org/pragma.html#pragma_synchronous).
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA busy_timeout = 5000');
    database.exec('PRAGMA cache_size = -8192');
    database.exec('PRAGMA wal_autocheckpoint = 2000');
    database.exec('PRAGMA journal_size_limit = 33554432');
    identify(database, file);
    database.exec(schema);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function identify(database: DatabaseSync, file: string): void {
  const id = Number(database.prepare('PRAGMA application_id').get()?.application_id);
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
  if (id === applicationId && version === schemaVersion) return;
  if (id === applicationId) {
    throw new Error(`store ${file} has schema version ${version}, this program knows ${schemaVersion}`);
  }
  if (tables !== 0) throw new Error(`${file} is not a store: application id ${id}`);
  database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`);
}
