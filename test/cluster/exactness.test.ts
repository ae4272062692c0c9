import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { printable } from '../../src/inspect/printable.ts';
import type { Survey } from '../../src/inspect/survey/survey.ts';
import { noDebianHost } from '../kernel/debian-host.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { evil, type MixedHost, startMixedHost } from './fixture/mixed-host.ts';
import { deployment, service, web } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

/**
 * Every figure of the glass against an independent source (ps, ss, lsns, systemd-cgls, the cgroup files, nft, kubectl, dpkg)
 * on a host with a mix of everything: two clusters, Debian's nginx, PostgreSQL and Redis, and what makes tools stumble.
 */
let mixed: MixedHost;
let clusters: TestCluster[] = [];

const sh = (script: string): string =>
  execFileSync('bash', ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });

interface ProcessJson {
  pid: number;
  name: string;
  command: string[];
  namespaces: Record<string, number>;
  cgroup: string;
  container: { id: string; name: string; firstPid: number; cluster: string; pod: { name: string; uid: string } } | null;
  threads: { tid: number }[];
  [field: string]: unknown;
}

before(async () => {
  if (noDebianHost) return;
  clusters = [await startTestCluster(), await startTestCluster()];
  await Promise.all(
    clusters.map(async (cluster) => {
      const space = await cluster.space('mix');
      const limits = { resources: { limits: { memory: '64Mi', cpu: '500m' } } };
      // A probe would be a process more now and then.
      const container = web({ ...limits, readinessProbe: undefined });
      await space.apply(deployment('web', 2, container), service('web', 'web', { type: 'NodePort' }));
      await space.kubectl('rollout status deployment/web --timeout=60s');
    }),
  );
  mixed = await startMixedHost();
});

after(async () => {
  await mixed?.stop();
  await Promise.all(clusters.map((cluster) => cluster.delete()));
});

const processes = async (options = '', cluster = clusters[0]!): Promise<ProcessJson[]> =>
  JSON.parse(await cluster.vitrine(`ps -A ${options} -o json`)).processes;

/** Lines of a command that are the same before and after: what did not change meanwhile. */
async function steady<T>(script: string, look: () => Promise<T>): Promise<{ lines: string[]; seen: T }> {
  const first = sh(script).split('\n');
  const seen = await look();
  const second = new Set(sh(script).split('\n'));
  return { lines: first.filter((line) => line && second.has(line)), seen };
}

const stateOf = (pid: number): string => sh(`ps -o state= -p ${pid}`).trim();

describe('exactness', { skip: noDebianHost ?? false }, () => {
  test('processes: what ps shows of each', async () => {
    const fields = 'pid,ppid,pgid,sid,uid,nlwp,ni,vsz,tty,rss,stat';
    const { lines, seen } = await steady(`ps -ewwo ${fields.replace(/\w+/g, '$&=')}`, () =>
      clusters[0]!.vitrine(`ps -A -o ${fields}`),
    );
    const squeeze = (line: string) => line.trim().replace(/\s+/g, ' ');
    const ours = new Set(seen.split('\n').map(squeeze));
    const wrong = lines.map(squeeze).filter((line) => !ours.has(line));
    // A process may change between the two and back.
    assert.ok(lines.length > 100, String(lines.length));
    assert.ok(wrong.length <= lines.length * 0.02, `${fields}\n${wrong.slice(0, 10).join('\n')}`);
    for (const pid of Object.values(mixed.pids))
      assert.ok(
        [...ours].some((line) => line.startsWith(`${pid} `)),
        String(pid),
      );
    const own = Object.values(mixed.pids).map(String);
    assert.deepEqual(
      wrong.filter((line) => own.includes(line.split(' ')[0]!)),
      [],
    );
  });

  test('states: what ps shows of each that is stopped, frozen or waits in the kernel', async () => {
    const { uninterruptible, frozen, stopped, nobody } = mixed.pids;
    assert.equal(stateOf(uninterruptible), 'D');
    const views = [...(await clusters[0]!.vitrine('ps -A -o pid,s')).matchAll(/^ *(\d+) (\w)$/gm)];
    for (const pid of [uninterruptible, frozen, stopped, nobody]) {
      assert.equal(views.find(([, its]) => its === String(pid))?.[2], stateOf(pid));
      const look = await clusters[0]!.vitrine(`look ${pid}`);
      assert.equal(/ state +(\w)/.exec(look)?.[1], stateOf(pid), look);
    }
  });

  test('threads: all that ps shows, and no other', async () => {
    const { lines, seen } = await steady('ps -eLo pid=,lwp=', () => processes('-L'));
    const ours = new Set(seen.flatMap(({ pid, threads }) => threads.map(({ tid }) => `${pid} ${tid}`)));
    const missing = lines.map((line) => line.trim().replace(/\s+/g, ' ')).filter((line) => !ours.has(line));
    // What is about to end is left out, and may take its time to do so on a busy machine.
    const hasEnded = (pidAndTid: string) =>
      !/^State:\s+[^ZX]/m.test(sh(`cat /proc/${pidAndTid.replace(' ', '/task/')}/status || true`));
    await until(`an end of ${missing}`, () => missing.every(hasEnded));
    assert.equal(seen.find(({ pid }) => pid === mixed.pids.threads)!.threads.length, 21);
  });

  test('command lines, executables, directories, open files and their limit, PSS', async () => {
    const all = await processes('--details');
    const text = (file: string) => fs.readFileSync(file, 'utf8');
    for (const name of ['stopped', 'evil', 'files', 'threads', 'nobody'] as const) {
      const pid = mixed.pids[name];
      const its = all.find((one) => one.pid === pid)!;
      const details = its.details as Record<string, unknown>;
      assert.deepEqual(its.command, text(`/proc/${pid}/cmdline`).replace(/\0$/, '').split('\0'), name);
      assert.equal(its.name, text(`/proc/${pid}/comm`).replace(/\n$/, ''), name);
      assert.equal(details.executable, fs.readlinkSync(`/proc/${pid}/exe`), name);
      assert.equal(details.workingDirectory, fs.readlinkSync(`/proc/${pid}/cwd`), name);
      assert.equal(details.openFiles, Number(sh(`ls /proc/${pid}/fd | wc -l`)), name);
      assert.equal(
        String(details.openFilesLimit),
        sh(`awk '/^Max open files/ { print $4 }' /proc/${pid}/limits`).trim(),
        name,
      );
      const pss = Number(sh(`awk '/^Pss:/ { sum += $2 } END { print sum }' /proc/${pid}/smaps`)) * 1024;
      assert.ok(
        Math.abs((details.pssBytes as number) - pss) <= Math.max(65_536, pss * 0.1),
        `${name}: ${details.pssBytes} ${pss}`,
      );
    }
    const deleted = all.find(({ pid }) => pid === mixed.pids.deleted)!.details as Record<string, unknown>;
    assert.deepEqual(
      [deleted.executable, deleted.executableDeleted],
      [fs.readlinkSync(`/proc/${mixed.pids.deleted}/exe`).replace(' (deleted)', ''), true],
    );
  });

  test('namespaces: the members that lsns counts', async () => {
    const { lines, seen } = await steady('lsns -rno NS,TYPE,NPROCS', () => processes());
    const members = new Map<string, number>();
    for (const { namespaces } of seen)
      for (const [kind, inode] of Object.entries(namespaces))
        members.set(`${inode} ${kind}`, (members.get(`${inode} ${kind}`) ?? 0) + 1);
    // Other clusters of the machine may be at work; ours are at rest.
    const own = seen.filter(
      ({ pid, container }) => pid === mixed.pids.namespaces || clusters.some(({ name }) => container?.cluster === name),
    );
    const children = sh(`pgrep -P ${mixed.pids.namespaces}`).trim();
    const inner = seen.filter(({ pid }) => String(pid) === children);
    const theirs = (one: ProcessJson[]) =>
      new Set(one.flatMap(({ namespaces }) => Object.values(namespaces).map(String)));
    const host = theirs(seen.filter(({ pid }) => pid === process.pid));
    const wanted = theirs([...own, ...inner]);
    const counted = lines
      .map((line) => line.split(' '))
      .filter(([inode, kind]) => kind !== 'time' && wanted.has(inode!) && !host.has(inode!));
    assert.ok(counted.length >= 20, lines.join('\n'));
    for (const kind of ['user', 'pid', 'uts', 'ipc', 'mnt'])
      assert.ok(
        counted.some(([inode, its]) => its === kind && inode === String(inner[0]?.namespaces[kind])),
        kind,
      );
    for (const [inode, kind, count] of counted)
      assert.equal(members.get(`${inode} ${kind}`), Number(count), `${kind} namespace ${inode}`);
  });

  test('cgroups: the processes that systemd-cgls shows, limits and use as the files have them', async () => {
    for (const cluster of clusters) {
      const script = `systemd-cgls --no-pager -l /vitrine-${cluster.name}/kubepods | grep -oE '[├└]─ *[0-9]+ ' | tr -dc '0-9\\n' | sort -n`;
      const { lines, seen } = await steady(script, () => processes('', cluster));
      const ours = seen.filter(({ cgroup }) => cgroup.startsWith(`/vitrine-${cluster.name}/kubepods/`));
      assert.ok(lines.length >= 4, lines.join());
      assert.deepEqual(
        lines.filter((pid) => !ours.some((one) => String(one.pid) === pid)),
        [],
      );
      const { objects } = JSON.parse(await cluster.vitrine('tree deploy/web -n mix -o json'));
      const containers = objects[0].children[0].children.flatMap((pod: { containers: object[] }) => pod.containers);
      assert.equal(containers.length, 2);
      for (const { cgroup } of containers) {
        const cat = (file: string) =>
          sh(`cat /sys/fs/cgroup{/*,}${cgroup.path}/${file} 2>/dev/null | head -1`).trim().replace(/^max$/, '');
        assert.equal(String(cgroup.memoryLimitBytes), cat('memory.limit_in_bytes') || cat('memory.max'));
        assert.equal(cgroup.memoryLimitBytes, 64 * 2 ** 20);
        assert.equal(cgroup.cpuLimit, 0.5);
        const [quota, period] = (cat('cpu.max') || `${cat('cpu.cfs_quota_us')} ${cat('cpu.cfs_period_us')}`).split(' ');
        assert.equal(cgroup.cpuLimit, Number(quota) / Number(period));
        assert.equal(String(cgroup.pids), cat('pids.current'));
        const used = Number(cat('cpuacct.usage') || Number(cat('cpu.stat').split(' ')[1]) * 1000);
        assert.ok(cgroup.cpuNanoseconds > 0 && cgroup.cpuNanoseconds <= used, `${cgroup.cpuNanoseconds} of ${used}`);
      }
    }
  });

  test('Pods and containers: names, uids and ids that kubectl shows, each cluster its own', async () => {
    for (const cluster of clusters) {
      const { items } = JSON.parse(await cluster.kubectl('get pods -n mix -o json'));
      const seen = await processes('', cluster);
      const own = new Set(
        seen.filter(({ container }) => container?.cluster === cluster.name).map(({ container }) => container!.id),
      );
      assert.deepEqual(
        [...own].sort(),
        items.map((pod: Pod) => pod.status.containerStatuses[0]!.containerID.replace('vitrine://', '')).sort(),
      );
      for (const { metadata, status } of items as Pod[]) {
        const its = seen.filter(
          ({ container }) => container?.pod?.uid === metadata.uid && container.pod.name === metadata.name,
        );
        assert.ok(its.length >= 2, metadata.name);
        const [{ name, containerID }] = status.containerStatuses as [{ name: string; containerID: string }];
        for (const { container } of its)
          assert.deepEqual([container!.name, `vitrine://${container!.id}`], [name, containerID]);
        const inside = sh(`nsenter -t ${its[0]!.container!.firstPid} -n ip -4 -o addr show scope global`);
        assert.ok(inside.includes(` ${(status as { podIP?: string }).podIP}/`), inside);
      }
    }
  });

  test('Services: nftables leads to the endpoints that kubectl shows', async () => {
    for (const cluster of clusters) {
      const { objects } = JSON.parse(await cluster.vitrine('tree service/web -n mix -o json'));
      const slices = JSON.parse(await cluster.kubectl('get endpointslices -n mix -o json')).items as {
        endpoints: { addresses: string[] }[];
      }[];
      const wanted = slices
        .flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => `${addresses[0]}:8080`))
        .sort();
      assert.equal(wanted.length, 2);
      const { spec } = JSON.parse(await cluster.kubectl('get service web -n mix -o json'));
      assert.deepEqual(
        objects[0].rules.map(({ in: name, match }: { in: string; match: string }) => `${name} ${match}`).sort(),
        [`node-ports tcp ${spec.ports[0].nodePort}`, `service-ips ${spec.clusterIP} tcp 80`],
      );
      for (const { table, chains, endpoints } of objects[0].rules) {
        assert.deepEqual([...endpoints].sort(), wanted);
        const chain = sh(`nft list chain ${table} ${JSON.stringify(chains[0])}`);
        for (const endpoint of wanted) assert.ok(chain.includes(endpoint.replace(':', ' . ')), chain);
      }
    }
  });

  test('the survey: services as dpkg, ss and ps know them, and all that is unusual', async () => {
    const survey = JSON.parse(await mixed.host.run(`cd ${process.cwd()}; ./vitrine survey --json`)) as Survey;
    for (const [name, program] of [
      ['nginx', '/usr/sbin/nginx'],
      ['redis', '/usr/bin/redis-server'],
      ['postgresql', '/usr/lib/postgresql/*/bin/postgres'],
    ] as const) {
      const [its, ...more] = survey.services.filter((one) => one.name === name && one.container === null);
      assert.ok(its && more.length === 0, name);
      const owner = (await mixed.host.run(`dpkg -S ${program}`)).split(':')[0];
      assert.equal(its.package, owner, name);
      assert.equal(its.version, (await mixed.host.run(`dpkg-query -W -f '\${Version}' ${owner}`)).trim(), name);
      const listening = (
        await mixed.host.run(`ss -Htlnp | grep -E 'pid=(${its.pids.join('|')}),' | awk '{print $4}'`)
      ).trim();
      assert.deepEqual(
        its.listens
          .filter(({ protocol }) => protocol === 'tcp')
          .map(({ address }) => address)
          .sort(),
        listening.split('\n').sort(),
        name,
      );
      assert.ok(its.config.length > 0 && its.logs.length > 0 && its.data.length > 0, JSON.stringify(its));
    }
    const found = (code: string, pid: number) =>
      assert.ok(
        survey.unusual.some((one) => one.code === code && one.pids.includes(pid)),
        `${code} ${pid}: ${JSON.stringify(survey.unusual.map(({ code: its, pids }) => [its, pids]))}`,
      );
    found('DeletedExecutable', mixed.pids.deleted);
    found('TemporaryExecutable', mixed.pids.temporary);
    found('Stopped', mixed.pids.stopped);
    found('NearlyOutOfFiles', mixed.pids.files);
    for (const pid of [mixed.pids.uninterruptible, mixed.pids.frozen])
      if (stateOf(pid) === 'D') found('UninterruptibleSleep', pid);
    found('Zombies', Number(sh(`ps -o pid= --ppid ${mixed.pids.zombieParent}`)));
    for (const { name } of clusters)
      assert.ok(
        survey.services.some((one) => one.id === `vitrine: node ${name}`),
        name,
      );
    assert.ok(survey.tookMs > 0);
  });

  test('no view lets a name drive the terminal or the page', async () => {
    const { pids } = mixed;
    const cluster = clusters[0]!;
    const views = await Promise.all(
      [
        'ps -A -o wide',
        'ps axf',
        'ps -ALf',
        `look ${pids.evil}`,
        'top --once -d 0.2 --lines 2000',
        'survey --all',
        'tree',
        'survey --html',
        'ps -A -o json',
      ].map(async (command) => [command, await cluster.vitrine(command)] as const),
    );
    for (const [command, text] of views) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, command);
      assert.ok(!text.includes('<b>bold') || !command.includes('html'), command);
    }
    assert.ok(views[0]![1].includes(printable(evil)), 'the name is shown');
  });
});

interface Pod {
  metadata: { name: string; uid: string };
  status: { podIP?: string; containerStatuses: { name: string; containerID: string }[] };
}
