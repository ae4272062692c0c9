import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openSqliteStore } from '../src/store/sqlite.ts';

// Durable writes of 1 KiB a second, with 1, 16 and 128 writers, as a ratio to the floor in the same run: appending the
// same records to a plain file, where as many as there are writers share one fdatasync.
const { values: options } = parseArgs({
  options: { directory: { type: 'string', default: '.' }, seconds: { type: 'string', default: '2' } },
});
const directory = mkdtempSync(path.join(options.directory, 'bench-store-'));
const durationMs = Number(options.seconds) * 1000;
const record = Buffer.alloc(1024, 'x');

try {
  console.log('writers   floor/s   store/s   ratio   µs CPU/write');
  for (const writers of [1, 16, 128]) {
    const floor = measureFloor(writers);
    const { perSecond, cpuMicros } = await measureStore(writers);
    const ratio = (perSecond / floor).toFixed(2);
    console.log(
      `${String(writers).padStart(7)} ${floor.toFixed(0).padStart(9)} ${perSecond.toFixed(0).padStart(9)} ` +
        `${ratio.padStart(7)} ${cpuMicros.toFixed(0).padStart(14)}`,
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}

/** One write and one fdatasync for `group` records at a time. */
function measureFloor(group: number): number {
  const fd = openSync(path.join(directory, `floor-${group}`), 'w');
  const records = Buffer.concat(Array(group).fill(record));
  const start = performance.now();
  let written = 0;
  while (performance.now() - start < durationMs) {
    writeSync(fd, records);
    fdatasyncSync(fd);
    written += group;
  }
  closeSync(fd);
  return (written * 1000) / (performance.now() - start);
}

/** Each writer updates its own 100 keys in turn and waits for each write. */
async function measureStore(writers: number) {
  const store = await openSqliteStore({ file: path.join(directory, `store-${writers}.db`) });
  const cpu = process.cpuUsage();
  const start = performance.now();
  let written = 0;
  const write = async (id: number) => {
    const revisions = new Map<string, number>();
    for (let n = 0; performance.now() - start < durationMs; n++) {
      const key = `/registry/pods/default/pod-${id}-${n % 100}`;
      const result = await store.put(key, record, revisions.get(key) ?? 0);
      if (!result.ok) throw new Error(`lost ${key}`);
      revisions.set(key, result.revision);
      written++;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, id) => write(id)));
  const perSecond = (written * 1000) / (performance.now() - start);
  const { user, system } = process.cpuUsage(cpu);
  await store.close();
  return { perSecond, cpuMicros: (user + system) / written };
}
