import { goDurationMs } from '../../base/go-duration.ts';

/** Cron schedules as github.com/robfig/cron/v3 ParseStandard reads them. Pure. */
export interface Schedule {
  /** The first time after `afterMs`, both in milliseconds since 1970; undefined when there is none in five years. */
  next(afterMs: number): number | undefined;
}

/** Throws on an unknown time zone and on a schedule that the API would not have let in. */
export function parseSchedule(text: string, timeZone = 'Etc/UTC'): Schedule {
  const [, zone, rest = ''] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/.exec(text.trim()) ?? [];
  const offsetMs = zoneOffset(zone ?? timeZone);
  if (rest.startsWith('@every ')) return every(rest.slice('@every '.length));
  const fields = (descriptors[rest] ?? rest).split(/\s+/);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minutes, hours, days, months, weekdays] = fields.map((field, i) => parseField(field, bounds[i] as Bounds));
  const dayMatches = (date: Date) => {
    const [day, weekday] = [days!.values.has(date.getUTCDate()), weekdays!.values.has(date.getUTCDay())];
    // Two restrictions on days are alternatives (crontab(5)).
    return days!.star || weekdays!.star ? day && weekday : day || weekday;
  };
  return { next: (afterMs) => nextTime(afterMs, offsetMs, { minutes, hours, months, dayMatches } as Matcher) };
}

interface Field {
  values: Set<number>;
  /** Whether it was '*' or '?' without a step. */
  star: boolean;
}

interface Matcher {
  minutes: Field;
  hours: Field;
  months: Field;
  dayMatches(date: Date): boolean;
}

interface Bounds {
  min: number;
  max: number;
  names?: string[];
}

const bounds: Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const descriptors: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const horizonDays = 5 * 366;

function parseField(text: string, { min, max, names }: Bounds): Field {
  const values = new Set<number>();
  let star = false;
  const number = (part: string) => {
    const named = names?.indexOf(part.toLowerCase()) ?? -1;
    return named >= 0 ? named + min : Number(part);
  };
  for (const part of text.split(',').filter(Boolean)) {
    const [range = '', step] = part.split('/');
    const [low = '', high] = range.split('-');
    const any = low === '*' || low === '?';
    const first = any ? min : number(low);
    const last = any || (step !== undefined && high === undefined) ? max : number(high ?? low);
    const by = Number(step ?? 1);
    if (![first, last, by].every(Number.isInteger) || first < min || last > max || by < 1)
      throw new Error(`failed to parse ${part}: not within ${min}-${max}`);
    if (any && by === 1) star = true;
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return { values, star };
}

/** Walks the days of the wall clock, then hours and minutes within the day; times that the clock skips do not exist. */
function nextTime(afterMs: number, offsetMs: (ms: number) => number, matcher: Matcher): number | undefined {
  const wall = Math.floor((afterMs + offsetMs(afterMs)) / minuteMs) * minuteMs + minuteMs;
  const firstDay = Math.floor(wall / dayMs) * dayMs;
  for (let i = 0; i < horizonDays; i++) {
    const day = firstDay + i * dayMs;
    const date = new Date(day);
    if (!matcher.months.values.has(date.getUTCMonth() + 1) || !matcher.dayMatches(date)) continue;
    for (let hour = 0; hour < 24; hour++) {
      if (!matcher.hours.values.has(hour)) continue;
      for (let minute = 0; minute < 60; minute++) {
        const candidate = day + (hour * 60 + minute) * minuteMs;
        if (candidate < wall || !matcher.minutes.values.has(minute)) continue;
        const time = toInstant(candidate, offsetMs);
        if (time !== undefined && time > afterMs) return time;
      }
    }
  }
  return undefined;
}

/** The first instant at which the wall clock shows this time. */
function toInstant(wall: number, offsetMs: (ms: number) => number): number | undefined {
  const offsets = [offsetMs(wall - dayMs), offsetMs(wall + dayMs)];
  const instants = offsets.map((offset) => wall - offset).filter((time) => time + offsetMs(time) === wall);
  return instants.length > 0 ? Math.min(...instants) : undefined;
}

function zoneOffset(timeZone: string): (ms: number) => number {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return () => 0;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (ms) => {
    const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const shown = Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day, part.hour, part.minute, part.second);
    return shown - Math.floor(ms / 1000) * 1000;
  };
}

/** Whole seconds, at least one (robfig/cron Every). */
function every(duration: string): Schedule {
  const wholeSeconds = duration.startsWith('-') ? 0 : Math.floor(goDurationMs(duration) / 1000);
  const delay = Math.max(1, wholeSeconds) * 1000;
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + delay };
}
