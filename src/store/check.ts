import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export interface StoreReport {
  /** What is wrong; empty: nothing. */
  problems: string[];
  revision: number;
  compactRevision: number;
  keys: number;
  rows: number;
}

/** At most so many examples of one kind of damage. */
const examples = 10;

/**
 * Verifies a store's file, also while it is in use: SQLite's own integrity, then what the schema promises. Reads only.
 */
export function checkStore(file: string): StoreReport {
  if (!existsSync(file)) throw new Error(`check store ${file}: no such file`);
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    // One snapshot for all questions, whatever is being written meanwhile.
    database.exec('BEGIN');
    return inspect(database);
  } finally {
    database.close();
  }
}

function inspect(database: DatabaseSync): StoreReport {
  const problems = database
    .prepare(`PRAGMA integrity_check(${examples})`)
    .all()
    .map((row) => String(row.integrity_check))
    .filter((text) => text !== 'ok')
    .map((text) => `sqlite: ${text}`);
  for (const [what, sql] of Object.entries(violations)) {
    for (const row of database.prepare(`${sql} LIMIT ${examples}`).all()) {
      problems.push(`${what}: ${row.key} at revision ${row.revision}`);
    }
  }
  const numbers = database.prepare(summary).get() as Record<string, number>;
  return {
    problems,
    revision: Math.max(1, numbers.newest ?? 0, numbers.compacted ?? 0),
    compactRevision: numbers.compacted ?? 0,
    keys: numbers.keys ?? 0,
    rows: numbers.rows ?? 0,
  };
}

const summary = `SELECT
  (SELECT max(revision) FROM history) AS newest,
  (SELECT revision FROM compaction) AS compacted,
  (SELECT count(*) FROM history) AS rows,
  (SELECT count(*) FROM (SELECT max(revision), deleted FROM history GROUP BY key HAVING deleted = 0)) AS keys`;

/** Rows that must not be: each query yields key and revision of offenders. */
const violations: Record<string, string> = {
  'revisions after the compaction have a gap before': `
    SELECT key, revision FROM (
      SELECT key, revision, lag(revision, 1, max(1, (SELECT revision FROM compaction))) OVER (ORDER BY revision) AS before
      FROM history WHERE revision > (SELECT revision FROM compaction))
    WHERE revision <> before + 1`,
  'the replaced row is missing, of another key, deleted, or not the one before': `
    SELECT row.key, row.revision FROM history AS row LEFT JOIN history AS old ON old.revision = row.previous_revision
    WHERE row.previous_revision > 0 AND row.revision > (SELECT revision FROM compaction) AND (
      old.revision IS NULL OR old.key <> row.key OR old.deleted OR EXISTS (
        SELECT 1 FROM history AS middle WHERE middle.key = row.key
        AND middle.revision > old.revision AND middle.revision < row.revision))`,
  'a key is created although it exists': `
    SELECT row.key, row.revision FROM history AS row WHERE row.previous_revision = 0 AND 0 = (
      SELECT old.deleted FROM history AS old WHERE old.key = row.key AND old.revision < row.revision
      ORDER BY old.revision DESC LIMIT 1)`,
  'the creating revision is wrong': `
    SELECT row.key, row.revision FROM history AS row LEFT JOIN history AS old ON old.revision = row.previous_revision
    WHERE (row.previous_revision = 0 AND row.create_revision <> row.revision)
      OR (row.previous_revision > 0 AND row.create_revision >= row.revision)
      OR (old.revision IS NOT NULL AND old.create_revision <> row.create_revision)`,
  'a deletion has a value or an expiry, or deletes nothing': `
    SELECT key, revision FROM history
    WHERE deleted AND (value IS NOT NULL OR expires_ms IS NOT NULL OR previous_revision = 0)`,
  'a replaced row would expire': `
    SELECT row.key, row.revision FROM history AS row WHERE row.expires_ms IS NOT NULL AND EXISTS (
      SELECT 1 FROM history AS later WHERE later.key = row.key AND later.revision > row.revision)`,
  'a row that compaction should have removed is still there': `
    SELECT old.key, old.revision FROM history AS row JOIN history AS old ON old.revision = row.previous_revision
    WHERE row.revision <= (SELECT swept_revision FROM compaction)`,
};
