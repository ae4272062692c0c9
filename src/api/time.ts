/** The last second that was formatted: most are now. */
let last = { second: Number.NaN, text: '' };

/** The current form of metav1.Time: seconds, in UTC. */
export function formatTime(date: Date): string {
  const second = Math.floor(date.getTime() / 1000);
  if (second !== last.second) last = { second, text: `${date.toISOString().slice(0, 19)}Z` };
  return last.text;
}

/** The form of metav1.MicroTime: six digits of seconds, in UTC. */
export function formatMicroTime(date: Date): string {
  return `${date.toISOString().slice(0, 23)}000Z`;
}

/** RFC 3339 as metav1.Time writes it again: fractions dropped, in UTC. Undefined when it is none. */
export function canonicalTime(text: string): string | undefined {
  if (!rfc3339.test(text)) return undefined;
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) return undefined;
  return plainSeconds.test(text) ? text : formatTime(new Date(Math.floor(milliseconds / 1000) * 1000));
}

/** RFC 3339 as metav1.MicroTime writes it again. Undefined when it is none. */
export function canonicalMicroTime(text: string): string | undefined {
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  if (plainMicros.test(text)) return Number.isNaN(Date.parse(text)) ? undefined : text;
  const seconds = canonicalTime(text);
  return seconds && `${seconds.slice(0, 19)}.${(match[1] ?? '').slice(0, 6).padEnd(6, '0')}Z`;
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.(\d+))?(?:[Zz]|[+-]\d\d:\d\d)$/;
const plainSeconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const plainMicros = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
