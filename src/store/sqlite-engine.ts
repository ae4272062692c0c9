import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openDatabase } from './sqlite-schema.ts';
import { CompactedError, FutureRevisionError, type PutOptions, type RangeOptions } from './store.ts';

/** A row of a key, as the engine hands it out. */
export interface Version {
  key: string;
  value: Uint8Array;
  createRevision: number;
  modRevision: number;
}

export interface Change {
  key: string;
  revision: number;
  createRevision: number;
  /** Undefined: deleted. */
  value: Uint8Array | undefined;
  previous: Version | undefined;
}

export interface PutRules {
  expected: number;
  /** Unix time at which the key goes. */
  expiresMs: number | null;
  guard: PutOptions['guard'];
}

type Row = [
  revision: number,
  key: string,
  value: Uint8Array | null,
  createRevision: number,
  deleted: number,
  expiresMs: number | null,
];

const columns = 'revision, key, value, create_revision, deleted, expires_ms';
const emptyValue = new Uint8Array();
/** Rows looked at per call of sweep: a few milliseconds, which a writer may have to wait. */
const sweepRows = 1000;
const vacuumPages = 256;

/**
 * The store's verbs on one SQLite connection, synchronous. Writes must be between begin and commit; after rollback the
 * engine is as before begin.
 */
export class SqliteEngine {
  readonly #database: DatabaseSync;
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  /** The newest revision, written or about to be in the current transaction. */
  #revision: number;
  /** #revision and #compacted as they were at begin. */
  #committed: { revision: number; compacted: number };
  /** Ranges and watches from before this revision are refused. */
  #compacted: number;
  /** Up to here compaction has removed what is not needed; at most #compacted. */
  #swept: number;

  constructor(file: string) {
    this.#database = openDatabase(file);
    this.#sql = prepareAll(this.#database);
    const compaction = this.#sql.compaction.get() as unknown as [number, number];
    [this.#compacted, this.#swept] = compaction;
    const newest = (this.#sql.newest.get() as unknown as [number | null])[0];
    // As etcd, the empty store is at revision 1: 0 means "no revision" everywhere. Rows after the compaction
    // revision are never removed, so that the greater of the two is the newest, whatever was deleted.
    this.#revision = Math.max(1, newest ?? 0, this.#compacted);
    this.#committed = { revision: this.#revision, compacted: this.#compacted };
  }

  get revision(): number {
    return this.#revision;
  }

  begin(): void {
    this.#committed = { revision: this.#revision, compacted: this.#compacted };
    this.#database.exec('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.#database.exec('COMMIT');
  }

  rollback(): void {
    this.#revision = this.#committed.revision;
    this.#compacted = this.#committed.compacted;
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  get(key: string): Version | undefined {
    return toVersion(this.#sql.newestOf.get(key) as unknown as Row | undefined);
  }

  /** Writes if the key is at `expected`; otherwise `change` is undefined and `current` says what is there. */
  put(key: string, value: Uint8Array, { expected, expiresMs, guard }: PutRules) {
    const row = this.#sql.newestOf.get(key) as unknown as Row | undefined;
    const current = toVersion(row);
    if ((current?.modRevision ?? 0) !== expected) return { current, change: undefined };
    if (guard && this.#sql.changedSince.get(guard.start, guard.end, guard.revision))
      return { current, change: undefined };
    const revision = ++this.#revision;
    const createRevision = current?.createRevision ?? revision;
    this.#keepForever(row);
    this.#sql.insert.run(revision, key, value, createRevision, current?.modRevision ?? 0, 0, expiresMs);
    return { current, change: { key, revision, createRevision, value, previous: current } satisfies Change };
  }

  delete(key: string, expected: number) {
    const row = this.#sql.newestOf.get(key) as unknown as Row | undefined;
    const current = toVersion(row);
    if (!current || current.modRevision !== expected) return { current, change: undefined };
    const revision = ++this.#revision;
    const { createRevision, modRevision } = current;
    this.#keepForever(row);
    this.#sql.insert.run(revision, key, null, createRevision, modRevision, 1, null);
    return { current, change: { key, revision, createRevision, value: undefined, previous: current } satisfies Change };
  }

  /** Calls `visit` for each key in order, at most `limit` times (0: no limit). */
  range(start: string, end: string, options: RangeOptions, visit: (version: Version) => void) {
    const { limit = 0, counted = true, revision = this.#revision } = options;
    this.#mustHold(revision);
    let seen = 0;
    for (const row of this.#sql.range.iterate(start, end, revision, limit > 0 ? limit + 1 : -1)) {
      if (limit > 0 && seen === limit) {
        const [count] = counted ? (this.#sql.count.get(start, end, revision) as unknown as [number]) : [seen];
        return { revision, more: true, count };
      }
      visit(toVersion(row as unknown as Row)!);
      seen++;
    }
    return { revision, more: false, count: seen };
  }

  /**
   * Calls `visit` for changes after a revision, at most `limit` times. Returns the revision up to which all changes
   * have been visited.
   */
  replay(start: string, end: string, after: number, limit: number, visit: (change: Change) => void): number {
    if (after < this.#compacted) throw new CompactedError(after, this.#compacted);
    let seen = 0;
    let last = after;
    for (const row of this.#sql.changes.iterate(after, start, end, limit)) {
      const [revision, key, value, createRevision, deleted, , ...old] = row as unknown as [...Row, ...Row];
      visit({
        key,
        revision,
        createRevision,
        value: deleted ? undefined : (value ?? emptyValue),
        previous: old[0] === null ? undefined : toVersion(old),
      });
      last = revision;
      seen++;
    }
    return seen === limit ? last : Math.max(after, this.#revision);
  }

  /** Deletes the keys whose time has come, at most `limit`. */
  expire(nowMs: number, limit: number): Change[] {
    const due = this.#sql.expired.all(nowMs, limit) as unknown as [string, number][];
    return due.flatMap(([key, revision]) => this.delete(key, revision).change ?? []);
  }

  /** When the next key is due, in Unix milliseconds. */
  nextExpiry(): number | undefined {
    return (this.#sql.nextExpiry.get() as unknown as [number | null])[0] ?? undefined;
  }

  /** Refuses what is older than `revision` from now on; sweep frees the space. */
  compact(revision: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision <= this.#compacted) return;
    this.#sql.setCompacted.run(revision);
    this.#compacted = revision;
  }

  /** Removes some rows that compaction made useless, then frees pages. Returns whether there is more to do. */
  sweep(): boolean {
    if (this.#swept >= this.#compacted) return this.#freePages();
    const to = Math.min(this.#compacted, this.#swept + sweepRows);
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      // A row was useful until the row that replaced it; a deletion is of no use at all once watches cannot reach it.
      this.#sql.dropReplaced.run(this.#swept, to);
      this.#sql.dropDeleted.run(this.#swept, to);
      this.#sql.setSwept.run(to);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
    this.#swept = to;
    return true;
  }

  close(): void {
    this.#database.close();
  }

  /** A row that is being replaced does not expire any more. */
  #keepForever(row: Row | undefined): void {
    if (row && row[5] !== null) this.#sql.keep.run(row[0]);
  }

  #mustHold(revision: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
  }

  /** Gives pages back to the file system when a quarter of the file, and more than 4 MiB, is free. */
  #freePages(): boolean {
    const [free] = this.#sql.freePages.get() as unknown as [number];
    const [all] = this.#sql.allPages.get() as unknown as [number];
    if (free < 1024 || free * 4 < all) return false;
    this.#database.exec(`PRAGMA incremental_vacuum(${vacuumPages})`);
    return true;
  }
}

const newestPerKey = `
  SELECT max(revision) AS revision, deleted FROM history
  WHERE key >= ?1 AND key < ?2 AND revision <= ?3 GROUP BY key HAVING deleted = 0`;
const qualified = (alias: string) =>
  columns
    .split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ');

const statements = {
  compaction: 'SELECT revision, swept_revision FROM compaction',
  newest: 'SELECT max(revision) FROM history',
  newestOf: `SELECT ${columns} FROM history WHERE key = ? ORDER BY revision DESC LIMIT 1`,
  insert: 'INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)',
  keep: 'UPDATE history SET expires_ms = NULL WHERE revision = ?',
  range: `SELECT ${qualified('row')} FROM (${newestPerKey} ORDER BY key LIMIT ?4) AS newest
    CROSS JOIN history AS row ON row.revision = newest.revision`,
  count: `SELECT count(*) FROM (${newestPerKey})`,
  changes: `SELECT ${qualified('row')}, ${qualified('old')} FROM history AS row
    LEFT JOIN history AS old ON old.revision = row.previous_revision
    WHERE row.revision > ?1 AND row.key >= ?2 AND row.key < ?3 ORDER BY row.revision LIMIT ?4`,
  changedSince: `SELECT 1 FROM history AS row WHERE revision > ?3 AND key >= ?1 AND key < ?2 AND deleted = 0
    AND NOT EXISTS (SELECT 1 FROM history AS later WHERE later.key = row.key AND later.revision > row.revision) LIMIT 1`,
  expired: 'SELECT key, revision FROM history WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?',
  nextExpiry: 'SELECT min(expires_ms) FROM history WHERE expires_ms IS NOT NULL',
  setCompacted: 'UPDATE compaction SET revision = ?',
  setSwept: 'UPDATE compaction SET swept_revision = ?',
  dropReplaced: `DELETE FROM history WHERE revision IN
    (SELECT previous_revision FROM history WHERE revision > ?1 AND revision <= ?2 AND previous_revision > 0)`,
  dropDeleted: 'DELETE FROM history WHERE revision > ?1 AND revision <= ?2 AND deleted = 1',
  freePages: 'PRAGMA freelist_count',
  allPages: 'PRAGMA page_count',
};

function prepareAll(database: DatabaseSync): Record<keyof typeof statements, StatementSync> {
  const prepared = Object.entries(statements).map(([name, sql]) => {
    const statement = database.prepare(sql);
    statement.setReturnArrays(true);
    return [name, statement];
  });
  return Object.fromEntries(prepared) as Record<keyof typeof statements, StatementSync>;
}

function toVersion(row: Row | undefined): Version | undefined {
  if (!row || row[4]) return undefined;
  return { key: row[1], value: row[2] ?? emptyValue, createRevision: row[3], modRevision: row[0] };
}
