import fs from 'node:fs';
import path from 'node:path';
import { pods } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import { podUidOf } from '../kubelet/labels.ts';
import { kubepods } from '../kubelet/resources.ts';
import type { Linux } from '../linux/linux.ts';
import { readAddresses } from '../network/address-pool.ts';
import { linkName, linkPrefix, shaperOf } from '../network/pod-network.ts';
import { podTable } from '../network/pod-rules.ts';
import type { NodeConfig } from '../node-config.ts';
import type { ClusterPaths } from '../paths.ts';
import { ContainerState } from '../runtime/container-state.ts';
import { readJsonFile } from '../runtime/json-file.ts';
import { type RuntimePaths, runtimePaths } from '../runtime/runtime-paths.ts';
import type { SandboxRecord } from '../runtime/sandboxes.ts';
import type { ContainerFacts, NodeFacts, Owner, SandboxFacts } from './node-facts.ts';

export interface Sources {
  /** In the node's network. */
  linux: Linux;
  paths: ClusterPaths;
  node: NodeConfig;
  /** Absent while the API does not answer. */
  client?: Client;
}

/** Looks at disk, kernel and API. What changes while it looks may contradict itself: look twice. */
export async function readNodeFacts({ linux, paths, node, client }: Sources): Promise<NodeFacts> {
  const place = runtimePaths(path.join(paths.run, 'node/runtime'), path.join(paths.state, 'runtime'));
  const kubelet = [path.join(paths.run, 'node'), paths.state].map((base) => path.join(base, 'kubelet/pods'));
  const pods = client && (await readPods(client, node.nodeName).catch(() => undefined));
  const [mounts, links, routes, podCgroups] = await Promise.all([
    Promise.all([place.containers, place.sandboxes, ...kubelet].map((dir) => linux.mounts.list(dir))),
    linux.net.links(),
    linux.net.routes(),
    readPodCgroups(linux, paths.cgroup),
  ]);
  const targets = new Set(mounts.flat().map(({ target }) => target));
  const monitors = readMonitors(linux, place);
  const prefix = linkPrefix(paths.name);
  return {
    sandboxes: list(place.sandboxes).flatMap((id) => readSandbox(linux, place, paths.name, id, targets)),
    containers: list(place.containers).flatMap((id) => readContainer(linux, place, id, { targets, monitors })),
    mounts: [...targets].flatMap((target) => {
      const owner = ownerOf(target, place, kubelet);
      return owner ? [{ target, owner }] : [];
    }),
    remains: readRemains(place, kubelet),
    monitors,
    links: links.map(({ name }) => name).filter((name) => name.startsWith(prefix)),
    shapers: links.flatMap(({ name }) =>
      name.startsWith(shaperOf(prefix)) ? [{ name, link: prefix + name.slice(prefix.length) }] : [],
    ),
    addresses: readAddresses(path.join(paths.run, 'node/network/addresses')),
    routed: new Set(
      routes.flatMap(({ destination }) => (destination.endsWith('/32') ? [destination.slice(0, -3)] : [])),
    ),
    podCgroups,
    network: await readNetwork(linux, node, {
      links: links.map(({ name }) => name),
      isUp: fs.existsSync(path.join(paths.run, 'node')),
    }),
    pods,
  };
}

function readSandbox(
  linux: Linux,
  place: RuntimePaths,
  cluster: string,
  id: string,
  targets: ReadonlySet<string>,
): SandboxFacts[] {
  const record = readJsonFile<SandboxRecord>(path.join(place.sandboxes, id, 'sandbox.json'));
  if (!record) return [];
  const { spec, namespaces } = record;
  const pinned = (['net', 'ipc', 'uts'] as const).filter((kind) => namespaces[kind]?.startsWith(place.sandboxes));
  return [
    {
      id,
      pod: podUidOf(spec.labels),
      cgroupExists: linux.cgroups.exists(spec.cgroup),
      link: spec.host?.net ? undefined : linkName(cluster, id),
      unpinned: pinned.filter((kind) => !targets.has(namespaces[kind] as string)),
    },
  ];
}

function readContainer(
  linux: Linux,
  place: RuntimePaths,
  id: string,
  { targets, monitors }: { targets: ReadonlySet<string>; monitors: NodeFacts['monitors'] },
): ContainerFacts[] {
  const files = new ContainerState(path.join(place.containers, id));
  const created = files.readCreated();
  if (!created) return [];
  const [started, finished] = [files.readStarted(), files.readFinished()];
  return [
    {
      id,
      sandbox: created.spec.sandboxId,
      state: finished ? 'exited' : started ? 'running' : 'created',
      processAlive: started?.pidStart !== undefined && linux.processes.startTime(started.pid) === started.pidStart,
      monitorAlive: monitors.some(({ pid, container }) => pid === started?.monitorPid && container === id),
      rootMounted: targets.has(path.join(files.dir, 'rootfs')),
      cgroupExists: linux.cgroups.exists(created.cgroup),
      exitNoted: fs.existsSync(path.join(place.exits, id)),
    },
  ];
}

/** What is in the directories, with the container, sandbox or Pod that its name speaks of. */
function readRemains(place: RuntimePaths, kubelet: string[]): NodeFacts['remains'] {
  const of = (dir: string, owner: (name: string) => Owner) =>
    list(dir).map((name) => ({ path: path.join(dir, name), owner: owner(name) }));
  const container = (name: string): Owner => ({ container: name });
  const sandbox = (name: string): Owner => ({ sandbox: name });
  return [
    ...of(place.containers, container),
    ...of(place.sandboxes, sandbox),
    ...of(place.writable, container),
    ...of(place.exits, container),
    ...of(place.crun, (name) => (name.endsWith('-pause') ? sandbox(name.slice(0, -'-pause'.length)) : container(name))),
    ...kubelet.flatMap((dir) => of(dir, (name) => ({ pod: name }))),
  ];
}

function ownerOf(target: string, place: RuntimePaths, kubelet: string[]): Owner | undefined {
  const below = (dir: string) =>
    target.startsWith(`${dir}/`) ? target.slice(dir.length + 1).split('/')[0] : undefined;
  const [container, sandbox] = [below(place.containers), below(place.sandboxes)];
  if (container) return { container };
  if (sandbox) return { sandbox };
  const pod = kubelet.map(below).find((name) => name);
  return pod ? { pod } : undefined;
}

/** Only monitors: crun itself comes and goes with every probe. */
function readMonitors(linux: Linux, place: RuntimePaths): NodeFacts['monitors'] {
  return linux.processes.withArgument(place.exits).map(({ pid, command }) => ({
    pid,
    container: command[command.indexOf('--cid') + 1],
  }));
}

async function readPodCgroups(linux: Linux, nodeCgroup: string): Promise<NodeFacts['podCgroups']> {
  const root = kubepods(nodeCgroup);
  const found = [root, `${root}/burstable`, `${root}/besteffort`].map(async (parent) =>
    (await linux.cgroups.children(parent)).flatMap((name) => {
      const uid = /^pod(.+)$/.exec(name)?.[1];
      return uid ? [{ path: `${parent}/${name}`, uid }] : [];
    }),
  );
  return (await Promise.all(found)).flat();
}

/** `isUp`: whether the node was started and not stopped since; else nothing of it has to be there. */
async function readNetwork(
  linux: Linux,
  { plan }: NodeConfig,
  { links, isUp }: { links: string[]; isUp: boolean },
): Promise<NodeFacts['network']> {
  const listing = await linux.nft.list('list tables ip').catch(() => '');
  const tables = [...listing.matchAll(/^table ip (\S+)/gm)].map(([, name]) => name as string);
  const wanted = isUp ? [plan.nftTable, podTable(plan)] : [];
  return {
    link: !isUp || links.includes(plan.hostLink),
    tables,
    missingTables: wanted.filter((name) => !tables.includes(name)),
  };
}

async function readPods(client: Client, nodeName: string): Promise<NodeFacts['pods']> {
  const { items } = await client.list(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  return new Map(
    items.flatMap(({ metadata, status }) => {
      const containers = [
        ...(status?.initContainerStatuses ?? []),
        ...(status?.containerStatuses ?? []),
        ...(status?.ephemeralContainerStatuses ?? []),
      ];
      const pod = {
        name: `${metadata.namespace}/${metadata.name}`,
        phase: status?.phase ?? '',
        running: containers.flatMap(({ state, containerID }) =>
          state?.running && containerID ? [containerID.replace(/^[^:]+:\/\//, '')] : [],
        ),
        terminating: metadata.deletionTimestamp !== undefined,
      };
      // A static Pod is known to the node by another UID than its mirror in the API.
      const uids = [metadata.uid, metadata.annotations?.['kubernetes.io/config.mirror']];
      return uids.flatMap((uid) => (uid ? [[uid, pod] as const] : []));
    }),
  );
}

function list(dir: string): string[] {
  return fs.existsSync(dir) ? fs.readdirSync(dir) : [];
}
