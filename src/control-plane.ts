import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { endpointSlices, endpoints, services, storageClasses } from './api/resource.ts';
import { apiServerOptions } from './api-server-options.ts';
import { bootstrap } from './apiserver/bootstrap/bootstrap.ts';
import type { DefaultObject } from './apiserver/bootstrap/default-objects.ts';
import { keepDefaultObjects } from './apiserver/bootstrap/keep-default-objects.ts';
import { ensurePki } from './apiserver/pki/pki.ts';
import type { UserInfo } from './apiserver/request.ts';
import { createApiServer } from './apiserver/server.ts';
import { standardPlugins } from './apiserver/standard-plugins.ts';
import { addressToNumber, numberToAddress } from './base/cidr.ts';
import { systemClock } from './base/clock.ts';
import type { Logger } from './base/log.ts';
import type { MetricSources } from './base/metrics.ts';
import { createClient } from './client/rest.ts';
import { type ClusterConfig, ensureClusterConfig, replicaConfig, type ServerOptions } from './cluster-config.ts';
import { startClients } from './control-plane-clients.ts';
import { localImageClass, localPathClass } from './controllers/volumes/local-path.ts';
import { openDatastore } from './datastore.ts';
import { joinObjects } from './join-objects.ts';
import type { RunningProcess } from './main.ts';
import type { AddressPlan } from './network/address-plan.ts';
import { dnsObjects } from './network/dns-objects.ts';
import type { ClusterPaths } from './paths.ts';

const clock = systemClock;
const administrator: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

/**
 * The control-plane process:
 * 1. configuration, keys and store; 2. the API server; 3. the objects that every cluster has; 4. the API
 * server listens on loopback; 5. controllers and scheduler, as clients within the process; 6. the API server listens on
 * the node's address, once it is there.
 */
export async function startControlPlane(
  paths: ClusterPaths,
  log: Logger,
  options: ServerOptions,
): Promise<RunningProcess> {
  const { replica } = options;
  const config = replica ? replicaConfig(paths) : await ensureClusterConfig(paths, options);
  const { plan } = config;
  const apiServiceIp = numberToAddress(addressToNumber(plan.serviceCidr.split('/')[0] as string) + 1);
  const [pki, store, { compactionIntervalMs, isServed, profiles, ...asked }] = await Promise.all([
    ensurePki(path.join(paths.state, 'pki'), {
      names: [os.hostname()],
      addresses: [apiServiceIp, plan.nodeAddress],
      nodeName: config.nodeName,
      nodeAddresses: [plan.nodeAddress],
      clock,
    }),
    openDatastore(paths, config.datastore, log.child('store')),
    apiServerOptions(config.apiServerFlags ?? {}, { paths, clock, log }),
  ]);
  // Controllers and scheduler are told of by the API server, as they have no port of their own.
  const metrics: MetricSources = new Set();
  const components = new Map([['etcd-0', async () => void (await store.currentRevision())]]);
  const api = createApiServer({
    store,
    log: log.child('apiserver'),
    clock,
    // After the default objects: nobody is served before the roles are there.
    listen: [],
    tls: {
      key: pki.apiserver.key,
      cert: pki.apiserver.certificate,
      clientCa: pki.ca.certificate,
      frontProxyCa: pki.frontProxyCa.certificate,
    },
    kubelet: {
      ca: pki.ca.certificate,
      cert: pki.apiserverKubeletClient.certificate,
      key: pki.apiserverKubeletClient.key,
    },
    serviceCidr: plan.serviceCidr,
    compactionIntervalMs,
    isServed,
    plugins: standardPlugins({
      clock,
      log: log.child('apiserver'),
      serviceAccountKey: pki.serviceAccountKey,
      frontProxy: { key: pki.frontProxyClient.key, cert: pki.frontProxyClient.certificate },
      serverAddress: `${plan.nodeAddress}:${config.internalApiPort}`,
      metrics,
      components,
      ...asked,
    }),
  });
  await api.start();

  const clientOf = (user: UserInfo, userAgent: string) => createClient(api.transport(user), { userAgent });
  const admin = clientOf(administrator, 'kube-apiserver');
  const apiAddress = { clusterIp: apiServiceIp, address: plan.nodeAddress, port: config.internalApiPort };
  await bootstrap(
    {
      api: apiAddress,
      serviceCidr: plan.serviceCidr,
      clientCa: pki.ca.certificate,
      requestHeaderCa: pki.frontProxyCa.certificate,
    },
    {
      reader: api.reader,
      writes: admin,
      extra: [
        ...dns(plan),
        ...joinObjects(plan, {
          server: `https://${plan.nodeAddress}:${config.internalApiPort}`,
          ca: pki.ca.certificate,
        }),
        { resource: storageClasses, object: localPathClass, reconcile: 'keep' },
        { resource: storageClasses, object: localImageClass, reconcile: 'keep' },
      ],
    },
  );

  await api.listen({ host: '127.0.0.1', port: config.apiPort, shared: store.shared });
  if (replica && options.apiPort) await api.listen({ host: '127.0.0.1', port: options.apiPort });
  const stopClients = startClients({
    clientOf,
    ca: pki.ca,
    loadBalancerCidr: plan.loadBalancerCidr,
    podCidr: plan.podCidr,
    nodeName: config.nodeName,
    volumes: path.join(paths.state, 'volumes'),
    clock,
    log,
    metrics,
    components,
    profiles,
    identity: store.shared ? serverIdentity(config, replica) : undefined,
  });
  const stopListening = listenWhenAddressIsThere();
  const stopKeeping = keepDefaultObjects(apiAddress, { reader: api.reader, writes: admin, clock, log });
  return {
    ready: Promise.resolve(),
    stop: async () => {
      stopListening();
      stopKeeping();
      await stopClients();
      await api.stop();
      await store.close();
    },
  };

  /** The node process makes the address; Pods reach the API there. */
  function listenWhenAddressIsThere(): () => void {
    const timer = setInterval(() => {
      const there = Object.values(os.networkInterfaces()).some((addresses) =>
        addresses?.some(({ address }) => address === plan.nodeAddress),
      );
      if (!there) return;
      clearInterval(timer);
      api
        .listen({ host: plan.nodeAddress, port: config.internalApiPort, shared: store.shared })
        .catch((error: unknown) => log.error('cannot listen for Pods', { address: plan.nodeAddress, error }));
    }, 50);
    timer.unref();
    return () => clearInterval(timer);
  }
}

/**
 * The name of this server among those of its cluster, in the form of kube-controller-manager's: host and UUID. It stays
 * the same over restarts, so that a leader that crashed goes on leading at once; a pid file keeps a second one away.
 */
function serverIdentity({ createdAt }: ClusterConfig, replica = ''): string {
  const hash = createHash('sha256').update(`${createdAt}/${replica}`).digest('hex');
  const uuid = hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5');
  return `${os.hostname()}_${uuid}`;
}

/** The cluster's DNS Service, to be as it is here at every start. */
function dns(plan: AddressPlan): DefaultObject[] {
  const { service, endpoints: addresses, slice } = dnsObjects(plan);
  return [
    { resource: services, object: service, reconcile: 'restore' },
    { resource: endpoints, object: addresses, reconcile: 'restore' },
    { resource: endpointSlices, object: slice, reconcile: 'restore' },
  ] as DefaultObject[];
}
