import { plural } from '../plural.ts';
import { size } from '../size.ts';
import { alike } from './alike.ts';
import type { SurveyService } from './describe-services.ts';
import type { Survey } from './survey.ts';

/** One page without scripts, styles or pictures from elsewhere; everything found on the host is escaped. */
export function surveyHtml(survey: Survey): string {
  const { host, services, connections, scheduled, unusual, unseen } = survey;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(host.name)}: survey</title>
<style>${style}</style>
</head>
<body>
<header><h1>${escapeHtml(host.name)}</h1><p>${escapeHtml(survey.takenAt)}, taken in ${survey.tookMs} ms</p></header>
<main>
${section('Host', definitions(hostFacts(host)))}
${section(`Unusual (${unusual.length})`, unusual.length === 0 ? '<p>nothing</p>' : `<ul>${unusual.map(({ severity, text }) => `<li class="${severity}"><b>${severity}</b> ${escapeHtml(text)}</li>`).join('')}</ul>`)}
${section(`Services (${services.length})`, alike(services).map(groupHtml).join('\n'))}
${section(
  'Connections',
  table(
    ['From', 'To', 'Address', 'Count'],
    connections.map((c) => [c.from ?? 'elsewhere', c.to ?? 'elsewhere', c.address, String(c.count)]),
  ),
)}
${section(
  'Scheduled',
  table(
    ['Schedule', 'Command', 'Source'],
    scheduled.map((job) => [job.schedule, job.command, job.source]),
  ),
)}
${section('Not seen', unseen.length === 0 ? '<p>nothing was hidden</p>' : `<ul>${unseen.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`)}
</main>
</body>
</html>
`;
}

function hostFacts(host: Survey['host']): [string, string][] {
  return [
    ['Distribution', host.distribution],
    ['Kernel', `${host.kernel} (${host.architecture})`],
    ['Init', host.init],
    ['Virtualisation', host.virtualisation ?? 'none found'],
    ['cgroups', host.cgroups],
    ['Started', host.bootedAt],
    ['CPUs', `${host.cpus}, load ${host.loadAverage.join(' ')}`],
    ['Memory', `${size(host.memoryBytes)}, ${size(host.memoryAvailableBytes)} available`],
    ['Swap', host.swapBytes > 0 ? `${size(host.swapBytes)}, ${size(host.swapFreeBytes)} free` : 'none'],
    ['Addresses', host.addresses.join(', ') || 'none'],
    ...host.disks.map(({ mount, source, usedBytes, totalBytes }): [string, string] => [
      `Disk ${mount}`,
      `${size(usedBytes)} of ${size(totalBytes)} (${source})`,
    ]),
    ['Processes', `${host.processes} with ${host.threads} threads of ${host.users} users`],
  ];
}

/** One line that opens; containers of one image open to a line each. */
function groupHtml(group: SurveyService[]): string {
  const [first] = group;
  if (group.length === 1 && first) return serviceHtml(first);
  const sum = (value: (service: SurveyService) => number) => group.reduce((total, one) => total + value(one), 0);
  const facts = [
    first?.role ?? 'program',
    `${sum(({ pids }) => pids.length)} processes, ${sum(({ threads }) => threads)} threads`,
    size(sum(({ memoryBytes }) => memoryBytes)),
    `${first?.container?.runtime} containers of ${first?.container?.image ?? 'one image'}`,
  ];
  const summary = `${group.length} × ${escapeHtml(first?.title ?? '')} <span>${escapeHtml(facts.join(', '))}</span>`;
  return `<details><summary>${summary}</summary><div>${group.map(serviceHtml).join('\n')}</div></details>`;
}

function serviceHtml(service: SurveyService): string {
  const { title, name, role, listens, memoryBytes, threads, pids } = service;
  const facts: [string, string][] = [
    ['Command', service.command],
    ['Executable', service.executable ?? '-'],
    ['Package', [service.package, service.version].filter(Boolean).join(' ') || '-'],
    ['Unit', service.unit ?? '-'],
    [
      'Container',
      service.container ? `${service.container.runtime} ${service.container.id} ${service.container.image ?? ''}` : '-',
    ],
    ['User', service.user],
    ['Started', service.startedAt],
    ['Listens', listens.map(({ protocol, address }) => `${protocol} ${address}`).join(', ') || '-'],
    ['Configuration', service.config.join(', ') || '-'],
    ['Logs', service.logs.join(', ') || '-'],
    ['Data', service.data.join(', ') || '-'],
    ['Processes', pids.join(' ')],
  ];
  const summary = `${escapeHtml(title === name ? title : `${title} (${name})`)} <span>${escapeHtml(role ?? 'program')}, ${plural(pids.length, 'process')}, ${plural(threads, 'thread')}, ${size(memoryBytes)}${escapeHtml(ports(listens))}</span>`;
  return `<details><summary>${summary}</summary>${definitions(facts.filter(([, value]) => value !== '-'))}</details>`;
}

/** ', listens on 0.0.0.0:80, …'. */
function ports(listens: SurveyService['listens']): string {
  const addresses = listens.filter(({ protocol }) => protocol !== 'unix').map(({ address }) => address);
  if (addresses.length === 0) return '';
  return `, listens on ${addresses.slice(0, 3).join(', ')}${addresses.length > 3 ? ', …' : ''}`;
}

const section = (title: string, body: string): string => `<section><h2>${escapeHtml(title)}</h2>${body}</section>`;

const definitions = (facts: [string, string][]): string =>
  `<dl>${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>`;

function table(heads: string[], rows: string[][]): string {
  if (rows.length === 0) return '<p>none</p>';
  const row = (cells: string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(heads, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table>`;
}

/** Nothing that a host calls its processes can become markup; control characters become '?'. */
function escapeHtml(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '?')
  );
}

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; }
h1 { margin: 0; } header p { margin: 0; opacity: .7; }
h2 { border-bottom: 1px solid; font-size: 1.1rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; } summary span { opacity: .7; }
details { margin: .2rem 0; } details div { margin-left: 1.2rem; } details dl { margin-left: 1.2rem; }
li.error b { color: #c22; } li.warning b { color: #b70; } li.note b { opacity: .7; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .15rem .6rem .15rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
`;
