import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Pod } from '../api/generated/core-v1.ts';
import { pods, services } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Informer, InformerFactory } from '../client/informer.ts';
import type { Linux } from '../linux/linux.ts';
import type { AddressPlan } from '../network/address-plan.ts';
import type { PodIsolation, PodNetwork } from '../network/network.ts';
import type { ClusterPaths } from '../paths.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type KubeletConfiguration, kubeletConfiguration } from './configuration.ts';
import { CrashLoop } from './crash-loop.ts';
import { createCsi } from './csi/create-csi.ts';
import type { CsiDrivers } from './csi/csi-drivers.ts';
import { removeDeadContainers } from './dead-containers.ts';
import { EvictionManager } from './eviction/eviction-manager.ts';
import { keepHouse } from './housekeeping.ts';
import { ImageGC } from './images/image-gc.ts';
import { ImageManager } from './images/image-manager.ts';
import { PullRecords } from './images/pull-records.ts';
import { KernelLimitWatch } from './kernel-limits/kernel-limit-watch.ts';
import { podUidOf } from './labels.ts';
import { Limiter } from './limiter.ts';
import { allocatable, podsMemory } from './node/allocatable.ts';
import { type Machine, readMachine } from './node/machine.ts';
import { NodeLease } from './node/node-lease.ts';
import { NodeReporter, type ReporterParts } from './node/node-reporter.ts';
import { runtimeHandlers } from './node/runtime-handlers.ts';
import type { NodeContext } from './node-context.ts';
import { ObjectCache } from './object-cache.ts';
import { BurstableWeight, canLimitSwap, makeCgroups } from './pod-cgroups.ts';
import { PodEvents } from './pod-events.ts';
import { cachedHostResolver } from './pod-files.ts';
import { PodWorkers } from './pod-workers.ts';
import { ProbeManager } from './probes/probe-manager.ts';
import { removeIncompleteSandboxes } from './sandbox-mark.ts';
import type { KubeletServer, ServerTls } from './server/server.ts';
import { NodeShutdown } from './shutdown/node-shutdown.ts';
import { ManifestDirectory } from './static-pods/manifest-directory.ts';
import { MirrorPods } from './static-pods/mirror-pods.ts';
import { isMirrorPod, isStatic } from './static-pods/static-pod.ts';
import { StaticPods } from './static-pods/static-pods.ts';
import { StatusManager } from './status/status-manager.ts';
import { UserNamespaces } from './user-namespaces.ts';
import { createVolumeManager } from './volumes/volume-manager.ts';

export interface KubeletOptions {
  client: Client;
  informers: InformerFactory;
  events: EventRecorder;
  /** Opened. */
  runtime: Runtime;
  /** Opened. */
  network: PodNetwork;
  isolation?: PodIsolation;
  linux: Linux;
  clock: Clock;
  log: Logger;
  /** Of Vitrine. */
  version: string;
  nodeName: string;
  nodeAddress: string;
  plan: Pick<AddressPlan, 'dnsServiceIp'> & Partial<AddressPlan>;
  paths: ClusterPaths;
  tls: ServerTls;
  /** Port of the kubelet's own API. 0 picks one. @default 10250 */
  port?: number;
  /** @default Kubernetes's */
  configuration?: KubeletConfiguration;
  /** @default 'cluster.local' */
  clusterDomain?: string;
}

export interface Kubelet {
  start(): Promise<void>;
  /** Resolves when the Node is Ready in the API and the Pods of the node are known. */
  whenReady(): Promise<void>;
  /** Ends all Pods as the configuration has it; nothing where it has no grace period for a shutdown. */
  shutDown(): Promise<void>;
  /** Stops looking after Pods; they go on running. */
  stop(): Promise<void>;
}

/** Sandboxes and containers being made at once: more only make the cores switch between them. */
const startsAtOnce = 6;

/** The node agent: runs the Pods that are bound to this node and tells the API how they are. */
export function createKubelet(options: KubeletOptions): Kubelet {
  return new NodeAgent(options);
}

class NodeAgent implements Kubelet {
  readonly #options: KubeletOptions;
  readonly #configuration: KubeletConfiguration;
  readonly #pods: Informer<Pod>;
  readonly #ready = Promise.withResolvers<void>();
  #csiDrivers: CsiDrivers | undefined;
  /** Set once the node has started. */
  #shutdown: NodeShutdown | undefined;
  /** What `stop` undoes, in reverse order. */
  readonly #stops: (() => void | Promise<void>)[] = [];

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#configuration = options.configuration ?? kubeletConfiguration();
    const { informers, nodeName } = options;
    this.#pods = informers.informer(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
    informers.informer(services);
    this.#ready.promise.catch(() => {});
  }

  whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * 1. what the machine has, 2. the kubelet's API, 3. the Node in the API, 4. what runs already, 5. the Pods of the node.
   */
  async start(): Promise<void> {
    const { informers, paths, linux, version } = this.#options;
    informers.start();
    const machine = await readMachine(paths.state, version);
    await makeCgroups(linux, paths.cgroup, podsMemory(machine, this.#configuration));
    let events: PodEvents | undefined;
    let workers: PodWorkers | undefined;
    let mirrors: MirrorPods | undefined;
    const node = this.#build(machine, {
      wake: (uid) => workers?.wake(uid),
      changed: (uids) => events?.refreshVolumes(uids),
      wakeAll: () => workers?.wakeAll(),
      use: (record) => events?.use(record) ?? { pods: [], node: { metadata: emptyMetadata } },
      mirrorOf: (pod) => mirrors?.of(pod),
    });
    workers = new PodWorkers(node);
    const server = await this.#serve(node, workers);
    const pressures = () => eviction?.pressures ?? [];
    const problem = () => this.#shutdown?.problem;
    const reporter = this.#reporter(machine, server.port, { pressures, problem, limits: () => limits.warning });
    const limits = this.#limits(node, workers, reporter);
    const imageGC = new ImageGC(node, () => reporter.node);
    const eviction = this.#eviction(node, workers, reporter, imageGC);
    events = new PodEvents(node, workers, {
      self: () => reporter.node ?? { metadata: emptyMetadata },
      refreshSelf: () => reporter.refresh(),
      pressures,
      shuttingDown: () => this.#shutdown?.problem !== undefined,
    });
    this.#shutdown = new NodeShutdown({
      node,
      records: () => workers.records(),
      wake: (uid) => workers.wake(uid),
      changed: () => reporter.lookSoon(),
    });
    this.#stops.push(() => workers.close(), this.#shutdown.watchMachine());

    const registered = reporter.register();
    const lease = this.#lease(reporter);
    mirrors = this.#mirrors(node, reporter);
    await this.#adopt(node, events);
    await this.#startStaticPods(workers, events, mirrors);
    this.#follow(node, workers, events, mirrors, registered);
    this.#weigh(node, workers);
    this.#stops.push(keepHouse(node, workers, events));
    void Promise.all([registered, this.#pods.whenSynced()]).then(() => {
      lease.start();
      mirrors.synced();
      void events.removeOrphans();
      eviction.start();
      imageGC.start();
      limits.start();
      void this.#csiDrivers?.start();
      this.#ready.resolve();
    }, this.#ready.reject);
  }

  async shutDown(): Promise<void> {
    await this.#shutdown?.run();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.toReversed()) await stop();
    this.#stops.length = 0;
  }

  #build(
    machine: Machine,
    on: {
      wake(uid: string): void;
      changed(uids: string[]): void;
      wakeAll(): void;
      use: NodeContext['use'];
      mirrorOf(pod: Pod): Pod | undefined;
    },
  ): NodeContext {
    const {
      client,
      clock,
      events,
      informers,
      isolation,
      log,
      linux,
      network,
      nodeAddress,
      nodeName,
      paths,
      plan,
      runtime,
    } = this.#options;
    const objects = new ObjectCache(client, clock, on.changed);
    const objectOf = (pod: Pod) => (isStatic(pod) ? on.mirrorOf(pod) : pod);
    const status = new StatusManager(client, clock, log.child('status'), objectOf);
    const probes = new ProbeManager({ runtime, events, clock, wake: on.wake });
    const secret = (uid: string, namespace: string, name: string) => objects.secret(uid, namespace, name);
    const { imageVerification, crashLoopMaxMs } = this.#configuration;
    const records = new PullRecords(path.join(paths.state, 'kubelet/image_manager'), imageVerification);
    // A driver that comes may be what Pods wait for.
    const csi = createCsi(this.#options, on.wakeAll);
    this.#csiDrivers = csi.csiDrivers;
    this.#stops.push(() => {
      objects.close();
      status.close();
      probes.close();
      csi.csiDrivers.close();
    });
    return {
      ...{ client, clock, events, log, linux, network, nodeAddress, nodeName, paths, runtime },
      startedAtMs: clock.now(),
      ...(isolation && { isolation }),
      configuration: this.#configuration,
      evictions: new Map(),
      use: on.use,
      services: informers.informer(services),
      dnsServiceIp: plan.dnsServiceIp,
      clusterDomain: this.#options.clusterDomain ?? 'cluster.local',
      hostResolver: cachedHostResolver(clock),
      machine: canLimitSwap(paths.cgroup) ? { ...machine, swapBytes: machine.info.swap?.capacity ?? 0 } : machine,
      allocatable: allocatable(machine, this.#configuration),
      ...{ status, probes, objects },
      volumes: createVolumeManager({ ...this.#options, ...csi, objects, changed: on.changed }),
      images: new ImageManager({ images: runtime.images, events, clock, secret, records }),
      crashLoop: new CrashLoop(clock, crashLoopMaxMs),
      userNamespaces: new UserNamespaces(runtime),
      starts: new Limiter(startsAtOnce),
    };
  }

  async #serve(node: NodeContext, workers: PodWorkers): Promise<KubeletServer> {
    const { createKubeletServer } = await import('./server/server.ts');
    const server = createKubeletServer({ node, workers, tls: this.#options.tls });
    await server.listen(this.#options.nodeAddress, this.#options.port ?? 10_250);
    this.#stops.push(() => server.close());
    return server;
  }

  #eviction(node: NodeContext, workers: PodWorkers, reporter: NodeReporter, imageGC: ImageGC): EvictionManager {
    const eviction = new EvictionManager({
      node,
      self: () => reporter.node,
      records: () => workers.records(),
      wake: (uid) => workers.wake(uid),
      changed: () => reporter.lookSoon(),
      reclaimDisk: async () => {
        await removeDeadContainers(node, workers.records());
        await imageGC.deleteUnused();
      },
    });
    this.#stops.push(() => {
      eviction.stop();
      imageGC.stop();
    });
    return eviction;
  }

  #limits(node: NodeContext, workers: PodWorkers, reporter: NodeReporter): KernelLimitWatch {
    const limits = new KernelLimitWatch({
      node,
      self: () => reporter.node,
      attachedPods: () => workers.records().filter(({ sandbox }) => sandbox?.namespaces.net).length,
      changed: () => reporter.lookSoon(),
    });
    this.#stops.push(() => limits.stop());
    return limits;
  }

  #reporter(
    machine: Machine,
    port: number,
    health: Pick<ReporterParts, 'pressures' | 'limits' | 'problem'>,
  ): NodeReporter {
    const { client, clock, events, log, nodeName, nodeAddress, plan, runtime } = this.#options;
    const { maxPods } = this.#configuration;
    const reporter = new NodeReporter({
      ...{ client, events, clock, machine },
      ...health,
      images: runtime.images,
      log: log.child('node'),
      identity: {
        ...{ name: nodeName, address: nodeAddress, port, maxPods, podCidr: plan.nodePodCidr },
        allocatable: allocatable(machine, this.#configuration),
        runtimeHandlers: runtimeHandlers(runtime.handlers),
      },
    });
    this.#stops.push(() => reporter.stop());
    return reporter;
  }

  #lease(reporter: NodeReporter): NodeLease {
    const { client, clock, log, nodeName } = this.#options;
    const lease = new NodeLease({ client, clock, log, nodeName, nodeUid: () => reporter.node?.metadata.uid });
    this.#stops.push(() => lease.stop());
    return lease;
  }

  async #adopt(node: NodeContext, events: PodEvents): Promise<void> {
    const { runtime, network, paths } = this.#options;
    await removeIncompleteSandboxes(runtime, network, paths);
    const sandboxes = runtime.sandboxes();
    await node.images.open();
    if (sandboxes.length > 0) await node.images.learnNames();
    await network.retain(sandboxes.map(({ spec }) => spec.id));
    events.adopt();
  }

  #mirrors({ client, clock, log, status, nodeName }: NodeContext, reporter: NodeReporter): MirrorPods {
    return new MirrorPods({
      ...{ client, clock, log: log.child('mirrors') },
      node: () => reporter.node && { name: nodeName, uid: reporter.node.metadata.uid },
      mirrored: (uid, mirror) => status.retarget(uid, mirror),
    });
  }

  /** They need no API, and are known before anything is taken for an orphan. */
  async #startStaticPods(workers: PodWorkers, events: PodEvents, mirrors: MirrorPods): Promise<void> {
    const { clock, log, nodeName, paths } = this.#options;
    const statics = new StaticPods({
      mirrors,
      added: (pod) => events.added(pod),
      removed: (pod) => events.deleted(pod),
    });
    workers.onEnd((uid) => statics.ended(uid));
    const ownDirectory = path.join(paths.state, 'manifests');
    mkdirSync(ownDirectory, { recursive: true, mode: 0o700 });
    const manifests = new ManifestDirectory({
      directory: this.#configuration.settings.staticPodPath ?? ownDirectory,
      ...{ nodeName, clock, log: log.child('manifests') },
      changed: (pods) => statics.set(pods),
    });
    this.#stops.push(() => manifests.close());
    await manifests.start();
  }

  /** From here on everything is driven by events of the API and of the runtime. */
  #follow(
    node: NodeContext,
    workers: PodWorkers,
    events: PodEvents,
    mirrors: MirrorPods,
    registered: Promise<void>,
  ): void {
    this.#stops.push(node.runtime.onExit((container) => workers.wake(podUidOf(container.labels))));
    // Pods are admitted against the Node's own labels and resources, so it comes first.
    void registered.then(() => {
      const remove = this.#pods.on({
        added: (pod) => (isMirrorPod(pod) ? mirrors.observe(pod) : events.added(pod)),
        updated: (pod, previous) => {
          if (isMirrorPod(pod)) return mirrors.observe(pod);
          if (pod.metadata.uid === previous.metadata.uid) return events.updated(pod, previous);
          events.deleted(previous);
          events.added(pod);
        },
        deleted: (pod) => (isMirrorPod(pod) ? mirrors.gone(pod) : events.deleted(pod)),
      });
      this.#stops.push(remove);
    });
  }

  #weigh(node: NodeContext, workers: PodWorkers): void {
    const weight = new BurstableWeight(node, () => workers.records());
    const changed = () => weight.changed();
    changed();
    workers.onEnd(changed);
    this.#stops.push(this.#pods.on({ added: changed, updated: changed, deleted: changed }), () => weight.stop());
  }
}

const emptyMetadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };
