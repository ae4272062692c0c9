import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../../api/generated/apiextensions-v1.ts';
import { cleanupFinalizer, hasRules, setCondition } from '../../api/kinds/custom-resource-definition.ts';
import { builtin } from '../../api/resource.ts';
import type { JsonSchema } from '../../api/structural/json-schema.ts';
import { formatTime } from '../../api/time.ts';
import { sameValue } from '../../api/validation/field-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { LocalTransport } from '../http/in-process.ts';
import type { ServedResources } from '../resources.ts';
import { storagePrefix } from '../storage/storage-key.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { type ServedResource, servedResource } from '../strategy.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';
import { customConversion } from './custom-conversion.ts';
import { customInfo } from './custom-info.ts';
import { customStrategy, type Rules } from './custom-strategy.ts';
import { planNames } from './plan-names.ts';

export const definitions = builtin<CustomResourceDefinition>('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const retryMs = 500;
/** How often it is looked whether the objects of a definition that goes are gone. */
const pollMs = 100;

export interface CustomResourcesOptions {
  cache: WatchCache;
  resources: ServedResources;
  webhooks: WebhookClient;
  /** Calls as the API server itself. */
  transport: LocalTransport;
  clock: Clock;
  log: Logger;
}

/** Serves what CustomResourceDefinitions define, from the moment that a definition is seen until its objects are gone. */
export class CustomResources {
  readonly #options: CustomResourcesOptions;
  /** What is served by definition name: the definition it was made from, and how its watches are ended. */
  readonly #served = new Map<
    string,
    { from: CustomResourceDefinition; resources: ServedResource[]; end: AbortController }
  >();
  /** Definitions whose status is being written: one writer at a time. */
  readonly #busy = new Set<string>();
  #stopped = false;

  constructor(options: CustomResourcesOptions) {
    this.#options = options;
  }

  /** Serves all that is defined already, then follows changes. Call once the cache is filled. */
  async follow(): Promise<void> {
    const cache = this.#options.cache.resource(storagePrefix(definitions));
    cache.listen(({ type, entry }) => {
      const definition = entry.object as CustomResourceDefinition;
      if (type === 'DELETED') this.#end(definition.metadata.name);
      else void this.#apply(definition);
    });
    await Promise.all(cache.list().map((entry) => this.#apply(entry.object as CustomResourceDefinition)));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #apply(definition: CustomResourceDefinition): Promise<void> {
    const { name } = definition.metadata;
    if (isTrue(definition, 'Established')) await this.#serve(definition);
    else this.#end(name);
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    try {
      await this.#reconcile(name);
    } finally {
      this.#busy.delete(name);
    }
  }

  /** Brings status and finalizers up to date, until there is nothing left to do. */
  async #reconcile(name: string): Promise<void> {
    while (!this.#stopped) {
      const definition = this.#current(name);
      if (!definition) return;
      try {
        const wanted = definition.metadata.deletionTimestamp
          ? await this.#emptied(definition)
          : this.#withConditions(definition);
        if (!wanted || sameValue(wanted, definition)) return;
        await this.#write(wanted);
      } catch (error) {
        this.#options.log.warn('cannot update a CustomResourceDefinition', { name, error });
        await new Promise<void>((resolve) => void this.#options.clock.after(retryMs, resolve));
      }
    }
  }

  #withConditions(definition: CustomResourceDefinition): CustomResourceDefinition {
    const { accepted, condition } = planNames(definition, this.#all());
    const next = structuredClone(definition);
    next.status = { ...next.status!, acceptedNames: accepted };
    const now = formatTime(new Date(this.#options.clock.now()));
    setCondition(next, now, condition);
    if (isTrue(definition, 'Established')) return next;
    const established =
      condition.status === 'True'
        ? { status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
        : { status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
    setCondition(next, now, { type: 'Established', ...established });
    return next;
  }

  /** Deletes all objects of a definition that goes; then the definition without our finalizer (pkg/controller/finalizer). */
  async #emptied(definition: CustomResourceDefinition): Promise<CustomResourceDefinition | undefined> {
    const { finalizers = [] } = definition.metadata;
    if (!finalizers.includes(cleanupFinalizer)) return undefined;
    const served = this.#served.get(definition.metadata.name)?.resources[0];
    if (served) while (!this.#stopped && (await this.#deleteObjects(served)) > 0) await this.#pause();
    const next = structuredClone(definition);
    next.metadata.finalizers = finalizers.filter((one) => one !== cleanupFinalizer);
    setCondition(next, formatTime(new Date(this.#options.clock.now())), {
      type: 'Terminating',
      status: 'False',
      reason: served ? 'InstanceDeletionCompleted' : 'NeverEstablished',
      message: served ? 'removed all instances' : 'resource was never established',
    });
    return next;
  }

  /** How many there still are. */
  async #deleteObjects({ info, prefix }: ServedResource): Promise<number> {
    const { cache, transport, log } = this.#options;
    const entries = cache.resource(prefix).list();
    const namespaces = new Set(entries.map((entry) => entry.object.metadata.namespace ?? ''));
    for (const namespace of namespaces) {
      const at = namespace ? `namespaces/${namespace}/` : '';
      const response = await transport.request({
        method: 'DELETE',
        path: `/apis/${info.group}/${info.version}/${at}${info.resource}`,
      });
      if (response.status >= 300) log.warn('cannot delete custom objects', { info, message: await response.text() });
    }
    return cache.resource(prefix).size;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(pollMs, resolve));
  }

  async #write(definition: CustomResourceDefinition): Promise<void> {
    const response = await this.#options.transport.request({
      method: 'PUT',
      path: `${path}/${definition.metadata.name}/status`,
      headers: { 'content-type': 'application/json', 'user-agent': 'kube-apiserver' },
      body: JSON.stringify(definition),
    });
    // Somebody else was faster: the next round sees it.
    if (response.status < 300 || response.status === 409 || response.status === 404) return;
    throw new Error(`${response.status}: ${await response.text()}`);
  }

  async #serve(definition: CustomResourceDefinition): Promise<void> {
    const { name } = definition.metadata;
    const before = this.#served.get(name);
    if (before && sameServing(before.from, definition)) return;
    const end = new AbortController();
    const compiled = await Promise.all(definition.spec.versions.map((version) => rulesOf(version)));
    // While the rules were compiled, a newer state may have come.
    const newest = this.#current(name);
    if (!newest || newest.metadata.generation !== definition.metadata.generation) return;
    const resources = definition.spec.versions.flatMap((version, i) =>
      version.served ? [this.#resource(definition, version, compiled[i], end.signal)] : [],
    );
    const gone = before?.resources.filter(({ info }) => !resources.some((one) => one.info.version === info.version));
    for (const { info } of gone ?? []) this.#options.resources.delete(info);
    for (const resource of resources) this.#options.resources.set(resource);
    this.#served.set(name, { from: definition, resources, end });
    before?.end.abort();
  }

  #resource(
    definition: CustomResourceDefinition,
    version: CustomResourceDefinitionVersion,
    rules: Rules | undefined,
    ended: AbortSignal,
  ): ServedResource {
    const info = customInfo(definition, version);
    const preserveUnknownFields = Boolean(definition.spec.preserveUnknownFields);
    const strategy = customStrategy({ info, version, preserveUnknownFields, rules });
    const conversion = customConversion(definition, version.name, this.#options.webhooks);
    const deprecation = version.deprecated
      ? (version.deprecationWarning ?? `${info.group}/${info.version} ${info.kind} is deprecated`)
      : undefined;
    return { ...servedResource(info, strategy, conversion), ended, ...(deprecation ? { deprecation } : {}) };
  }

  #end(name: string): void {
    const served = this.#served.get(name);
    if (!served) return;
    this.#served.delete(name);
    for (const { info } of served.resources) this.#options.resources.delete(info);
    served.end.abort();
  }

  #all(): CustomResourceDefinition[] {
    const cache = this.#options.cache.resource(storagePrefix(definitions));
    return cache.list().map((entry) => entry.object as CustomResourceDefinition);
  }

  #current(name: string): CustomResourceDefinition | undefined {
    const prefix = storagePrefix(definitions);
    return this.#options.cache.resource(prefix).get(prefix + name)?.object as CustomResourceDefinition | undefined;
  }
}

/** Whether the two are served alike. */
function sameServing(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    a.metadata.generation === b.metadata.generation &&
    a.metadata.uid === b.metadata.uid &&
    Boolean(a.metadata.deletionTimestamp) === Boolean(b.metadata.deletionTimestamp) &&
    sameValue(a.status?.acceptedNames, b.status?.acceptedNames)
  );
}

/** The compiler of rules is loaded only if there are any. */
async function rulesOf({ schema }: CustomResourceDefinitionVersion): Promise<Rules | undefined> {
  const openapi = schema?.openAPIV3Schema as JsonSchema | undefined;
  if (!openapi || !hasRules(openapi)) return undefined;
  const { compileRules } = await import('../../api/cel/schema-rules.ts');
  return compileRules(openapi);
}

function isTrue({ status }: CustomResourceDefinition, type: string): boolean {
  return Boolean(status?.conditions?.some((one) => one.type === type && one.status === 'True'));
}
