import type { ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject } from '../../api/generated/rbac-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import {
  clusterRoleBindings,
  clusterRoles,
  type Resource,
  type ResourceInfo,
  roleBindings,
  roles,
} from '../../api/resource.ts';
import { notFound, type StatusError } from '../../api/status-error.ts';
import { serviceAccountUser } from '../authentication/groups.ts';
import type { ObjectReader, UserInfo } from '../request.ts';

/** The rules of one binding that names the user. */
export interface Grant {
  /** For the audit annotation: which binding of which role to whom. */
  source: string;
  rules: PolicyRule[];
  /** Set instead of rules when the role is not there. */
  error?: StatusError;
}

type Binding = ClusterRoleBinding | RoleBinding;

const watched: ResourceInfo[] = [clusterRoles, clusterRoleBindings, roles, roleBindings];
const maxKept = 2000;

/** Which rules hold for whom (pkg/registry/rbac/validation/rule.go), remembered until an RBAC object changes. */
export class RuleResolver {
  readonly #reader: ObjectReader;
  /** Which state of the RBAC objects the two maps below were computed from. */
  #state: unknown[] = [];
  /** Bindings by namespace ('' for ClusterRoleBindings) and subject. Undefined until needed. */
  #bindings: Map<string, { binding: Binding; subject: Subject }[]> | undefined;
  /** Grants by namespace, user and groups; at most `maxKept`. */
  readonly #grants = new Map<string, Grant[]>();

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  /** All grants of a user: the cluster's and, when a namespace is given, the namespace's. */
  grantsFor(user: UserInfo, namespace: string): Grant[] {
    this.#forgetIfChanged();
    const key = `${namespace}\n${user.name}\n${user.groups.join('\n')}`;
    let grants = this.#grants.get(key);
    if (!grants) {
      grants = [...this.#grantsIn(user, ''), ...(namespace ? this.#grantsIn(user, namespace) : [])];
      if (this.#grants.size >= maxKept) this.#grants.clear();
      this.#grants.set(key, grants);
    }
    return grants;
  }

  rulesFor(user: UserInfo, namespace: string): PolicyRule[] {
    return this.grantsFor(user, namespace).flatMap((grant) => grant.rules);
  }

  /** The rules of the role that a binding in `namespace` refers to; throws NotFound. */
  rulesOf(reference: RoleRef, namespace: string): PolicyRule[] {
    const resource = reference.kind === 'Role' ? roles : clusterRoles;
    const role = this.#reader.get(resource, reference.kind === 'Role' ? namespace : '', reference.name);
    if (!role) throw notFound(resource, reference.name);
    return role.rules ?? [];
  }

  #forgetIfChanged(): void {
    if (this.#bindings && this.#isCurrent()) return;
    this.#state = this.#currentState();
    this.#bindings = undefined;
    this.#grants.clear();
  }

  #isCurrent(): boolean {
    if (this.#reader.changes) return watched.every((one, i) => this.#reader.changes?.(one) === this.#state[i]);
    const state = this.#currentState();
    return state.length === this.#state.length && state.every((one, i) => one === this.#state[i]);
  }

  /** Differs after every change: the counts of changes, or, from a reader that does not count, the objects themselves. */
  #currentState(): unknown[] {
    if (this.#reader.changes) return watched.map((resource) => this.#reader.changes?.(resource));
    return watched.flatMap((resource) => this.#reader.list(resource as Resource<KubeObject>));
  }

  #grantsIn(user: UserInfo, namespace: string): Grant[] {
    this.#bindings ??= this.#indexBindings();
    const keys = [`User ${user.name}`, ...user.groups.map((group) => `Group ${group}`)];
    const seen = new Set<Binding>();
    const grants: Grant[] = [];
    for (const key of keys) {
      for (const { binding, subject } of this.#bindings.get(`${namespace} ${key}`) ?? []) {
        if (seen.has(binding)) continue;
        seen.add(binding);
        grants.push(this.#grant(binding, subject, namespace));
      }
    }
    return grants;
  }

  #grant(binding: Binding, subject: Subject, namespace: string): Grant {
    const source = describe(binding, subject, namespace);
    try {
      return { source, rules: this.rulesOf(binding.roleRef, namespace) };
    } catch (error) {
      return { source, rules: [], error: error as StatusError };
    }
  }

  #indexBindings(): Map<string, { binding: Binding; subject: Subject }[]> {
    const index = new Map<string, { binding: Binding; subject: Subject }[]>();
    const add = (binding: Binding, namespace: string) => {
      for (const subject of binding.subjects ?? []) {
        const key = `${namespace} ${subjectKey(subject, namespace)}`;
        const entry = index.get(key);
        if (entry) entry.push({ binding, subject });
        else index.set(key, [{ binding, subject }]);
      }
    };
    for (const binding of this.#reader.list(clusterRoleBindings)) add(binding, '');
    for (const binding of this.#reader.list(roleBindings)) add(binding, binding.metadata.namespace ?? '');
    return index;
  }
}

function subjectKey(subject: Subject, bindingNamespace: string): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${subject.name}`;
  return `User ${serviceAccountUser(subject.namespace || bindingNamespace, subject.name).name}`;
}

function describe(binding: Binding, subject: Subject, namespace: string): string {
  const quote = (text: string) => JSON.stringify(text);
  const who =
    subject.kind === 'ServiceAccount'
      ? `ServiceAccount ${quote(`${subject.name}/${subject.namespace || namespace}`)}`
      : `${subject.kind} ${quote(subject.name)}`;
  const what = namespace
    ? `RoleBinding ${quote(`${binding.metadata.name}/${namespace}`)}`
    : `ClusterRoleBinding ${quote(binding.metadata.name)}`;
  return `${what} of ${binding.roleRef.kind} ${quote(binding.roleRef.name)} to ${who}`;
}
