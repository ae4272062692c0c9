import fs from 'node:fs';
import path from 'node:path';
import { readBolt } from './bolt.ts';
import { readText } from './read-text.ts';

/** What another runtime's state on disk says of its container. */
export interface ForeignContainer {
  name: string | undefined;
  image: string | undefined;
  /** 'namespace/name' of the Pod, of CRI runtimes. */
  pod: string | undefined;
}

/** What is known before the state is read. */
export interface ContainerHint {
  id: string;
  runtime: string;
  /** The process that watches it (conmon, a shim): its command line and directory say where the state is. */
  monitor?: { pid: number; cmdline: string[] };
}

/**
 * Reads the state that runtimes keep: docker's config.v2.json, podman's and CRI-O's containers.json, the OCI config of
 * containerd's and CRI-O's tasks with the annotations that their CRI plugins write, containerd's database. undefined
 * when there is none or we may not see it.
 */
export function readForeignContainer(hint: ContainerHint): ForeignContainer | undefined {
  if (!/^[\w.-]+$/.test(hint.id)) return undefined;
  const found = (readersOf[hint.runtime] ?? [fromTask, fromConmon, fromDocker]).flatMap((read) => read(hint) ?? []);
  if (found.length === 0) return undefined;
  const first = (field: keyof ForeignContainer) => found.map((its) => its[field]).find((value) => value !== undefined);
  return { name: first('name'), image: first('image'), pod: first('pod') };
}

type Reader = (hint: ContainerHint) => ForeignContainer | undefined;

const readersOf: Record<string, Reader[]> = {
  docker: [fromDocker],
  podman: [fromConmon],
  buildah: [fromConmon],
  'cri-o': [fromConmon],
  containerd: [fromTask, fromContainerdDatabase],
  lxc: [fromLxcMonitor],
  nspawn: [],
};

/** Where the monitor sees the path: its mount namespace may be another. */
function seenBy({ monitor }: ContainerHint, file: string): unknown {
  return (monitor && readJson(`/proc/${monitor.pid}/root${file}`)) ?? readJson(file);
}

function fromDocker(hint: ContainerHint): ForeignContainer | undefined {
  const config = seenBy(hint, `/var/lib/docker/containers/${hint.id}/config.v2.json`) as
    | { Name?: string; Config?: { Image?: string } }
    | undefined;
  return config && { name: config.Name?.replace(/^\//, ''), image: config.Config?.Image, pod: undefined };
}

/** conmon(8): -n is the container's name, -b its bundle, which is in the storage of containers/storage. */
function fromConmon(hint: ContainerHint): ForeignContainer | undefined {
  const bundle =
    optionOf(hint, '-b', '--bundle') ?? `/var/lib/containers/storage/overlay-containers/${hint.id}/userdata`;
  const storage = seenBy(hint, path.join(bundle, '../../containers.json')) as
    | { id?: string; names?: string[]; metadata?: string }[]
    | undefined;
  const stored = storage?.find(({ id }) => id === hint.id);
  const metadata = stored?.metadata ? (parse(stored.metadata) as { 'image-name'?: string } | undefined) : undefined;
  const annotated = fromAnnotations(
    seenBy(hint, `${bundle}/config.json`) ??
      seenBy(hint, `/run/containers/storage/overlay-containers/${hint.id}/userdata/config.json`),
  );
  const name = annotated?.name ?? optionOf(hint, '-n', '--name') ?? stored?.names?.[0];
  const image = annotated?.image ?? metadata?.['image-name'];
  return name || image ? { name, image, pod: annotated?.pod } : undefined;
}

/** '[lxc monitor] /var/lib/lxc NAME'; the cgroup may have a number after the name. */
function fromLxcMonitor({ monitor }: ContainerHint): ForeignContainer | undefined {
  const name = /^\[lxc monitor\] \S+ (\S+)$/.exec(monitor?.cmdline.join(' ').trim() ?? '')?.[1];
  return name ? { name, image: undefined, pod: undefined } : undefined;
}

const taskDirectory = '/run/containerd/io.containerd.runtime.v2.task';

/** The shim works in its bundle, beside those of the other containers that it watches. */
function fromTask(hint: ContainerHint): ForeignContainer | undefined {
  const bundle = hint.monitor && link(`/proc/${hint.monitor.pid}/cwd`);
  const bundles = [
    ...(bundle ? [path.join(bundle, '..', hint.id)] : []),
    ...list(taskDirectory).map((namespace) => `${taskDirectory}/${namespace}/${hint.id}`),
  ];
  for (const directory of bundles) {
    const found = fromAnnotations(seenBy(hint, `${directory}/config.json`));
    if (found) return found;
  }
  return undefined;
}

/** Of containerd itself, of k3s and of MicroK8s. */
const containerdRoots = [
  '/var/lib/containerd',
  '/var/lib/rancher/k3s/agent/containerd',
  '/var/snap/microk8s/common/var/lib/containerd',
];

/** Clients without CRI (ctr, nerdctl) tell nobody but containerd's database which image it is. */
function fromContainerdDatabase(hint: ContainerHint): ForeignContainer | undefined {
  const namespace = optionOf(hint, '-namespace', '--namespace');
  const seen = hint.monitor ? [`/proc/${hint.monitor.pid}/root`, ''] : [''];
  for (const root of seen.flatMap((prefix) => containerdRoots.map((its) => prefix + its))) {
    const container = ['v1', namespace ?? 'default', 'containers', hint.id];
    const image = readBolt(`${root}/io.containerd.metadata.v1.bolt/meta.db`, container, 'image');
    if (image) return { name: hint.id.length === 64 ? undefined : hint.id, image, pod: undefined };
  }
  return undefined;
}

function optionOf({ monitor }: ContainerHint, ...names: string[]): string | undefined {
  const at = monitor?.cmdline.findIndex((word) => names.includes(word)) ?? -1;
  return at < 0 ? undefined : monitor?.cmdline[at + 1];
}

function fromAnnotations(config: unknown): ForeignContainer | undefined {
  const annotations = (config as { annotations?: Record<string, string> } | undefined)?.annotations;
  if (!config) return undefined;
  const first = (...names: string[]) => names.map((name) => annotations?.[name]).find(Boolean);
  const pod = first('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name');
  const namespace = first('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace');
  const sandbox = first('io.kubernetes.cri.container-type', 'io.kubernetes.cri-o.ContainerType') === 'sandbox';
  return {
    name:
      first('io.kubernetes.cri.container-name', 'io.kubernetes.container.name', 'nerdctl/name') ??
      (sandbox ? 'pause' : undefined),
    image: first('io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName'),
    pod: pod && `${namespace}/${pod}`,
  };
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function link(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
}

function readJson(file: string): unknown {
  try {
    return parse(readText(file));
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
