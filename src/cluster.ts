import fs from 'node:fs';
import path from 'node:path';
import { nodes } from './api/resource.ts';
import { hasReason } from './api/status-error.ts';
import { systemClock } from './base/clock.ts';
import { silentLogger } from './base/log.ts';
import type { Client } from './client/client.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { type FurtherNode, furtherNodes, isPinned, switchPin } from './further-nodes.ts';
import { type ClusterState, clusterState, stopAgent, stopProcesses } from './launch.ts';
import type { Linux } from './linux/linux.ts';
import { openLinux } from './linux/open.ts';
import { checkLinux } from './linux/preflight.ts';
import { NodeSwitch } from './network/node-switch.ts';
import { createPodNetwork } from './network/pod-network.ts';
import { firstNode, type NodeConfig, readNodeConfig } from './node-config.ts';
import { type ClusterPaths, clusterPaths } from './paths.ts';
import { createRuntime } from './runtime/create-runtime.ts';
import { openImages } from './runtime/images/images.ts';
import type { Images } from './runtime/runtime.ts';

/** Containers get this long to end by themselves when the cluster is stopped, in milliseconds. */
const stopGraceMs = 10_000;

export interface StopOptions {
  /** Containers get no time to end. */
  force?: boolean;
  onProgress?(text: string): void;
}

/**
 * Stops a cluster so that nothing of it is left in the kernel. It works without the help of its processes, so also after they
 * were killed.
 */
export async function stopCluster(name: string, options: StopOptions = {}): Promise<{ sandboxes: number }> {
  const { paths, config } = clusterState(name);
  await stopProcesses(name, { graceful: !options.force });
  const plan = config?.plan ?? readNodeConfig(paths)?.plan;
  if (!plan) return { sandboxes: 0 };
  return withLinux(async (linux) => {
    const log = silentLogger;
    const images = await openImages({ dir: paths.images, linux, log });
    const further = furtherNodes(paths);
    const stopped = [paths, ...further.map((node) => node.paths)].map((node) => stopPods(linux, images, node, options));
    const sandboxes = (await Promise.all(stopped)).reduce((sum, count) => sum + count, 0);
    for (const { pins } of further) await linux.namespaces.remove({ net: pins.net, uts: pins.uts });
    if (isPinned(switchPin(paths))) await new NodeSwitch(linux, plan, switchPin(paths)).remove();
    const network = createPodNetwork({
      linux,
      plan,
      stateDir: path.join(paths.run, 'node', 'network'),
      clusterName: name,
      log,
    });
    await network.removeAll();
    await removeFromKernel(linux, paths);
    await linux.cgroups.release();
    return { sandboxes };
  });
}

/** Stops one further node of a cluster, whose others go on, so that nothing of it is left in the kernel. */
async function stopNode(cluster: ClusterState, node: FurtherNode, options: StopOptions = {}): Promise<void> {
  await stopAgent(node.paths, { graceful: !options.force });
  await withLinux(async (linux) => {
    const images = await openImages({ dir: node.paths.images, linux, log: silentLogger });
    await stopPods(linux, images, node.paths, options);
    const { config, paths } = cluster;
    if (config && isPinned(switchPin(paths)))
      await new NodeSwitch(linux, config.plan, switchPin(paths)).disconnect(node.address, node.pins);
    await removeFromKernel(linux, node.paths);
  });
}

/** Stops one further node of a cluster for good, which is forgotten. Its log stays. */
export async function removeNode(
  cluster: ClusterState,
  node: FurtherNode,
  { client, ...options }: StopOptions & { client: Client },
): Promise<void> {
  await stopNode(cluster, node, options);
  await client.delete(nodes, node.name).catch(ignoreNotFound);
  fs.rmSync(node.paths.state, { recursive: true, force: true });
}

function ignoreNotFound(error: unknown): void {
  if (!hasReason(error, 'NotFound')) throw error;
}

/** How many Pods there were. */
async function stopPods(linux: Linux, images: Images, paths: ClusterPaths, options: StopOptions): Promise<number> {
  const runtime = createRuntime({
    linux,
    images,
    stateDir: path.join(paths.state, 'runtime'),
    runDir: path.join(paths.run, 'node', 'runtime'),
    log: silentLogger,
    clock: systemClock,
  });
  await runtime.open();
  const sandboxes = runtime.sandboxes();
  options.onProgress?.(`stopping ${sandboxes.length} Pods …`);
  const graceMs = options.force ? 0 : stopGraceMs;
  await Promise.all(runtime.containers().map((container) => runtime.stopContainer(container.id, { graceMs })));
  await Promise.all(sandboxes.map((sandbox) => runtime.removeSandbox(sandbox.spec.id)));
  await runtime.close();
  return sandboxes.length;
}

/** What a node, or a cluster with all its nodes, has beside its network. */
async function removeFromKernel(linux: Linux, paths: ClusterPaths): Promise<void> {
  await unmountBelow(linux, [paths.run, paths.state]);
  for (const { file } of await linux.loops.list())
    if (file.startsWith(`${paths.state}/`)) await linux.loops.detach(file);
  await linux.cgroups.remove(paths.cgroup);
  fs.rmSync(paths.run, { recursive: true, force: true });
}

/** Volumes of Pods and whatever else is still mounted in the cluster's folders. */
async function unmountBelow(linux: Linux, folders: string[]): Promise<void> {
  for (const folder of folders)
    for (const mount of await linux.mounts.list(folder)) await linux.mounts.unmount(mount.target);
}

/** A node, and the kernel as it is seen in its network. */
export interface OpenNode {
  linux: Linux;
  paths: ClusterPaths;
  node: NodeConfig;
}

/** Gives `use` the nodes on this machine, the images, and what is known of a cluster that exists. */
export async function withNodes<T>(
  name: string,
  use: (cluster: { nodes: OpenNode[]; images: Images; paths: ClusterPaths; config: ClusterConfig }) => Promise<T>,
): Promise<T> {
  const { paths, config } = clusterState(name);
  if (!config) throw new Error(`there is no cluster "${name}"`);
  return withLinux(async (linux) => {
    const images = await openImages({ dir: paths.images, linux, log: silentLogger });
    const nodes: OpenNode[] = [{ linux, paths, node: firstNode(config) }];
    try {
      for (const { paths: own, pins } of furtherNodes(paths)) {
        const node = readNodeConfig(own);
        const netns = isPinned(pins.net) && pins.net;
        if (node && netns) nodes.push({ linux: await openLinux({ log: silentLogger, netns }), paths: own, node });
      }
      return await use({ nodes, images, paths, config });
    } finally {
      for (const node of nodes.slice(1)) await node.linux.close();
    }
  });
}

/** Gives `use` the image store of this machine. */
export async function withImageStore(name: string, use: (images: Images) => Promise<void>): Promise<void> {
  await withLinux(async (linux) => {
    await use(await openImages({ dir: clusterPaths(name).images, linux, log: silentLogger }));
  });
}

async function withLinux<T>(use: (linux: Linux) => Promise<T>): Promise<T> {
  await checkLinux();
  const linux = await openLinux({ log: silentLogger });
  try {
    return await use(linux);
  } finally {
    await linux.close();
  }
}
