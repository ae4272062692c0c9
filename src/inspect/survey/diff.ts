import type { SurveyService } from './describe-services.ts';
import type { Survey, SurveyHost } from './survey.ts';

/** What has changed between two surveys of a host. */
export interface SurveyDiff {
  schema: 'vitrine/survey-diff/v1';
  from: string;
  to: string;
  host: Change[];
  added: SurveyService[];
  removed: SurveyService[];
  changed: { id: string; changes: Change[] }[];
  newUnusual: Survey['unusual'];
  goneUnusual: Survey['unusual'];
}

export interface Change {
  field: string;
  from: string;
  to: string;
}

/** Figures that move all the time (memory, threads, load) are no change. */
const hostFields: (keyof SurveyHost)[] = [
  'name',
  'distribution',
  'kernel',
  'architecture',
  'init',
  'virtualisation',
  'cgroups',
  'bootedAt',
  'cpus',
  'memoryBytes',
  'swapBytes',
];

const serviceFields: (keyof SurveyService)[] = [
  'package',
  'version',
  'unit',
  'executable',
  'command',
  'user',
  'startedAt',
  'config',
  'data',
];

export function diffSurveys(old: Survey, now: Survey): SurveyDiff {
  const before = new Map(old.services.map((service) => [service.id, service]));
  const after = new Map(now.services.map((service) => [service.id, service]));
  const texts = (survey: Survey) => new Set(survey.unusual.map(unusualKey));
  const [oldTexts, newTexts] = [texts(old), texts(now)];
  return {
    schema: 'vitrine/survey-diff/v1',
    from: old.takenAt,
    to: now.takenAt,
    host: changesOf(old.host, now.host, hostFields),
    added: now.services.filter(({ id }) => !before.has(id)),
    removed: old.services.filter(({ id }) => !after.has(id)),
    changed: now.services.flatMap((service) => {
      const previous = before.get(service.id);
      const changes = previous
        ? [...changesOf(previous, service, serviceFields), ...listenChanges(previous, service)]
        : [];
      return changes.length > 0 ? [{ id: service.id, changes }] : [];
    }),
    newUnusual: now.unusual.filter((unusual) => !oldTexts.has(unusualKey(unusual))),
    goneUnusual: old.unusual.filter((unusual) => !newTexts.has(unusualKey(unusual))),
  };
}

export function hasChanges({ host, added, removed, changed, newUnusual, goneUnusual }: SurveyDiff): boolean {
  return [host, added, removed, changed, newUnusual, goneUnusual].some(({ length }) => length > 0);
}

/** The same trouble with other pids and figures is the same. */
const unusualKey = ({ code, text }: Survey['unusual'][number]): string =>
  `${code} ${text.replace(/\d+(\.\d+)?/g, '#')}`;

function changesOf<T extends object>(old: T, now: T, fields: (keyof T)[]): Change[] {
  return fields.flatMap((field) => {
    const [from, to] = [show(old[field]), show(now[field])];
    return from === to || sameMoment(field, from, to) ? [] : [{ field: String(field), from, to }];
  });
}

/** The kernel's time of boot, from which starts are counted, moves by a second when the clock is corrected. */
function sameMoment(field: PropertyKey, from: string, to: string): boolean {
  return /At$/.test(String(field)) && Math.abs(Date.parse(from) - Date.parse(to)) < 2000;
}

function listenChanges(old: SurveyService, now: SurveyService): Change[] {
  const list = ({ listens }: SurveyService) =>
    show(listens.map(({ protocol, address }) => `${protocol} ${address}`).sort());
  return list(old) === list(now) ? [] : [{ field: 'listens', from: list(old), to: list(now) }];
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
