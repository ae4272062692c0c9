import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { systemClock } from './base/clock.ts';
import { UserError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { httpsTransport } from './client/https-transport.ts';
import { createInformerFactory } from './client/informers.ts';
import { createEventRecorder } from './client/recorder.ts';
import { createClient } from './client/rest.ts';
import { readClusterConfig } from './cluster-config.ts';
import { join } from './join.ts';
import type { KubeletConfigurationFile } from './kubelet/configuration.ts';
import { createKubelet } from './kubelet/kubelet.ts';
import { readKubeletConfig } from './kubelet-config.ts';
import type { Linux } from './linux/linux.ts';
import { openLinux } from './linux/open.ts';
import { checkLinux } from './linux/preflight.ts';
import type { RunningProcess } from './main.ts';
import { createDnsServer } from './network/dns.ts';
import { NodeRoutes } from './network/node-routes.ts';
import { createPodNetwork } from './network/pod-network.ts';
import { NetworkPolicies } from './network/policy/network-policies.ts';
import { ServiceHealth } from './network/service-health.ts';
import { createServiceProxy } from './network/service-proxy.ts';
import { firstNode, type NodeConfig, readJoinRequest } from './node-config.ts';
import type { ClusterPaths } from './paths.ts';
import { createRuntime } from './runtime/create-runtime.ts';
import { openImages } from './runtime/images/images.ts';
import { readRuntimes } from './runtimes-config.ts';
import { vitrineVersion } from './version.ts';

const clock = systemClock;

/**
 * The node process:
 * 1. the kernel; 2. configuration and keys, which the control plane has written, or gives when we join; 3. images, what still
 * runs, the network; 4. service proxy and DNS; 5. the kubelet.
 */
export async function startNode(
  paths: ClusterPaths,
  log: Logger,
  flags: KubeletConfigurationFile = {},
): Promise<RunningProcess> {
  await checkLinux();
  const configuration = readKubeletConfig(paths, flags);
  const [linux, config] = await Promise.all([openLinux({ log: log.child('linux') }), untilAccess(paths, log)]);
  const { plan } = config;
  const ca = fs.readFileSync(path.join(paths.state, 'pki', 'ca.crt'), 'utf8');
  const runDir = path.join(paths.run, 'node');
  await ensureTmpfs(linux, runDir);
  await enterOwnCgroup(linux, paths.cgroup);
  const images = await openImages({ dir: paths.images, linux, log: log.child('images') });
  const runtime = createRuntime({
    linux,
    images,
    runtimes: readRuntimes(paths),
    stateDir: path.join(paths.state, 'runtime'),
    runDir: path.join(runDir, 'runtime'),
    logDir: paths.podLogs,
    log: log.child('runtime'),
    clock,
  });
  const network = createPodNetwork({
    linux,
    plan,
    stateDir: path.join(runDir, 'network'),
    clusterName: paths.name,
    log: log.child('network'),
  });
  await Promise.all([runtime.open(), network.open()]);
  await network.retain(runtime.sandboxes().map((sandbox) => sandbox.spec.id));

  await untilListening(config.server);
  const transport = (file: string) => httpsTransport({ server: config.server, ca, ...keyPair(paths, file) });
  const kubeletClient = createClient(transport('kubelet-client'), { userAgent: 'kubelet' });
  const proxyClient = createClient(transport('kube-proxy'), { userAgent: 'kube-proxy' });
  const proxyInformers = createInformerFactory(proxyClient, { log: log.child('proxy'), clock });
  const kubeletInformers = createInformerFactory(kubeletClient, { log: log.child('kubelet'), clock });
  const proxy = createServiceProxy({
    informers: proxyInformers,
    linux,
    plan,
    nodeName: config.nodeName,
    announces: config.announces,
    log: log.child('proxy'),
  });
  const health = new ServiceHealth({
    ...{ informers: proxyInformers, nodeName: config.nodeName, clock },
    events: createEventRecorder(proxyClient, { component: 'kube-proxy', host: config.nodeName, log, clock }),
    log: log.child('proxy'),
  });
  const policies = new NetworkPolicies({ informers: proxyInformers, linux, plan, log: log.child('policies') });
  const routes = new NodeRoutes({
    ...{ informers: proxyInformers, linux, plan, nodeName: config.nodeName, announces: config.announces },
    log: log.child('routes'),
  });
  const dns = createDnsServer({
    ...{ informers: proxyInformers, plan, log: log.child('dns') },
    ...(config.resolvers && { upstreams: config.resolvers }),
  });
  const kubelet = createKubelet({
    client: kubeletClient,
    informers: kubeletInformers,
    events: createEventRecorder(kubeletClient, { component: 'kubelet', host: config.nodeName, log, clock }),
    runtime,
    network,
    isolation: policies,
    linux,
    clock,
    log: log.child('kubelet'),
    version: vitrineVersion,
    nodeName: config.nodeName,
    nodeAddress: plan.nodeAddress,
    plan,
    // What the kubelet keeps for as long as a Pod lives is in memory, too: secrets and tokens are never on disk.
    paths: { ...paths, run: runDir },
    tls: { ...keyPair(paths, 'kubelet'), clientCa: ca },
    port: config.kubeletPort,
    configuration,
  });
  const started = Promise.all([proxy.start(), dns.start(), kubelet.start()]);
  policies.start();
  routes.start();
  health.start();
  proxyInformers.start();
  await started;
  return {
    ready: kubelet.whenReady(),
    shutDown: () => kubelet.shutDown(),
    stop: async () => {
      await kubelet.stop();
      await Promise.all([proxy.stop(), dns.stop()]);
      policies.stop();
      routes.stop();
      health.stop();
      proxyInformers.stop();
      kubeletInformers.stop();
      await runtime.close();
      kubeletClient.close();
      proxyClient.close();
      await linux.close();
    },
  };
}

/** statfs(2) f_type of tmpfs. */
const tmpfsMagic = 0x01021994;

/** Sockets, pids and the monitors' state live in memory: /run is on disk on some machines. */
async function ensureTmpfs(linux: Linux, dir: string): Promise<void> {
  fs.mkdirSync(dir, { recursive: true, mode: 0o711 });
  if (fs.statfsSync(dir).type === tmpfsMagic) return;
  await linux.mounts.mount({
    source: 'tmpfs',
    target: dir,
    type: 'tmpfs',
    flags: ['nosuid', 'nodev'],
    data: 'mode=711',
  });
}

/**
 * Our own use is counted apart from the Pods'. Monitors are born in this cgroup and stay, which `down` alone ends: to move
 * one costs 6 ms, as each write to cgroup.procs waits for every processor (kernel/cgroup/cgroup.c, threadgroup_rwsem).
 */
async function enterOwnCgroup(linux: Linux, nodeCgroup: string): Promise<void> {
  const own = `${nodeCgroup}/node`;
  await linux.cgroups.create(own);
  await linux.cgroups.enter(own, process.pid);
}

/**
 * What the node is. Beside the control plane it waits for what that writes, which at the first start is a few milliseconds
 * ahead; elsewhere it joins.
 */
async function untilAccess(paths: ClusterPaths, log: Logger): Promise<NodeConfig> {
  const request = readJoinRequest(paths);
  if (request) {
    await untilListening(request.server);
    return join(paths, request, { clock, log: log.child('join') });
  }
  const deadline = clock.now() + 30_000;
  const last = path.join(paths.state, 'pki', 'kube-proxy.crt');
  for (;;) {
    const config = readClusterConfig(paths);
    if (config && fs.existsSync(last)) return firstNode(config);
    if (clock.now() > deadline)
      throw new UserError(`no control plane has set up cluster "${paths.name}" (${last} is missing)`, {
        hint: `start it with: vitrine server --name ${paths.name}`,
      });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A server that starts together with us is there in a moment; without one the node goes on alone, and tries again. */
async function untilListening(server: string): Promise<void> {
  const { hostname, port } = new URL(server);
  const deadline = clock.now() + 3000;
  while (clock.now() < deadline && !(await accepts(hostname, Number(port))))
    await new Promise((resolve) => setTimeout(resolve, 4));
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
    socket.setTimeout(500, () => end(false));
  });
}

function keyPair(paths: ClusterPaths, file: string): { cert: string; key: string } {
  const read = (extension: string) => fs.readFileSync(path.join(paths.state, 'pki', `${file}.${extension}`), 'utf8');
  return { cert: read('crt'), key: read('key') };
}
