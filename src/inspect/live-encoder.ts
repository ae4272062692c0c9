import type { LiveTables } from './live-tables.ts';
import type { LiveHost } from './live-types.ts';

const tableNames = ['objects', 'containers', 'processes'] as const;

/**
 * Turns tables into messages: each entry is encoded once a reading, compared with its last encoding, and put as it is
 * into the message of all who listen.
 */
export class LiveEncoder {
  /** JSON of the last reading by table and id. */
  #last: Record<(typeof tableNames)[number], Map<string, string>> = emptyTables();
  #takenAtMs = 0;

  /** Takes the next reading; the message that tells those who had the last one. */
  delta(takenAtMs: number, tables: LiveTables): string {
    const next = emptyTables();
    const parts: string[] = [];
    const gone: string[] = [];
    for (const name of tableNames) {
      const before = this.#last[name];
      const changed: string[] = [];
      for (const entry of tables[name]) {
        const text = JSON.stringify(entry);
        next[name].set(entry.id, text);
        if (before.get(entry.id) !== text) changed.push(text);
      }
      for (const id of before.keys()) if (!next[name].has(id)) gone.push(id);
      parts.push(`"${name}":[${changed.join(',')}]`);
    }
    this.#last = next;
    this.#takenAtMs = takenAtMs;
    const header = `{"schema":"vitrine/live-delta/v1","takenAtMs":${takenAtMs}`;
    return `${header},${parts.join(',')},"gone":${JSON.stringify(gone)}}`;
  }

  /** The last reading, whole. */
  snapshot(host: LiveHost): string {
    const parts = tableNames.map((name) => `"${name}":[${[...this.#last[name].values()].join(',')}]`);
    const header = `{"schema":"vitrine/live/v1","takenAtMs":${this.#takenAtMs}`;
    return `${header},"host":${JSON.stringify(host)},${parts.join(',')}}`;
  }
}

function emptyTables(): Record<(typeof tableNames)[number], Map<string, string>> {
  return { objects: new Map(), containers: new Map(), processes: new Map() };
}
