import { goQuote } from '../go-json.ts';

/** Why a text is no schedule, in the words of github.com/robfig/cron/v3 ParseStandard; undefined when it is one. */
export function scheduleProblem(schedule: string): string | undefined {
  const text = schedule.replace(/^(CRON_)?TZ=\S+\s+/, '');
  if (text.startsWith('@')) return descriptorProblem(text);
  const fields = text.split(/\s+/).filter(Boolean);
  if (fields.length !== 5) return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  for (const [i, field] of fields.entries()) {
    const problem = fieldProblem(field, bounds[i] as Bounds);
    if (problem) return problem;
  }
  return undefined;
}

interface Bounds {
  min: number;
  max: number;
  names?: readonly string[];
}

const bounds: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const descriptors = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

function descriptorProblem(text: string): string | undefined {
  if (descriptors.includes(text)) return undefined;
  if (!text.startsWith('@every ')) return `unrecognized descriptor: ${text}`;
  const duration = text.slice('@every '.length);
  if (/^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/.test(duration))
    return undefined;
  return `failed to parse duration ${text}: time: invalid duration ${goQuote(duration)}`;
}

function fieldProblem(field: string, limits: Bounds): string | undefined {
  for (const part of field.split(',').filter(Boolean)) {
    const problem = rangeProblem(part, limits);
    if (problem) return problem;
  }
  return undefined;
}

function rangeProblem(part: string, { min, max, names }: Bounds): string | undefined {
  const [range = '', step, ...moreSteps] = part.split('/');
  const [low = '', high, ...moreHighs] = range.split('-');
  let [start, end] = [min, max];
  if (low !== '*' && low !== '?') {
    const first = parse(low, min, names);
    if (typeof first === 'string') return first;
    start = first;
    if (moreHighs.length) return `too many hyphens: ${part}`;
    const last = high === undefined ? first : parse(high, min, names);
    if (typeof last === 'string') return last;
    end = step !== undefined && high === undefined ? max : last;
  }
  if (moreSteps.length) return `too many slashes: ${part}`;
  const every = step === undefined ? 1 : parse(step, min, undefined);
  if (typeof every === 'string') return every;
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${part}`;
  if (end > max) return `end of range (${end}) above maximum (${max}): ${part}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${part}`;
  if (every === 0) return `step of range should be a positive number: ${part}`;
  return undefined;
}

function parse(text: string, min: number, names: readonly string[] | undefined): number | string {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  if (/^\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) return `negative number (${text}) not allowed: ${text}`;
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`;
}
