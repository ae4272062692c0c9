import type { Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import {
  configMaps,
  endpointSlices,
  events,
  networkPolicies,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type Resource,
  secrets,
  services,
  storageClasses,
} from '../../api/resource.ts';
import { errorChain } from '../../base/log.ts';
import type { Client, ListOptions } from '../../client/client.ts';
import { pathOf } from '../../client/rest.ts';
import { readSockets } from '../../linux/proc-sockets.ts';
import { workloadResources } from '../cluster-objects.ts';
import { printable } from '../printable.ts';
import { readSnapshot, type Snapshot } from '../snapshot.ts';
import { containerStatuses, noFacts, type WhyFacts } from './facts.ts';

/** How many Pods' logs, sockets and references are looked at: the rest of them suffer from the same. */
const closeLooks = 5;

/** Everything that diagnoses ask for, read once: objects of the namespace, then logs and processes of the Pods in trouble. */
export async function gatherFacts(
  client: Client,
  namespace: string,
  concerns: (pod: Pod) => boolean = () => true,
): Promise<WhyFacts> {
  const facts = noFacts(Date.now());
  const list = lister(client, facts.unseen);
  const here = { namespace };
  const [snapshot, workloads] = await Promise.all([
    readSnapshot(),
    Promise.all(workloadResources.map((resource) => list(resource, here))),
    list(pods).then((items) => (facts.pods = items)),
    list(nodes).then((items) => (facts.nodes = items)),
    list(services).then((items) => (facts.services = items)),
    // Events about a Node are in the namespace 'default'.
    Promise.all([list(events, here), namespace === 'default' ? [] : list(events, { namespace: 'default' })]).then(
      (lists) => (facts.events = lists.flat()),
    ),
    list(endpointSlices, here).then((items) => (facts.endpointSlices = items)),
    list(persistentVolumeClaims, here).then((items) => (facts.claims = items)),
    list(persistentVolumes).then((items) => (facts.volumes = items)),
    list(storageClasses).then((items) => (facts.storageClasses = items)),
    list(networkPolicies, here).then((items) => (facts.networkPolicies = items)),
  ]);
  facts.workloads = workloads.flat();
  const inTrouble = facts.pods
    .filter((pod) => pod.metadata.namespace === namespace && concerns(pod) && !isReady(pod))
    .slice(0, closeLooks);
  await Promise.all(inTrouble.flatMap((pod) => [readLogs(client, pod, facts), findMissing(client, pod, facts)]));
  readHost(snapshot, facts);
  return facts;
}

const isReady = ({ status }: Pod) =>
  status?.conditions?.some(({ type, status: its }) => type === 'Ready' && its === 'True') ?? false;

function lister(client: Client, unseen: string[]) {
  return async <T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<T[]> => {
    try {
      const { items } = await client.list(resource, options);
      return items;
    } catch (error) {
      unseen.push(`${resource.resource}: ${errorChain(error)}`);
      return [];
    }
  };
}

/** The last lines of containers that ended or do not get ready. */
async function readLogs(client: Client, pod: Pod, facts: WhyFacts): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  for (const { status } of containerStatuses(pod)) {
    const { running, terminated, waiting } = status.state ?? {};
    const previous = waiting !== undefined && status.lastState?.terminated !== undefined;
    if (!(running ?? terminated) && !previous) continue;
    const query = `container=${encodeURIComponent(status.name)}&tailLines=6${previous ? '&previous=true' : ''}`;
    try {
      const response = await client.request({
        method: 'GET',
        path: `${pathOf(pods, namespace, name, 'log')}?${query}`,
      });
      if (response.status >= 400) continue;
      const lines = (await response.text()).split('\n').filter((line) => line.trim() !== '');
      facts.logs.set(
        `${uid}/${status.name}`,
        lines.map((line) => printable(line).slice(0, 300)),
      );
    } catch (error) {
      facts.unseen.push(`log of ${name}/${status.name}: ${errorChain(error)}`);
    }
  }
}

/** Which ConfigMaps and Secrets that the Pod refers to are not there; of Secrets only the metadata is asked for. */
async function findMissing(client: Client, pod: Pod, facts: WhyFacts): Promise<void> {
  const { namespace = 'default' } = pod.metadata;
  await Promise.all(
    [...references(pod)].map(async (reference) => {
      const [kind, name = ''] = reference.split(' ');
      const path = pathOf(kind === 'Secret' ? secrets : configMaps, namespace, name);
      const headers = { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' };
      try {
        const response = await client.request({ method: 'GET', path, headers });
        await response.text();
        if (response.status === 404) facts.missing.add(`${kind} ${namespace}/${name}`);
      } catch (error) {
        facts.unseen.push(`${reference}: ${errorChain(error)}`);
      }
    }),
  );
}

function references({ spec }: Pod): Set<string> {
  const found = new Set<string>();
  const add = (kind: string, name: string | undefined) => name && found.add(`${kind} ${name}`);
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    add('ConfigMap', configMap?.name);
    add('Secret', secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add('ConfigMap', source.configMap?.name);
      add('Secret', source.secret?.name);
    }
  }
  for (const { name } of spec.imagePullSecrets ?? []) add('Secret', name);
  return found;
}

/** What only the kernel knows of Pods that run on this host: memory, and what listens in their network. */
function readHost(snapshot: Snapshot, facts: WhyFacts): void {
  const byUid = new Map(facts.pods.map((pod) => [pod.metadata.uid, pod]));
  for (const container of snapshot.containers.values()) {
    const pod = container.podUid === undefined ? undefined : byUid.get(container.podUid);
    const first = container.processes[0];
    if (!pod || !first) continue;
    const { uid } = pod.metadata;
    if (!facts.listening.has(uid) && !pod.spec.hostNetwork)
      facts.listening.set(
        uid,
        readSockets(first.pid, ['tcp'])
          .filter(({ state }) => state === 'LISTEN')
          .map(({ localAddress, localPort }) => ({ address: localAddress, port: localPort })),
      );
    const name = containerStatuses(pod).find(({ status }) => status.containerID?.endsWith(container.id))?.status.name;
    const use = name && container.cgroup ? snapshot.readCgroup(container.cgroup) : undefined;
    if (use)
      facts.memory.set(`${uid}/${name}`, {
        useBytes: use.workingSetBytes,
        limitBytes: use.memoryLimitBytes,
        oomKills: use.oomKills,
      });
  }
}
