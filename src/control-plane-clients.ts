import fs from 'node:fs/promises';
import path from 'node:path';
import { serviceAccountUser, withAuthenticatedGroup } from './apiserver/authentication/groups.ts';
import type { KeyPair } from './apiserver/pki/pki.ts';
import type { UserInfo } from './apiserver/request.ts';
import type { Clock } from './base/clock.ts';
import type { Logger } from './base/log.ts';
import type { MetricSources } from './base/metrics.ts';
import type { Client } from './client/client.ts';
import { createInformerFactory } from './client/informers.ts';
import { runLeaderElection } from './client/leader-election.ts';
import { createEventRecorder } from './client/recorder.ts';
import { runControllers } from './client/run-controller.ts';
import { allControllers } from './controllers/all.ts';
import { startGarbageCollector } from './controllers/garbage-collector.ts';
import { serviceIpAddressesController } from './controllers/service-ip-addresses.ts';
import { nodePodPrefixLength } from './network/choose-addresses.ts';
import type { Profiles } from './scheduler/profiles.ts';
import { startScheduler } from './scheduler/scheduler.ts';

/** What controllers and scheduler are started with: the API as whoever they are, and what only the cluster knows. */
export interface ControlPlaneClients {
  clientOf(user: UserInfo, userAgent: string): Client;
  ca: KeyPair;
  loadBalancerCidr: string;
  podCidr: string;
  /** The node of this machine. */
  nodeName: string;
  /** Where the volumes of local-path claims are made. */
  volumes: string;
  clock: Clock;
  log: Logger;
  /** Where all of them tell their figures. */
  metrics: MetricSources;
  /** Where they say how they are, by the names of `kubectl get componentstatuses`. */
  components: Map<string, () => Promise<void>>;
  /** Undefined: the default one. */
  profiles: Profiles | undefined;
  /** With other servers of the same cluster: who we are among them. Undefined: there are no others. */
  identity: string | undefined;
}

type Stop = () => Promise<void>;

const apiServer: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

/** Controllers and scheduler, each while it leads. */
export function startClients(options: ControlPlaneClients): Stop {
  // They live in this process, leading or waiting to: while it answers for them, they are well.
  for (const name of ['controller-manager', 'scheduler']) options.components.set(name, async () => {});
  const stops = [
    whileLeading('kube-controller-manager', options, startManager),
    whileLeading('kube-scheduler', options, startScheduling),
  ];
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}

/** Of several servers one runs a component: the holder of the Lease of its name, as in Kubernetes. */
function whileLeading(
  component: string,
  options: ControlPlaneClients,
  start: (options: ControlPlaneClients) => Stop,
): Stop {
  const { clock, identity } = options;
  if (!identity) return start(options);
  const client = userClient(component, options);
  const log = options.log.child(component);
  const events = createEventRecorder(client, { component, log, clock });
  const lead = () => start(options);
  const election = runLeaderElection({
    client,
    events,
    clock,
    log,
    namespace: 'kube-system',
    name: component,
    identity,
    lead,
  });
  return () => election.stop();
}

function startManager(options: ControlPlaneClients): Stop {
  const { clock, ca, loadBalancerCidr, podCidr } = options;
  const log = options.log.child('controllers');
  const accountClient = (account: string) =>
    options.clientOf(withAuthenticatedGroup(serviceAccountUser('kube-system', account)), 'kube-controller-manager');
  const informers = createInformerFactory(userClient('kube-controller-manager', options), { log, clock });
  const localDirectories = {
    root: options.volumes,
    make: async (folder: string) => {
      await fs.mkdir(folder, { recursive: true });
      // Whoever the containers run as, they may write there.
      await fs.chmod(folder, 0o777);
    },
    makeFile: async (file: string, bytes: number) => {
      await fs.mkdir(path.dirname(file), { recursive: true });
      await fs.writeFile(file, '', { flag: 'a', mode: 0o600 });
      // Without blocks until they are written.
      await fs.truncate(file, bytes);
    },
    remove: (folder: string) => fs.rm(folder, { recursive: true, force: true }),
  };
  const controllers = allControllers({
    signer: ca,
    ca: ca.certificate,
    loadBalancerCidr,
    nodeIpam: { clusterCidr: podCidr, prefixLength: nodePodPrefixLength },
    localDirectories,
    controlPlaneNode: options.nodeName,
  });
  const running = controllers.map(({ account, make }) => {
    const client = accountClient(account);
    const events = createEventRecorder(client, { component: account, log, clock });
    return runControllers([make], { client, informers, events, clock, log, metrics: options.metrics });
  });
  // kube-apiserver's own part in Kubernetes, as itself.
  const server = options.clientOf(apiServer, 'kube-apiserver');
  const serverEvents = createEventRecorder(server, { component: 'kube-apiserver', log, clock });
  running.push(
    runControllers([serviceIpAddressesController], { client: server, informers, events: serverEvents, clock, log }),
  );
  const collector = startGarbageCollector({ client: accountClient('generic-garbage-collector'), clock, log });
  return async () => {
    informers.stop();
    await Promise.all([...running.map((one) => one.stop()), collector.stop()]);
  };
}

function startScheduling(options: ControlPlaneClients): Stop {
  const { clock } = options;
  const log = options.log.child('scheduler');
  const client = userClient('kube-scheduler', options);
  const informers = createInformerFactory(client, { log, clock });
  const eventsOf = (component: string) => createEventRecorder(client, { component, log, clock });
  const { metrics, profiles } = options;
  const scheduler = startScheduler({ client, informers, eventsOf, profiles, clock, log, metrics });
  informers.start();
  return async () => {
    informers.stop();
    await scheduler.stop();
  };
}

function userClient(component: string, { clientOf }: ControlPlaneClients): Client {
  return clientOf({ name: `system:${component}`, groups: ['system:authenticated'] }, component);
}
