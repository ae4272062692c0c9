import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Socket } from '../sockets.ts';
import { containerId, processInfo, snapshotOf, webHost, webObjects } from '../testing.ts';
import { joinConnections } from './connections.ts';
import { type SurveyService, withoutSecrets } from './describe-services.ts';
import { diffSurveys } from './diff.ts';
import { groupProcesses } from './group-processes.ts';
import { surveyHtml } from './html.ts';
import { createIdentify } from './identify.ts';
import { knownServices } from './services/all.ts';
import { parseKnowledge } from './services/own.ts';
import { familyOf, type Survey, takeSurvey } from './survey.ts';
import { findUnusual, type UnusualInput } from './unusual.ts';

const identify = createIdentify();

const identities: [what: string, comm: string, cmdline: string[], service: string | undefined, executable?: string][] =
  [
    ['nginx rewrites its title', 'nginx', ['nginx: master process /usr/sbin/nginx -g daemon on;'], 'nginx'],
    ['Apache of Debian', 'apache2', ['/usr/sbin/apache2', '-k', 'start'], 'httpd'],
    ['Apache of Red Hat', 'httpd', ['/usr/sbin/httpd', '-DFOREGROUND'], 'httpd'],
    ['Apache of SUSE', 'httpd-prefork', ['/usr/sbin/httpd-prefork'], 'httpd'],
    [
      'a PostgreSQL worker',
      'postgres',
      ['postgres: 15/main: checkpointer '],
      'postgresql',
      '/usr/lib/postgresql/15/bin/postgres',
    ],
    ['MariaDB', 'mariadbd', ['/usr/sbin/mariadbd'], 'mariadb'],
    ['Redis', 'redis-server', ['/usr/bin/redis-server 127.0.0.1:6379'], 'redis'],
    ['Kafka by its class', 'java', ['java', '-Xmx1G', 'kafka.Kafka', 'server.properties'], 'kafka'],
    [
      'Elasticsearch by its class',
      'java',
      ['/usr/share/elasticsearch/jdk/bin/java', 'org.elasticsearch.bootstrap.Elasticsearch'],
      'elasticsearch',
    ],
    ['any other Java is not known', 'java', ['java', '-jar', 'shop.jar'], undefined],
    ['RabbitMQ in Erlang', 'beam.smp', ['/usr/lib/erlang/erts-13/bin/beam.smp', '-s', 'rabbit', 'boot'], 'rabbitmq'],
    ['an upgraded nginx', 'nginx', [], 'nginx', '/usr/sbin/nginx (deleted)'],
    ['journald, its name cut by the kernel', 'systemd-journal', ['/lib/systemd/systemd-journald'], 'systemd-journald'],
    ['the httpd of BusyBox', 'httpd', ['httpd', '-f'], 'busybox-httpd', '/usr/bin/busybox'],
    ['cron of Red Hat', 'crond', ['/usr/sbin/crond', '-n'], 'cron'],
  ];

test('services are recognised by executable, title, name and command line', () => {
  for (const [what, comm, cmdline, service, executable] of identities)
    assert.equal(identify({ comm, cmdline }, executable)?.name, service, what);
});

test('secrets of command lines are left out', () => {
  const line = 'app --password hunter2 --db-token=abc API_KEY=x --key-file /etc/key --verbose';
  assert.equal(
    withoutSecrets(line.split(' ')).join(' '),
    'app --password *** --db-token=*** API_KEY=*** --key-file /etc/key --verbose',
  );
});

test('at least a hundred services are known, each once', () => {
  assert.ok(knownServices.length >= 100, String(knownServices.length));
  assert.equal(new Set(knownServices.map(({ name }) => name)).size, knownServices.length);
});

test('distributions belong to families', () => {
  assert.equal(familyOf(['ubuntu', 'debian']), 'debian');
  assert.equal(familyOf(['rocky', 'rhel', 'centos']), 'redhat');
  assert.equal(familyOf(['opensuse-leap', 'suse']), 'suse');
  assert.equal(familyOf(['nixos']), 'other');
});

test('a service is its process tree; what sshd started is not; a container is one, with its monitor', () => {
  const snapshot = snapshotOf(
    [
      ...webHost(),
      processInfo(20, 1, { comm: 'nginx', cmdline: ['nginx: master process'] }),
      processInfo(21, 20, { comm: 'nginx', cmdline: ['nginx: worker process'] }),
      processInfo(30, 1, { comm: 'sshd', cmdline: ['/usr/sbin/sshd', '-D'] }),
      processInfo(31, 30, { comm: 'bash', cmdline: ['-bash'] }),
      processInfo(32, 31, { comm: 'myapp', cmdline: ['./myapp'] }),
      processInfo(33, 32, { comm: 'helper', cmdline: ['helper'] }),
      processInfo(40, 2, { comm: 'kworker/0:1', cmdline: [] }),
    ],
    webObjects([{ name: 'web-1-a', containerId: containerId('a') }]),
  );
  const groups = groupProcesses(snapshot, () => undefined, identify).map(({ name, members }) => [
    name,
    members.map(({ pid }) => pid),
  ]);
  assert.deepEqual(groups, [
    ['httpd', [10, 11, 12, 13, 14]],
    ['nginx', [20, 21]],
    ['sshd', [30]],
    ['bash', [31]],
    ['myapp', [32, 33]],
  ]);
});

const socket = (fields: Partial<Socket>): Socket => ({
  protocol: 'tcp',
  state: 'ESTAB',
  localAddress: '127.0.0.1',
  localPort: 1,
  remoteAddress: '127.0.0.1',
  remotePort: 2,
  uid: 0,
  inode: 1,
  network: 1,
  processes: [],
  ...fields,
});

test('a connection within the host is told once, from the one that connected; others go elsewhere', () => {
  const snapshot = snapshotOf([processInfo(1, 0), processInfo(20, 1), processInfo(21, 1)]);
  const [web, database] = [snapshot.processes.get(20)!, snapshot.processes.get(21)!];
  const services = [
    { id: 'web', pids: [20] },
    { id: 'db', pids: [21] },
  ] as SurveyService[];
  const found = joinConnections(
    [
      socket({ state: 'LISTEN', localPort: 5432, remotePort: 0, processes: [database] }),
      socket({ localPort: 40000, remotePort: 5432, processes: [web] }),
      socket({ localPort: 5432, remotePort: 40000, processes: [database] }),
      socket({ localPort: 40001, remoteAddress: '192.0.2.1', remotePort: 443, processes: [web] }),
    ],
    services,
  );
  assert.deepEqual(
    found.map(({ from, to, address }) => [from, to, address]),
    [
      ['web', 'db', '127.0.0.1:5432'],
      ['web', null, '192.0.2.1:443'],
    ],
  );
});

const fact = { executableDeleted: false, descriptorCount: 1, descriptorLimit: 1024, files: [], deletedLibraries: [] };
const unusualInput = (fields: Partial<UnusualInput>): UnusualInput => ({
  snapshot: snapshotOf([
    processInfo(1, 0),
    processInfo(5, 1, { state: 'Z', comm: 'gone' }),
    processInfo(6, 1, { state: 'D', comm: 'stuck' }),
    processInfo(7, 1, { comm: 'miner' }),
  ]),
  sockets: [],
  facts: new Map(),
  services: [],
  fills: [],
  failedUnits: [],
  rebootReasons: [],
  clockDifferenceSeconds: 0,
  memory: { MemTotal: 100, MemAvailable: 50 },
  ...fields,
});

test('what an experienced eye stops at', () => {
  const found = findUnusual(
    unusualInput({
      facts: new Map([
        [1, { ...fact, executable: '/usr/sbin/init', deletedLibraries: ['/usr/lib/libc.so.6'] }],
        [6, { ...fact, executable: '/usr/bin/stuck', executableDeleted: true, descriptorCount: 1000 }],
        [7, { ...fact, executable: '/tmp/.x/miner' }],
      ]),
      fills: [
        { name: 'disk /', used: 96, limit: 100 },
        { name: 'inodes /', used: 10, limit: 100 },
      ],
      failedUnits: ['backup.service'],
      clockDifferenceSeconds: 90,
      memory: { MemTotal: 100, MemAvailable: 4 },
      sockets: [socket({ state: 'LISTEN', localAddress: '0.0.0.0', localPort: 6379, remotePort: 0, network: 0 })],
    }),
  );
  assert.deepEqual(found.map(({ code, severity }) => `${severity} ${code}`).sort(), [
    'error FailedUnit',
    'error LittleMemory',
    'error NearlyFull',
    'error NearlyOutOfFiles',
    'note ListensEverywhere',
    'warning ClockDifference',
    'warning DeletedExecutable',
    'warning RestartPending',
    'warning TemporaryExecutable',
    'warning UninterruptibleSleep',
    'warning Zombies',
  ]);
  assert.equal(found[0]?.severity, 'error');
});

test('on this host: this process is in it, within the time it may take; nothing has changed against itself', async () => {
  const survey = await takeSurvey();
  assert.ok(survey.services.some(({ pids }) => pids.includes(process.pid)));
  assert.ok(survey.host.processes > 1 && survey.host.threads >= survey.host.processes);
  const { added, removed, changed, host } = diffSurveys(survey, survey);
  assert.deepEqual([added, removed, changed, host], [[], [], [], []]);
  const before: Survey = structuredClone(survey);
  const [first] = before.services;
  before.host.kernel = '0.1';
  first!.version = '0.0.1';
  before.services.splice(1, 1);
  const diff = diffSurveys(before, survey);
  assert.equal(diff.host[0]?.field, 'kernel');
  assert.equal(diff.changed[0]?.changes[0]?.field, 'version');
  assert.equal(diff.added.length, 1);
});

test('the page is complete in itself, and no name of the host becomes markup', async () => {
  const survey = await takeSurvey();
  survey.host.name = '<script>alert(1)</script>';
  survey.unusual.unshift({ code: 'X', severity: 'note', text: '"><img src=x onerror=y>\u001b[2J\u202e', pids: [] });
  const html = surveyHtml(survey);
  assert.ok(!/<(script|img|link|iframe|object)|<[^>]* (src|href)=/.test(html));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.ok(!/[\u001b\u202e]/.test(html));
});

test('people teach the survey services of their own, which win over those it knows', () => {
  const own = parseKnowledge(
    `
- name: shop
  title: The shop
  role: application
  programs: [java]
  command: -jar .*shop.*[.]jar
  config: [/etc/shop.conf]
- name: proxy
  programs: [nginx]
`,
    'services.yaml',
  );
  const taught = createIdentify(own);
  assert.equal(taught({ comm: 'java', cmdline: ['java', '-jar', '/opt/shop-2.jar'] })?.title, 'The shop');
  assert.notEqual(taught({ comm: 'java', cmdline: ['java', '-jar', '/opt/other.jar'] })?.name, 'shop');
  assert.equal(taught({ comm: 'nginx', cmdline: ['nginx'] })?.name, 'proxy');
  assert.equal(taught({ comm: 'redis-server', cmdline: ['redis-server'] })?.name, 'redis');
});

for (const [text, message] of [
  ['a: b', /services.yaml: must be a list/],
  ['- programs: [x]', /services.yaml: \[0\].name undefined: must be text/],
  ['- name: x\n  programs: x', /\[0\].programs "x": must be a list of texts/],
  ['- name: x\n  role: cook', /\[0\].role "cook": must be one of web server/],
  ['- name: x\n  command: "("', /\[0\].command "\(": must be a regular expression/],
  ['- name: x\n  log: [y]', /\[0\].log \["y"\]: must be one of name/],
  ['- name: [', /services.yaml is no YAML/],
] as const)
  test(`wrong knowledge is told: ${message.source}`, () => {
    assert.throws(() => parseKnowledge(text, 'services.yaml'), message);
  });
