import { parseLabelSelector } from '../src/api/selectors.ts';
import { type ProcessFilter, parseSortKey, type SortBy, sortKeys } from '../src/inspect/select-processes.ts';
import { type Invocation, listOption, stringOption, UsageError } from './command.ts';
import { type Column, columnAliases, columns } from './process-columns.ts';

/** What `vitrine ps` was asked for, in its own options, those of ps, or BSD's words. */
export interface PsRequest {
  filter: ProcessFilter;
  threads: boolean;
  forest: boolean;
  /** 'ps -ef'. */
  full: boolean;
  /** 'ps aux': BSD's u. */
  userOriented: boolean;
  count: boolean;
  /** What costs a look into each process, in JSON. */
  details: boolean;
  wide: boolean;
  json: boolean;
  /** -o COL,… */
  columns: Column[] | undefined;
  sort: SortBy[];
}

export function readRequest(invocation: Invocation): PsRequest {
  const { values, args, name } = invocation;
  const pids = args.filter((word) => /^\d+(,\d+)*$/.test(word));
  const words = args.filter((word) => !pids.includes(word));
  const wrong = words.find((word) => !/^-?[axefuwlL]+$/.test(word));
  if (wrong !== undefined) throw new UsageError(`unexpected argument "${wrong}"`);
  const letters = words.join('');
  const all = !!(values.all || values.every || /[axe]/.test(letters));
  const outputs = listOption(invocation, 'output');
  const json = outputs.includes('json');
  const wide = outputs.includes('wide');
  if ((json || wide) && outputs.length > 1)
    throw new UsageError(`--output "${outputs.join(',')}": json and wide stand alone`);
  return {
    filter: { ...readFilter(invocation, pids), cluster: name, all },
    threads: !!values.threads || letters.includes('L'),
    // ps's own -ef is flat; BSD's f, and -f among a few Pods, is a forest.
    forest: !!values.forest || letters.includes('f') || (!!values.full && !all),
    full: !!values.full && all,
    userOriented: letters.includes('u'),
    count: !!values.count,
    details: !!values.details,
    wide: wide || /[wl]/.test(letters),
    json,
    columns: json || wide || outputs.length === 0 ? undefined : outputs.flatMap(readColumns),
    sort: (stringOption(invocation, 'sort') ?? 'pid').split(',').map(readSort),
  };
}

function readFilter(invocation: Invocation, pids: string[]): ProcessFilter {
  const filter: ProcessFilter = {};
  for (const option of ['namespace', 'pod'] as const) {
    const value = stringOption(invocation, option);
    if (value !== undefined) filter[option] = value;
  }
  const selector = stringOption(invocation, 'selector');
  if (selector !== undefined) filter.selector = readSelector(selector);
  const list = (option: string) => listOption(invocation, option).flatMap((text) => text.split(/[, ]+/));
  const wanted = [...list('pid'), ...pids.flatMap((text) => text.split(','))];
  if (wanted.length > 0) filter.pids = wanted.map(readPid);
  if (list('user').length > 0) filter.users = list('user');
  if (list('command').length > 0) filter.names = list('command');
  return filter;
}

function readSelector(text: string) {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    throw new UsageError(`--selector: ${(error as Error).message}`);
  }
}

function readPid(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--pid "${text}": must be a number`);
  return Number(text);
}

function readSort(text: string): SortBy {
  const by = parseSortKey(text);
  if (!by) throw new UsageError(`--sort "${text}": must be one of ${sortKeys.join(', ')}, with - for descending`);
  return by;
}

function readColumns(text: string): Column[] {
  const known: Record<string, Column> = columns;
  return text.split(/[, ]+/).map((word) => {
    const [name = '', title] = word.split('=');
    const found = Object.hasOwn(known, name) ? known[name] : known[columnAliases[name] ?? ''];
    if (!found) throw new UsageError(`--output "${name}": no such column; see --help`);
    return title === undefined ? found : { ...found, title };
  });
}

export function chooseColumns(request: PsRequest): Column[] {
  const c = columns;
  const { filter, threads, wide } = request;
  if (request.columns) return request.columns;
  const owner = filter.all || filter.pids ? [c.owner, c.member] : [c.pod, c.container];
  if (request.userOriented)
    return [
      ...[c.user, c.pid, ...(threads ? [c.lwp] : []), c['%cpu'], ...(threads ? [c.nlwp] : []), c['%mem'], c.vsz, c.rss],
      ...[c.tty, c.stat, c.start, c.bsdtime, ...owner, ...(wide ? [c.image] : []), c.args],
    ];
  if (request.full)
    return [
      ...[{ ...c.user, title: 'UID' }, c.pid, c.ppid, ...(threads ? [c.lwp] : []), c.c, ...(threads ? [c.nlwp] : [])],
      ...[c.stime, c.tty, c.time, ...owner, ...(wide ? [c.image] : []), { ...c.args, title: 'CMD' }],
    ];
  if (wide) {
    const ids = threads ? [c.user, c.pid, c.ppid, c.lwp, c.nlwp, c.psr] : [c.user, c.pid, c.ppid, c.nlwp];
    const last = threads ? [c.thread, c.args] : [c.args];
    return [...ids, c.s, c['%cpu'], c['%mem'], c.rss, c.stime, c.time, ...owner, c.image, ...last];
  }
  if (threads) return [c.pid, c.lwp, c.nlwp, c.s, c.time, ...owner, c.thread, c.args];
  return [...(filter.all ? [c.user] : []), c.pid, c.nlwp, c.rss, c.time, ...owner, c.args];
}
