import type { APIService, APIServiceCondition } from '../../api/generated/apiregistration-v1.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import { builtin } from '../../api/resource.ts';
import { formatTime } from '../../api/time.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { DiscoverableResource } from '../discovery/served-groups.ts';
import type { LocalTransport } from '../http/in-process.ts';
import type { ObjectReader } from '../request.ts';
import { type FrontProxy, requestBackend } from './backend-connection.ts';

export const apiServices = builtin<APIService>('apiregistration.k8s.io', 'v1', 'apiservices');
const path = '/apis/apiregistration.k8s.io/v1/apiservices';

/** How often extension servers are asked what they serve, and how long they may take (kube-aggregator pkg/controllers/status). */
const checkIntervalMs = 2_000;
const checkTimeoutMs = 5_000;

/** Asks as the aggregator itself. */
const aggregator = { name: 'system:kube-aggregator', groups: ['system:masters'] };

export interface ApiServicesOptions {
  reader: ObjectReader;
  frontProxy: FrontProxy | undefined;
  transport: LocalTransport;
  clock: Clock;
  log: Logger;
}

/** Keeps an eye on extension servers: whether they can be used, and what they serve. */
export class ApiServices {
  readonly #options: ApiServicesOptions;
  /** What each available extension server serves, by the name of its APIService. */
  readonly #discovered = new Map<string, DiscoverableResource[]>();
  /** What resources() answers; a new array after every change. */
  #all: readonly DiscoverableResource[] = [];
  /** How often each failed in a row: one failure alone is forgiven. */
  #stop = () => {};

  constructor(options: ApiServicesOptions) {
    this.#options = options;
  }

  /** The one that answers for a group and version, if it is not this server. */
  find(group: string, version: string): APIService | undefined {
    const found = this.#options.reader.get(apiServices, '', `${version}.${group}`);
    return found?.spec.service ? found : undefined;
  }

  /** What extension servers serve. */
  resources(): readonly DiscoverableResource[] {
    return this.#all;
  }

  start(): void {
    const tick = async () => {
      await this.#check();
      if (this.#stopped) return;
      this.#stop = this.#options.clock.after(checkIntervalMs, () => void tick());
    };
    void tick();
  }

  #stopped = false;

  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  async #check(): Promise<void> {
    const { reader, log } = this.#options;
    const all = reader.list(apiServices);
    const names = new Set(all.map(({ metadata }) => metadata.name));
    for (const name of this.#discovered.keys()) if (!names.has(name)) this.#forget(name);
    await Promise.all(
      all.map((one) =>
        this.#checkOne(one).catch((error: unknown) =>
          log.warn('cannot check an APIService', { name: one.metadata.name, error }),
        ),
      ),
    );
  }

  async #checkOne(service: APIService): Promise<void> {
    const { name } = service.metadata;
    if (!service.spec.service) {
      return this.#report(service, 'True', 'Local', 'Local APIServices are always available');
    }
    try {
      const resources = await this.#discover(service);
      if (JSON.stringify(this.#discovered.get(name)) !== JSON.stringify(resources)) {
        this.#discovered.set(name, resources);
        this.#all = [...this.#discovered.values()].flat();
      }
      await this.#report(service, 'True', 'Passed', 'all checks passed');
    } catch (error) {
      this.#forget(name);
      const message = (error as Error).message;
      await this.#report(service, 'False', reasonOf(message), messageOf(service, message));
    }
  }

  #forget(name: string): void {
    if (this.#discovered.delete(name)) this.#all = [...this.#discovered.values()].flat();
  }

  async #discover(service: APIService): Promise<DiscoverableResource[]> {
    const { group = '', version = '' } = service.spec;
    const answer = await requestBackend(this.#options, service, {
      method: 'GET',
      path: `/apis/${group}/${version}`,
      headers: { accept: 'application/json' },
      user: aggregator,
      signal: AbortSignal.timeout(checkTimeoutMs),
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    if (answer.statusCode !== 200) throw new Error(`bad status from the extension server: ${answer.statusCode}`);
    return resourcesOf(group, version, JSON.parse(text) as ResourceList);
  }

  async #report(service: APIService, status: string, reason: string, message: string): Promise<void> {
    const before = service.status?.conditions?.find(({ type }) => type === 'Available');
    if (before?.status === status && before.reason === reason && before.message === message) return;
    const now = formatTime(new Date(this.#options.clock.now()));
    const lastTransitionTime = before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : now;
    const condition: APIServiceCondition = { type: 'Available', status, lastTransitionTime, reason, message };
    const others = (service.status?.conditions ?? []).filter(({ type }) => type !== 'Available');
    const response = await this.#options.transport.request({
      method: 'PUT',
      path: `${path}/${service.metadata.name}/status`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...service, status: { ...service.status, conditions: [...others, condition] } }),
    });
    if (response.status >= 300 && response.status !== 409 && response.status !== 404)
      throw new Error(await response.text());
  }
}

function reasonOf(message: string): string {
  if (message.startsWith('service ')) return 'ServiceNotFound';
  if (message.startsWith('no endpoints')) return 'MissingEndpoints';
  if (message.startsWith('no service port')) return 'ServicePortError';
  return 'FailedDiscoveryCheck';
}

function messageOf({ spec, metadata }: APIService, message: string): string {
  const { name, namespace } = spec.service ?? {};
  switch (reasonOf(message)) {
    case 'ServiceNotFound':
      return `service/${name} in ${JSON.stringify(namespace)} is not present`;
    case 'MissingEndpoints':
      return `endpoints for service/${name} in ${JSON.stringify(namespace)} have no addresses`;
    case 'ServicePortError':
      return `service/${name} in ${JSON.stringify(namespace)} is not listening on port ${spec.service?.port ?? 443}`;
    default:
      return `failing or missing response from ${metadata.name}: ${message}`;
  }
}

interface ResourceList {
  resources?: {
    name: string;
    singularName?: string;
    namespaced: boolean;
    kind: string;
    group?: string;
    version?: string;
    verbs: string[];
    shortNames?: string[];
    categories?: string[];
  }[];
}

function resourcesOf(group: string, version: string, { resources = [] }: ResourceList): DiscoverableResource[] {
  const found = new Map<string, DiscoverableResource>();
  for (const one of resources) {
    if (one.name.includes('/')) continue;
    const { singularName, shortNames, categories } = one;
    found.set(one.name, {
      group,
      version,
      resource: one.name,
      kind: one.kind,
      type: '',
      namespaced: one.namespaced,
      verbs: one.verbs,
      subresources: {},
      names: {
        ...(singularName ? { singular: singularName } : {}),
        ...(shortNames ? { shortNames } : {}),
        ...(categories ? { categories } : {}),
      },
    });
  }
  for (const one of resources) {
    const [name, subresource] = one.name.split('/') as [string, string | undefined];
    const parent = found.get(name);
    if (!subresource || !parent) continue;
    const entry = { kind: one.kind, group: one.group ?? group, version: one.version ?? version, verbs: one.verbs };
    (parent.subresources as Record<string, ResourceInfo['subresources'][string]>)[subresource] = entry;
  }
  return [...found.values()];
}
