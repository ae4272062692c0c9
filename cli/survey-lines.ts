import { plural } from '../src/inspect/plural.ts';
import { printable } from '../src/inspect/printable.ts';
import { size } from '../src/inspect/size.ts';
import { alike } from '../src/inspect/survey/alike.ts';
import type { SurveyService } from '../src/inspect/survey/describe-services.ts';
import type { Change, SurveyDiff } from '../src/inspect/survey/diff.ts';
import type { Survey } from '../src/inspect/survey/survey.ts';
import type { Style } from './style.ts';

/** How many of each are shown without --all. */
const most = { services: 25, sameUnusual: 5, connections: 15, scheduled: 10 };

/** The survey as a person reads it: the host, what is unusual, its services, who talks to whom. */
export function surveyLines(survey: Survey, style: Style, all: boolean): string[] {
  return [
    ...hostLines(survey, style),
    '',
    style.kind('unusual'),
    ...unusualLines(survey, style, all),
    '',
    style.kind(`services (${survey.services.length})`),
    ...serviceLines(survey, style, all),
    ...connectionLines(survey, style, all),
    ...scheduledLines(survey, style, all),
    ...(survey.unseen.length > 0
      ? ['', style.kind('not seen'), ...survey.unseen.map((text) => `  ${printable(text)}`)]
      : []),
    '',
    style.dim(`taken in ${survey.tookMs} ms`),
  ];
}

function hostLines({ host, takenAt }: Survey, style: Style): string[] {
  const days = (Date.parse(takenAt) - Date.parse(host.bootedAt)) / 86_400_000;
  const uptime = days < 2 ? `${(days * 24).toFixed(1)} h` : `${Math.floor(days)} d`;
  return [
    `${style.name(printable(host.name))}   ${printable(host.distribution)}, kernel ${host.kernel} (${host.architecture}), init ${printable(host.init)}`,
    `  ${host.virtualisation ?? 'no virtualisation found'}, cgroups ${host.cgroups}, up ${uptime}, load ${host.loadAverage.join(' ')} on ${plural(host.cpus, 'CPU')}`,
    `  memory ${size(host.memoryAvailableBytes)} of ${size(host.memoryBytes)} available, swap ${host.swapBytes ? `${size(host.swapFreeBytes)} of ${size(host.swapBytes)} free` : 'none'}, ${plural(host.processes, 'process')}, ${plural(host.threads, 'thread')} of ${plural(host.users, 'user')}`,
    ...(host.addresses.length > 0 ? [`  addresses ${host.addresses.slice(0, 8).map(printable).join(', ')}`] : []),
    ...(host.disks.length > 0 ? [`  disks ${host.disks.slice(0, 8).map(diskText).join(', ')}`] : []),
  ];
}

const diskText = ({ mount, usedBytes, totalBytes }: Survey['host']['disks'][number]): string =>
  `${printable(mount)} ${size(usedBytes)} of ${size(totalBytes)}`;

function unusualLines({ unusual }: Survey, style: Style, all: boolean): string[] {
  if (unusual.length === 0) return [style.good('  nothing')];
  const counts = new Map<string, number>();
  const lines: string[] = [];
  for (const { code, severity, text } of unusual) {
    const count = (counts.get(code) ?? 0) + 1;
    counts.set(code, count);
    const paint = severity === 'error' ? style.bad : severity === 'warning' ? style.warn : style.dim;
    if (all || count <= most.sameUnusual) lines.push(`  ${paint(severity.padEnd(7))} ${printable(text)}`);
  }
  const hidden = [...counts].filter(([, count]) => !all && count > most.sameUnusual);
  return [...lines, ...hidden.map(([code, count]) => style.dim(`  … and ${count - most.sameUnusual} more of ${code}`))];
}

function serviceLines({ services }: Survey, style: Style, all: boolean): string[] {
  const groups = all ? services.map((service) => [service]) : alike(services);
  const shown = all ? groups : groups.slice(0, most.services);
  const rest = groups.length - shown.length;
  return [
    ...shown.flatMap((group) => describe(group, style)),
    ...(rest > 0 ? [style.dim(`  … and ${rest} more: --all shows them`)] : []),
  ];
}

function describe(group: SurveyService[], style: Style): string[] {
  const first = group[0]!;
  const sum = (value: (service: SurveyService) => number) =>
    group.reduce((total, service) => total + value(service), 0);
  const name = printable(first.title === first.name ? first.title : `${first.title} (${first.name})`);
  const facts = [
    first.role ?? 'program',
    plural(
      sum(({ pids }) => pids.length),
      'process',
    ),
    plural(
      sum(({ threads }) => threads),
      'thread',
    ),
    size(sum(({ memoryBytes }) => memoryBytes)),
    `user ${printable(first.user)}`,
    `since ${first.startedAt.slice(0, 16).replace('T', ' ')}`,
    ...(group.length > 1 ? [] : [`pid ${first.pids[0]}`]),
  ];
  const detail = (label: string, values: string[]) =>
    values.length > 0
      ? [
          `      ${style.dim(label)} ${values.slice(0, 6).map(printable).join(' ')}${values.length > 6 ? ` … ${values.length - 6} more` : ''}`,
        ]
      : [];
  const listens = first.listens.map(
    ({ protocol, address, reach }) => `${protocol} ${address}${reach === 'any' ? ' (all addresses)' : ''}`,
  );
  return [
    `  ${style.name(group.length > 1 ? `${group.length} × ${name}` : name)}   ${facts.join(', ')}`,
    ...detail('listens ', listens.length > 0 ? [listens.slice(0, 8).join(', ')] : []),
    ...detail('package ', first.package ? [`${first.package} ${first.version ?? ''}`.trimEnd()] : []),
    ...detail('unit    ', first.unit ? [first.unit] : []),
    ...detail(
      'in      ',
      first.container && group.length === 1
        ? [
            `${first.container.runtime} container ${first.container.id.slice(0, 12)} ${first.container.image ?? ''}`.trimEnd(),
          ]
        : first.container
          ? [`${first.container.runtime} containers`]
          : [],
    ),
    ...detail('config  ', first.config),
    ...detail('logs    ', first.logs),
    ...detail('data    ', first.data),
    ...(first.role === null ? detail('command ', [first.command.slice(0, 150)]) : []),
  ];
}

function connectionLines({ connections, services }: Survey, style: Style, all: boolean): string[] {
  if (connections.length === 0) return [];
  const names = new Map(services.map(({ id, name }) => [id, name]));
  const name = (id: string | null) => (id === null ? 'elsewhere' : printable(names.get(id) ?? id));
  const shown = all ? connections : connections.slice(0, most.connections);
  return [
    '',
    style.kind('connections'),
    ...shown.map(
      ({ from, to, address, count }) => `  ${name(from)} → ${name(to)}   ${address}${count > 1 ? ` (${count})` : ''}`,
    ),
    ...(shown.length < connections.length ? [style.dim(`  … and ${connections.length - shown.length} more`)] : []),
  ];
}

function scheduledLines({ scheduled }: Survey, style: Style, all: boolean): string[] {
  if (scheduled.length === 0) return [];
  const shown = all ? scheduled : scheduled.slice(0, most.scheduled);
  return [
    '',
    style.kind('scheduled'),
    ...shown.map(
      ({ schedule, command, source }) =>
        `  ${printable(schedule)}   ${printable(command).slice(0, 100)}   ${style.dim(printable(source))}`,
    ),
    ...(shown.length < scheduled.length ? [style.dim(`  … and ${scheduled.length - shown.length} more`)] : []),
  ];
}

/** What has changed, as lines with + and -. */
export function diffLines(diff: SurveyDiff, style: Style): string[] {
  const change = ({ field, from, to }: Change) => `      ${field}: ${printable(from)} → ${printable(to)}`;
  const one = ({ name, title, listens }: SurveyService) =>
    printable(
      `${title === name ? name : `${title} (${name})`}${listens.length > 0 ? `   ${listens.map(({ address }) => address).join(' ')}` : ''}`,
    );
  const lines = [
    ...diff.host.map((its) => `  host ${change(its).trim()}`),
    ...diff.added.map((service) => style.good(`  + ${one(service)}`)),
    ...diff.removed.map((service) => style.bad(`  - ${one(service)}`)),
    ...diff.changed.flatMap(({ id, changes }) => [style.warn(`  ~ ${printable(id)}`), ...changes.map(change)]),
    ...diff.newUnusual.map(({ text }) => style.warn(`  ! ${printable(text)}`)),
    ...diff.goneUnusual.map(({ text }) => style.dim(`  no longer: ${printable(text)}`)),
  ];
  return [`from ${diff.from} to ${diff.to}`, ...(lines.length > 0 ? lines : ['  nothing has changed'])];
}
