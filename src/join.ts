import path from 'node:path';
import { configMaps, nodes } from './api/resource.ts';
import { hasReason } from './api/status-error.ts';
import { readIfPresent, writeSecret } from './apiserver/pki/secret-file.ts';
import { overlaps } from './base/cidr.ts';
import type { Clock } from './base/clock.ts';
import { UserError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import type { Client } from './client/client.ts';
import { httpsTransport } from './client/https-transport.ts';
import { createClient } from './client/rest.ts';
import { configName, type SharedPlan } from './join-objects.ts';
import { readHostRoutes } from './linux/proc-routes.ts';
import { hostLinkName, nftTableName } from './network/choose-addresses.ts';
import {
  certificateLifeMs,
  type NodeCertificate,
  nodeCertificates,
  renewBeforeMs,
  requestCertificate,
} from './node-certificates.ts';
import { type JoinRequest, type NodeConfig, readNodeConfig, writeJoinRequest, writeNodeConfig } from './node-config.ts';
import type { ClusterPaths } from './paths.ts';

const pollMs = 25;
const patienceMs = 30_000;

interface Parts {
  clock: Clock;
  log: Logger;
}

/** The node that this machine is; it becomes one, or renews what of that runs out, if that can wait without an API. */
export async function join(paths: ClusterPaths, request: JoinRequest, parts: Parts): Promise<NodeConfig> {
  const dir = path.join(paths.state, 'pki');
  await writeSecret(path.join(dir, 'ca.crt'), request.ca);
  const known = readNodeConfig(paths);
  const files: NodeCertificate[] = ['kubelet-client', 'kubelet', 'kube-proxy'];
  const lives = await Promise.all(files.map((file) => certificateLifeMs(dir, file, request.ca, parts.clock)));
  const leastMs = Math.min(...lives);
  if (known && leastMs > renewBeforeMs) return known;
  try {
    return await becomeNode(paths, request, known, parts);
  } catch (error) {
    if (!known || leastMs === 0) throw error;
    parts.log.warn('cannot renew certificates', { node: request.nodeName, lastForMs: leastMs, error });
    return known;
  }
}

/**
 * Makes a machine a node of a cluster whose control plane is elsewhere:
 * 1. its identity, by the bootstrap token or the one that it has; 2. the Node, as itself; 3. its range of Pod addresses, which
 * the cluster gives; 4. certificates of its kubelet's API and of its service proxy.
 */
async function becomeNode(
  paths: ClusterPaths,
  request: JoinRequest,
  known: NodeConfig | undefined,
  { clock, log }: Parts,
): Promise<NodeConfig> {
  const dir = path.join(paths.state, 'pki');
  const { nodeName, nodeAddress, server, ca, token } = request;
  const certificates = nodeCertificates(nodeName, nodeAddress);
  const lasts = async (file: NodeCertificate) => (await certificateLifeMs(dir, file, ca, clock)) > renewBeforeMs;
  const as = async <T>(identity: object, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = createClient(httpsTransport({ server, ca, ...identity }), { userAgent: 'vitrine-join' });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  if (!(await lasts('kubelet-client'))) {
    log.info('asking for an identity', { node: nodeName, server });
    const identity = token ? { token } : await readIdentity(dir);
    await as(identity, (client) => requestCertificate(client, dir, certificates['kubelet-client']));
  }
  return as(await readIdentity(dir), async (client) => {
    const plan = await readPlan(client);
    if (!known) requireFreeRanges(plan);
    const nodePodCidr = await register(client, request);
    for (const file of ['kubelet', 'kube-proxy'] as const)
      if (!(await lasts(file))) await requestCertificate(client, dir, certificates[file]);
    const own = { nodeAddress, nodePodCidr, hostLink: hostLinkName(paths.name), nftTable: nftTableName(paths.name) };
    const config: NodeConfig = {
      ...{ nodeName, server, plan: { ...plan, ...own }, kubeletPort: 10_250, announces: false },
      ...(request.resolvers && { resolvers: request.resolvers }),
    };
    writeNodeConfig(paths, config);
    // Who joined needs it no more.
    const { token: _used, ...lasting } = request;
    if (token) writeJoinRequest(paths, lasting);
    log.info('joined', { node: nodeName, podCidr: nodePodCidr });
    return config;
  });
}

async function readIdentity(dir: string) {
  const read = (extension: string) => readIfPresent(path.join(dir, `kubelet-client.${extension}`));
  return { cert: await read('crt'), key: await read('key') };
}

async function readPlan(client: Client): Promise<SharedPlan> {
  const { data = {} } = await client.get(configMaps, configName, 'kube-system');
  return data as unknown as SharedPlan;
}

/** The machine was not asked when the cluster chose its addresses. */
function requireFreeRanges(plan: SharedPlan): void {
  const routes = readHostRoutes().filter(({ destination }) => !destination.endsWith('/0'));
  for (const range of [plan.podCidr, plan.serviceCidr, plan.loadBalancerCidr])
    for (const { destination, link } of routes)
      if (overlaps(range, destination))
        throw new UserError(`the cluster's addresses ${range} clash with the route ${destination} by ${link}`, {
          hint: 'no machine with a route into the ranges of a cluster can join it',
        });
}

/** The Node as far as others need it before its kubelet runs; its range once the cluster has given it one. */
async function register(client: Client, { nodeName, nodeAddress }: JoinRequest): Promise<string> {
  const addresses = [
    { type: 'InternalIP', address: nodeAddress },
    { type: 'Hostname', address: nodeName },
  ];
  const metadata = { name: nodeName, labels: { 'kubernetes.io/hostname': nodeName } };
  try {
    await client.create(nodes, { metadata, spec: {}, status: { addresses } } as never);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { spec } = await client.get(nodes, nodeName);
    if (spec.podCIDR) return spec.podCIDR;
    if (performance.now() > deadline)
      throw new UserError(`node "${nodeName}" was given no range of Pod addresses within 30 s`, {
        hint: `kubectl describe node ${nodeName} may tell why`,
      });
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
