import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { AuditBackend } from './backend.ts';

export interface LogOptions {
  /** '-' is the standard output. */
  path: string;
  /** A file that has become as large is put aside. */
  maxSizeMiB: number;
  /** So many of those are kept; 0 keeps all. */
  maxBackups: number;
  /** None is kept longer; 0 keeps all. */
  maxAgeDays: number;
}

const dayMs = 24 * 3600_000;
/** Events wait for each other, but not for long. */
const flushMs = 20;

/** Writes events as lines of JSON (--audit-log-path, --audit-log-format=json). */
export function openAuditLog(options: LogOptions, { clock, log }: { clock: Clock; log: Logger }): AuditBackend {
  const file = options.path === '-' ? undefined : options.path;
  if (file) mkdirSync(path.dirname(file), { recursive: true });
  let descriptor = file ? openSync(file, 'a', 0o600) : 1;
  let size = file ? fstatSync(descriptor).size : 0;
  /** Lines that are not written yet. */
  let waiting = '';

  const flush = () => {
    const bytes = Buffer.from(waiting);
    waiting = '';
    if (bytes.length === 0) return;
    try {
      if (file && size > 0 && size + bytes.length > options.maxSizeMiB * 2 ** 20) rotate();
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      size += bytes.length;
    } catch (error) {
      log.error('cannot write the audit log', { path: options.path, error });
    }
  };

  const rotate = () => {
    closeSync(descriptor);
    renameSync(file!, backupName(file!, new Date(clock.now())));
    descriptor = openSync(file!, 'a', 0o600);
    size = 0;
    for (const name of expendable(path.basename(file!), readdirSync(path.dirname(file!)), options, clock.now()))
      rmSync(path.join(path.dirname(file!), name), { force: true });
  };

  return {
    write(event) {
      if (waiting === '') setTimeout(flush, flushMs);
      waiting += `${JSON.stringify(event)}\n`;
    },
    close() {
      flush();
      if (file) closeSync(descriptor);
    },
  };
}

/** audit-2026-11-28T18-00-00.000.log, as Kubernetes's (lumberjack) names them. */
function backupName(file: string, now: Date): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${now.toISOString().replace('Z', '').replaceAll(':', '-')}${ext}`);
}

/** Which of the files beside the log are backups that need not be kept. */
export function expendable(
  file: string,
  names: readonly string[],
  { maxBackups, maxAgeDays }: Pick<LogOptions, 'maxBackups' | 'maxAgeDays'>,
  nowMs: number,
): string[] {
  const { name, ext } = path.parse(file);
  const timeOf = (one: string) => {
    if (!one.startsWith(`${name}-`) || !one.endsWith(ext)) return Number.NaN;
    const [, day, hours, minutes, seconds] =
      /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(one.slice(name.length + 1, one.length - ext.length)) ?? [];
    return Date.parse(`${day}${hours}:${minutes}:${seconds}Z`);
  };
  const backups = names.filter((one) => !Number.isNaN(timeOf(one))).sort((a, b) => timeOf(b) - timeOf(a));
  return backups.filter(
    (one, i) => (maxBackups > 0 && i >= maxBackups) || (maxAgeDays > 0 && nowMs - timeOf(one) > maxAgeDays * dayMs),
  );
}
