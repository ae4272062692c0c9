import type { CheckedType } from '../api/cel/policy-checks.ts';
import type { ValidatingAdmissionPolicy } from '../api/generated/admissionregistration-v1.ts';
import { builtin, builtinResources, type ResourceInfo } from '../api/resource.ts';
import type { JsonSchema } from '../api/structural/json-schema.ts';
import type { Client } from '../client/client.ts';
import type { ControllerContext, ControllerFactory } from '../client/controller.ts';
import { planCheckedResources } from './plan-checked-resources.ts';

const policies = builtin<ValidatingAdmissionPolicy>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicies',
);

/** Checks the types of a policy's expressions, and says in its status what does not fit (kubernetes pkg/controller/validatingadmissionpolicystatus). */
export const admissionPolicyStatusController: ControllerFactory = ({ client, informers }: ControllerContext) => {
  const all = informers.informer(policies);
  return {
    name: 'validatingadmissionpolicy-status',
    for: policies,
    reconcile: async (name) => {
      const policy = all.get(name);
      if (!policy || (policy.metadata.generation ?? 0) <= (policy.status?.observedGeneration ?? 0)) return;
      const warnings = await warningsOf(policy, client);
      const typeChecking = warnings.length > 0 ? { expressionWarnings: warnings } : {};
      const status = { observedGeneration: policy.metadata.generation, typeChecking };
      const body = { apiVersion: 'admissionregistration.k8s.io/v1', kind: policies.kind, metadata: { name }, status };
      const options = { subresource: 'status', fieldManager: 'validatingadmissionpolicy-status' };
      await client.patch(policies, name, undefined, { type: 'apply', body, force: true }, options);
    },
  };
};

/** The compiler is loaded with the first policy. */
async function warningsOf(policy: ValidatingAdmissionPolicy, client: Client) {
  const { expressionWarnings } = await import('../api/cel/policy-checks.ts');
  const kinds = new Kinds(client);
  const types: CheckedType[] = [];
  for (const resource of planCheckedResources(policy)) {
    const type = await kinds.typeOf(({ resource: plural }) => plural === resource.resource, resource);
    if (type) types.push(type);
  }
  types.sort((a, b) => (a.title < b.title ? -1 : 1));
  return expressionWarnings(policy, types, await paramsType(policy, kinds));
}

function paramsType({ spec }: ValidatingAdmissionPolicy, kinds: Kinds): Promise<CheckedType | undefined> {
  const { apiVersion = '', kind } = spec?.paramKind ?? {};
  const slash = apiVersion.indexOf('/');
  const at = { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
  return kind ? kinds.typeOf((one) => one.kind === kind, at) : Promise.resolve(undefined);
}

interface Published {
  components?: { schemas?: Record<string, JsonSchema & { 'x-kubernetes-group-version-kind'?: Kind[] }> };
}

type Kind = Pick<ResourceInfo, 'group' | 'version' | 'kind'>;

/** Types of kinds: of built-in ones by the facts, of custom ones by what the server publishes of them. */
class Kinds {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async typeOf(
    isIt: (resource: Pick<ResourceInfo, 'resource' | 'kind'>) => boolean,
    { group, version }: { group: string; version: string },
  ): Promise<CheckedType | undefined> {
    const { factsType, schemaType } = await import('../api/cel/checked-types.ts');
    const known = builtinResources.find((one) => one.group === group && one.version === version && isIt(one));
    if (known) return known.type ? factsType(known) : undefined;
    const served = await this.#get<{ resources?: { name: string; kind: string }[] }>(`/apis/${group}/${version}`);
    const found = served?.resources?.find(({ name, kind }) => !name.includes('/') && isIt({ resource: name, kind }));
    if (!found) return undefined;
    const published = await this.#get<Published>(`/openapi/v3/apis/${group}/${version}`);
    const schema = Object.values(published?.components?.schemas ?? {}).find((one) =>
      one['x-kubernetes-group-version-kind']?.some((kind) => kind.group === group && kind.kind === found.kind),
    );
    return schema && schemaType({ group, version, kind: found.kind }, schema);
  }

  /** Undefined where there is nothing, as when a group is not served. */
  async #get<T>(path: string): Promise<T | undefined> {
    const response = await this.#client.request({ method: 'GET', path, headers: { accept: 'application/json' } });
    if (response.status === 200) return (await response.json()) as T;
    await response.text();
    return undefined;
  }
}
