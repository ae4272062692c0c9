import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { endpointSlices, endpoints, services } from './api/resource.ts';
import { serviceAccountUser, withAuthenticatedGroup } from './apiserver/authentication/groups.ts';
import { bootstrap } from './apiserver/bootstrap/bootstrap.ts';
import type { DefaultObject } from './apiserver/bootstrap/default-objects.ts';
import { ensurePki } from './apiserver/pki/pki.ts';
import type { UserInfo } from './apiserver/request.ts';
import { createApiServer } from './apiserver/server.ts';
import { standardPlugins } from './apiserver/standard-plugins.ts';
import { systemClock } from './base/clock.ts';
import type { Logger } from './base/log.ts';
import { createInformerFactory } from './client/informers.ts';
import { createEventRecorder } from './client/recorder.ts';
import { createClient } from './client/rest.ts';
import { runControllers } from './client/run-controller.ts';
import { ensureClusterConfig } from './cluster-config.ts';
import { allControllers } from './controllers/all.ts';
import { startGarbageCollector } from './controllers/garbage-collector.ts';
import { storageClasses } from './controllers/volumes/binder.ts';
import { localPathClass } from './controllers/volumes/local-path.ts';
import type { RunningProcess } from './main.ts';
import type { AddressPlan } from './network/address-plan.ts';
import { addressToNumber, numberToAddress } from './network/cidr.ts';
import { dnsObjects } from './network/dns-objects.ts';
import type { ClusterPaths } from './paths.ts';
import { startScheduler } from './scheduler/scheduler.ts';
import { openSqliteStore } from './store/sqlite.ts';

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
  options: { apiPort?: number },
): Promise<RunningProcess> {
  const config = await ensureClusterConfig(paths, options);
  const { plan } = config;
  const apiServiceIp = numberToAddress(addressToNumber(plan.serviceCidr.split('/')[0] as string) + 1);
  const [pki, store] = await Promise.all([
    ensurePki(path.join(paths.state, 'pki'), {
      names: [os.hostname()],
      addresses: [apiServiceIp, plan.nodeAddress],
      nodeName: config.nodeName,
      nodeAddresses: [plan.nodeAddress],
      clock,
    }),
    openSqliteStore({ file: path.join(paths.state, 'store.db'), log: log.child('store') }),
  ]);
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
    plugins: standardPlugins({
      clock,
      log: log.child('apiserver'),
      serviceAccountKey: pki.serviceAccountKey,
      frontProxy: { key: pki.frontProxyClient.key, cert: pki.frontProxyClient.certificate },
      serverAddress: `${plan.nodeAddress}:${config.internalApiPort}`,
    }),
  });
  await api.start();

  const clientOf = (user: UserInfo, userAgent: string) => createClient(api.transport(user), { userAgent });
  const admin = clientOf(administrator, 'kube-apiserver');
  await bootstrap(
    {
      api: { clusterIp: apiServiceIp, address: plan.nodeAddress, port: config.internalApiPort },
      serviceCidr: plan.serviceCidr,
      clientCa: pki.ca.certificate,
      requestHeaderCa: pki.frontProxyCa.certificate,
    },
    {
      reader: api.reader,
      writes: admin,
      extra: [...dns(plan), { resource: storageClasses, object: localPathClass, reconcile: 'keep' }],
    },
  );

  await api.listen({ host: '127.0.0.1', port: config.apiPort });
  const stopClients = startClients();
  const stopListening = listenWhenAddressIsThere();
  return {
    ready: Promise.resolve(),
    stop: async () => {
      stopListening();
      await stopClients();
      await api.stop();
      await store.close();
    },
  };

  function controllerClient(account: string) {
    return clientOf(withAuthenticatedGroup(serviceAccountUser('kube-system', account)), 'kube-controller-manager');
  }

  function startClients(): () => Promise<void> {
    const manager = clientOf(
      { name: 'system:kube-controller-manager', groups: ['system:authenticated'] },
      'kube-controller-manager',
    );
    const managerLog = log.child('controllers');
    const informers = createInformerFactory(manager, { log: managerLog, clock });
    const localDirectories = {
      root: path.join(paths.state, 'volumes'),
      make: async (folder: string) => {
        await fs.mkdir(folder, { recursive: true });
        // Whoever the containers run as, they may write there.
        await fs.chmod(folder, 0o777);
      },
      remove: (folder: string) => fs.rm(folder, { recursive: true, force: true }),
    };
    const stops = allControllers({
      signer: pki.ca,
      ca: pki.ca.certificate,
      loadBalancerCidr: plan.loadBalancerCidr,
      localDirectories,
    }).map(({ account, make }) => {
      const client = controllerClient(account);
      const events = createEventRecorder(client, { component: account, log: managerLog, clock });
      return runControllers([make], { client, informers, events, clock, log: managerLog });
    });
    const collector = startGarbageCollector({
      client: controllerClient('generic-garbage-collector'),
      clock,
      log: managerLog,
    });
    const scheduling = clientOf({ name: 'system:kube-scheduler', groups: ['system:authenticated'] }, 'kube-scheduler');
    const schedulerLog = log.child('scheduler');
    const schedulerInformers = createInformerFactory(scheduling, { log: schedulerLog, clock });
    const scheduler = startScheduler({
      client: scheduling,
      informers: schedulerInformers,
      events: createEventRecorder(scheduling, { component: 'default-scheduler', log: schedulerLog, clock }),
      clock,
      log: schedulerLog,
    });
    schedulerInformers.start();
    return async () => {
      informers.stop();
      schedulerInformers.stop();
      await Promise.all([...stops.map((one) => one.stop()), collector.stop(), scheduler.stop()]);
    };
  }

  /** The node process makes the address; Pods reach the API there. */
  function listenWhenAddressIsThere(): () => void {
    const timer = setInterval(() => {
      const there = Object.values(os.networkInterfaces()).some((addresses) =>
        addresses?.some(({ address }) => address === plan.nodeAddress),
      );
      if (!there) return;
      clearInterval(timer);
      api
        .listen({ host: plan.nodeAddress, port: config.internalApiPort })
        .catch((error: unknown) => log.error('cannot listen for Pods', { address: plan.nodeAddress, error }));
    }, 50);
    timer.unref();
    return () => clearInterval(timer);
  }
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
