import fs from 'node:fs';

/** What another runtime's state on disk says of its container. */
export interface ForeignContainer {
  name: string | undefined;
  image: string | undefined;
  /** 'namespace/name' of the Pod, of CRI runtimes. */
  pod: string | undefined;
}

/**
 * Reads the state that runtimes keep: docker's config.v2.json, podman's containers.json, the OCI config of containerd's
 * and CRI-O's tasks with the annotations that their CRI plugins write. undefined when there is none or we may not see it.
 */
export function readForeignContainer(id: string, runtime: string): ForeignContainer | undefined {
  if (!/^[\w.-]+$/.test(id)) return undefined;
  const readers =
    runtime === 'docker'
      ? [fromDocker, fromTask]
      : runtime === 'podman'
        ? [fromPodman]
        : [fromTask, fromCrio, fromPodman, fromDocker];
  for (const read of readers) {
    const found = read(id);
    if (found) return found;
  }
  return undefined;
}

function fromDocker(id: string): ForeignContainer | undefined {
  const config = readJson(`/var/lib/docker/containers/${id}/config.v2.json`) as
    | { Name?: string; Config?: { Image?: string } }
    | undefined;
  return config && { name: config.Name?.replace(/^\//, ''), image: config.Config?.Image, pod: undefined };
}

function fromPodman(id: string): ForeignContainer | undefined {
  const list = readJson('/var/lib/containers/storage/overlay-containers/containers.json') as
    | { id?: string; names?: string[]; metadata?: string }[]
    | undefined;
  const found = list?.find((container) => container.id === id);
  const metadata = found?.metadata ? (parse(found.metadata) as { 'image-name'?: string } | undefined) : undefined;
  return found && { name: found.names?.[0], image: metadata?.['image-name'], pod: undefined };
}

function fromTask(id: string): ForeignContainer | undefined {
  const tasks = '/run/containerd/io.containerd.runtime.v2.task';
  for (const namespace of list(tasks)) {
    const found = fromAnnotations(readJson(`${tasks}/${namespace}/${id}/config.json`));
    if (found) return found;
  }
  return undefined;
}

function fromCrio(id: string): ForeignContainer | undefined {
  return fromAnnotations(readJson(`/run/containers/storage/overlay-containers/${id}/userdata/config.json`));
}

function fromAnnotations(config: unknown): ForeignContainer | undefined {
  const annotations = (config as { annotations?: Record<string, string> } | undefined)?.annotations;
  if (!config) return undefined;
  const first = (...names: string[]) => names.map((name) => annotations?.[name]).find(Boolean);
  const pod = first('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name');
  const namespace = first('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace');
  return {
    name: first('io.kubernetes.cri.container-name', 'io.kubernetes.container.name', 'nerdctl/name'),
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

function readJson(file: string): unknown {
  try {
    return parse(fs.readFileSync(file, 'utf8'));
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
