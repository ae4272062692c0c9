import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { APIService, APIServiceCondition } from '../../api/generated/apiregistration-v1.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import { builtin } from '../../api/resource.ts';
import { formatTime } from '../../api/time.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { MetricFamily } from '../../base/metrics.ts';
import type { DiscoverableResource, ExtensionVersion } from '../discovery/served-groups.ts';
import type { LocalTransport } from '../http/in-process.ts';
import type { ObjectReader } from '../request.ts';
import { type Availability, failedDiscovery, localAvailability, passed, unreachableReason } from './availability.ts';
import { type FrontProxy, requestBackend } from './backend-connection.ts';
import { type ExtensionOpenApi, fetchOpenApi, wholeBody } from './extension-openapi.ts';
import { automanaged, localApiServices } from './local-api-services.ts';

export const apiServices = builtin<APIService>('apiregistration.k8s.io', 'v1', 'apiservices');
const apiVersion = 'apiregistration.k8s.io/v1';
const path = `/apis/${apiVersion}/apiservices`;

/** How often extension servers are asked what they serve, and how long they may take (kube-aggregator pkg/controllers/status). */
const checkIntervalMs = 2_000;
const checkTimeoutMs = 5_000;
/** How often they are asked to describe themselves. */
const describeIntervalMs = 60_000;

/** Asks as the aggregator itself. */
const aggregator = { name: 'system:kube-aggregator', groups: ['system:masters'] };

export interface ApiServicesOptions {
  reader: ObjectReader;
  frontProxy: FrontProxy | undefined;
  transport: LocalTransport;
  /** What this server serves itself; a new array after every change. */
  served(): readonly ResourceInfo[];
  clock: Clock;
  log: Logger;
}

/** What is known of an extension server. */
interface Extension {
  group: string;
  version: string;
  /** Whether it answered when it was last asked. */
  available: boolean;
  /** What it answered when it last did. */
  resources: DiscoverableResource[];
  openApi: ExtensionOpenApi | undefined;
  /** When `openApi` was fetched. */
  describedMs: number;
}

/** Keeps an eye on extension servers: whether they can be used, and what they serve; keeps the APIServices of our own. */
export class ApiServices {
  readonly #options: ApiServicesOptions;
  /** The extension servers that were asked, by the name of their APIService. */
  readonly #extensions = new Map<string, Extension>();
  /** What resources(), versions() and openApi() answer; new arrays after every change. */
  #resources: readonly DiscoverableResource[] = [];
  #versions: readonly ExtensionVersion[] = [];
  #openApi: readonly ExtensionOpenApi[] = [];
  /** What the local APIServices were made for. */
  #registered: readonly ResourceInfo[] | undefined;
  #cancel = () => {};
  /** Once set, nothing is checked any more. */
  #stopped = false;

  constructor(options: ApiServicesOptions) {
    this.#options = options;
  }

  /** The one that answers for a group and version, if it is not this server. */
  find(group: string, version: string): APIService | undefined {
    const found = this.#options.reader.get(apiServices, '', `${version}.${group}`);
    return found?.spec.service ? found : undefined;
  }

  /** Whether it answered when it was last asked: who writes its status cannot make it so. */
  isAvailable({ metadata }: APIService): boolean {
    return this.#extensions.get(metadata.name)?.available === true;
  }

  /** What extension servers serve, or served when they last answered. */
  resources(): readonly DiscoverableResource[] {
    return this.#resources;
  }

  /** The versions that they answer for; stale is what does not answer (KEP-3352: its list may be old or missing). */
  versions(): readonly ExtensionVersion[] {
    return this.#versions;
  }

  /** What extension servers say of themselves. */
  openApi(): readonly ExtensionOpenApi[] {
    return this.#openApi;
  }

  /** The metric of kube-aggregator pkg/controllers/status/metrics. */
  metrics(): MetricFamily {
    const unavailable = (service: APIService) => {
      const available = service.status?.conditions?.find(({ type }) => type === 'Available');
      return available?.status === 'True' ? 0 : 1;
    };
    return {
      name: 'aggregator_unavailable_apiservice',
      help: 'Gauge of APIServices which are marked as unavailable broken down by APIService name.',
      type: 'gauge',
      samples: this.#options.reader
        .list(apiServices)
        .map((service) => ({ labels: { name: service.metadata.name }, value: unavailable(service) })),
    };
  }

  /** The first look waits: a cluster that starts has better things to do. */
  start(): void {
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #plan(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(checkIntervalMs, () => void this.#check().finally(() => this.#plan()));
  }

  async #check(): Promise<void> {
    const { reader, log } = this.#options;
    await this.#registerOwn().catch((error: unknown) => log.warn('cannot register our own APIServices', { error }));
    const all = reader.list(apiServices);
    const names = new Set(all.map(({ metadata }) => metadata.name));
    for (const name of this.#extensions.keys()) if (!names.has(name)) this.#set(name, undefined);
    await Promise.all(
      all.map((one) =>
        this.#checkOne(one).catch((error: unknown) =>
          log.warn('cannot check an APIService', { name: one.metadata.name, error }),
        ),
      ),
    );
  }

  /** Makes the APIServices of what this server serves, and removes those of custom resources that went. */
  async #registerOwn(): Promise<void> {
    const { reader, served } = this.#options;
    const now = served();
    if (now === this.#registered) return;
    const wanted = localApiServices(now);
    const names = new Set(wanted.map(({ metadata }) => metadata.name));
    const known = reader.list(apiServices);
    for (const service of wanted) {
      const isManaged = service.metadata.labels?.[automanaged] === 'true' || this.#registered === undefined;
      if (isManaged && !known.some(({ metadata }) => metadata.name === service.metadata.name)) {
        await this.#write('POST', path, { apiVersion, kind: 'APIService', ...service });
      }
    }
    for (const { metadata } of known) {
      if (metadata.labels?.[automanaged] === 'true' && !names.has(metadata.name))
        await this.#write('DELETE', `${path}/${metadata.name}`);
    }
    this.#registered = now;
  }

  async #checkOne(service: APIService): Promise<void> {
    const { name } = service.metadata;
    if (!service.spec.service) {
      this.#set(name, undefined);
      return this.#report(service, localAvailability);
    }
    const unreachable = unreachableReason(this.#options.reader, service);
    if (unreachable) return this.#fail(service, unreachable);
    try {
      const resources = await this.#discover(service);
      this.#set(name, await this.#described(service, resources));
    } catch (error) {
      return this.#fail(service, failedDiscovery((error as Error).message));
    }
    await this.#report(service, passed);
  }

  /** What it said of itself before still holds, as far as anybody knows. */
  #fail(service: APIService, availability: Availability): Promise<void> {
    const { name } = service.metadata;
    const { group = '', version = '' } = service.spec;
    const unknown = { group, version, resources: [], openApi: undefined, describedMs: 0 };
    this.#set(name, { ...(this.#extensions.get(name) ?? unknown), available: false });
    return this.#report(service, availability);
  }

  #set(name: string, extension: Extension | undefined): void {
    const before = this.#extensions.get(name);
    if (extension) this.#extensions.set(name, extension);
    else this.#extensions.delete(name);
    const all = [...this.#extensions.values()];
    if (JSON.stringify(before?.resources) !== JSON.stringify(extension?.resources))
      this.#resources = all.flatMap(({ resources }) => resources);
    if (before?.available !== extension?.available)
      this.#versions = all.map(({ group, version, available }) => ({ group, version, stale: !available }));
    if (before?.openApi !== extension?.openApi) this.#openApi = all.flatMap(({ openApi }) => openApi ?? []);
  }

  async #discover(service: APIService): Promise<DiscoverableResource[]> {
    const { group = '', version = '' } = service.spec;
    const { name = '', namespace = '', port = 443 } = service.spec.service ?? {};
    const place = `/apis/${group}/${version}`;
    const url = `https://${name}.${namespace}.svc:${port}${place}`;
    const failing = (why: string) => new Error(`failing or missing response from ${url}: ${why}`);
    const answer = await this.#ask(service, place, 'application/json').catch((error: Error) => {
      throw failing(`Get "${url}": ${error.message}`);
    });
    const body = await wholeBody(answer);
    if (answer.statusCode !== 200) throw failing(`bad status from ${url}: ${answer.statusCode}`);
    return resourcesOf(group, version, JSON.parse(body.toString('utf8')) as ResourceList);
  }

  /** Fetches the descriptions anew after a while, or when what is served has changed. */
  async #described(service: APIService, resources: DiscoverableResource[]): Promise<Extension> {
    const known = this.#extensions.get(service.metadata.name);
    const now = this.#options.clock.now();
    const same = known?.available && JSON.stringify(known.resources) === JSON.stringify(resources);
    if (same && now - known.describedMs < describeIntervalMs) return known;
    const { group = '', version = '' } = service.spec;
    const fetched = await fetchOpenApi(`apis/${group}/${version}`, (place, accept) =>
      this.#ask(service, place, accept),
    );
    const openApi = known && isDeepStrictEqual(known.openApi, fetched) ? known.openApi : fetched;
    return { group, version, available: true, resources, openApi, describedMs: now };
  }

  #ask(service: APIService, place: string, accept: string): Promise<IncomingMessage> {
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const request = { method: 'GET', path: place, headers: { accept }, user: aggregator, signal };
    return requestBackend(this.#options, service, request);
  }

  async #report(service: APIService, { status, reason, message }: Availability): Promise<void> {
    const before = service.status?.conditions?.find(({ type }) => type === 'Available');
    if (before?.status === status && before.reason === reason && before.message === message) return;
    const now = formatTime(new Date(this.#options.clock.now()));
    const lastTransitionTime = before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : now;
    const condition: APIServiceCondition = { type: 'Available', status, lastTransitionTime, reason, message };
    const others = (service.status?.conditions ?? []).filter(({ type }) => type !== 'Available');
    const reported = { ...service, status: { ...service.status, conditions: [...others, condition] } };
    await this.#write('PUT', `${path}/${service.metadata.name}/status`, reported);
  }

  /** Conflicts and objects that went are for the next look. */
  async #write(method: string, place: string, body?: object): Promise<void> {
    const response = await this.#options.transport.request({
      ...{ method, path: place, headers: { 'content-type': 'application/json' } },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.status >= 300 && response.status !== 409 && response.status !== 404)
      throw new Error(await response.text());
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
