import type { Environment } from '@marcbachmann/cel-js';
import type { AdmissionAttributes, Authorizer, RequestInfo, UserInfo } from '../request.ts';

/** What is asked of the authorizer, so far. */
class Check {
  readonly of: CelAuthorizer;
  readonly info: Partial<RequestInfo>;
  constructor(of: CelAuthorizer, info: Partial<RequestInfo>) {
    this.of = of;
    this.info = info;
  }
  with(info: Partial<RequestInfo>): never {
    return new (this.constructor as typeof Check)(this.of, { ...this.info, ...info }) as never;
  }
}
class GroupCheck extends Check {}
class ResourceCheck extends Check {}
class PathCheck extends Check {}

class Decision {
  readonly allowed: boolean;
  readonly reason: string;
  constructor(allowed: boolean, reason: string) {
    this.allowed = allowed;
    this.reason = reason;
  }
}

/** The variable `authorizer` (KEP-3488; apiserver pkg/cel/library/authz.go). */
export class CelAuthorizer {
  readonly authorizer: Authorizer;
  readonly user: UserInfo;
  readonly attributes: AdmissionAttributes;
  constructor(authorizer: Authorizer, user: UserInfo, attributes: AdmissionAttributes) {
    this.authorizer = authorizer;
    this.user = user;
    this.attributes = attributes;
  }
}

export function registerAuthorizer(environment: Environment): Environment {
  const check = async ({ of, info }: Check, verb: string) => {
    const full: RequestInfo = {
      isResourceRequest: info.path === undefined,
      verb,
      path: info.path ?? '',
      group: info.group ?? '',
      version: '*',
      resource: info.resource ?? '',
      subresource: info.subresource ?? '',
      namespace: info.namespace ?? '',
      name: info.name ?? '',
    };
    const { allowed, reason } = await of.authorizer.authorize(of.user, full);
    return new Decision(allowed, reason);
  };
  return environment
    .registerType('Authorizer', CelAuthorizer)
    .registerType('GroupCheck', GroupCheck)
    .registerType('ResourceCheck', ResourceCheck)
    .registerType('PathCheck', PathCheck)
    .registerType('Decision', Decision)
    .registerVariable('authorizer', 'Authorizer')
    .registerFunction(
      'Authorizer.group(string): GroupCheck',
      (of: CelAuthorizer, group: string) => new GroupCheck(of, { group }),
    )
    .registerFunction(
      'Authorizer.path(string): PathCheck',
      (of: CelAuthorizer, path: string) => new PathCheck(of, { path }),
    )
    .registerFunction(
      'Authorizer.serviceAccount(string, string): Authorizer',
      (of: CelAuthorizer, namespace: string, name: string) => {
        const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
        return new CelAuthorizer(
          of.authorizer,
          { name: `system:serviceaccount:${namespace}:${name}`, groups },
          of.attributes,
        );
      },
    )
    .registerFunction(
      'GroupCheck.resource(string): ResourceCheck',
      (one: Check, resource: string) => new ResourceCheck(one.of, { ...one.info, resource }),
    )
    .registerFunction('ResourceCheck.subresource(string): ResourceCheck', (one: Check, subresource: string) =>
      one.with({ subresource }),
    )
    .registerFunction('ResourceCheck.namespace(string): ResourceCheck', (one: Check, namespace: string) =>
      one.with({ namespace }),
    )
    .registerFunction('ResourceCheck.name(string): ResourceCheck', (one: Check, name: string) => one.with({ name }))
    .registerFunction('ResourceCheck.check(string): Decision', check)
    .registerFunction('PathCheck.check(string): Decision', check)
    .registerFunction('Decision.allowed(): bool', (one: Decision) => one.allowed)
    .registerFunction('Decision.reason(): string', (one: Decision) => one.reason)
    .registerFunction('Decision.errored(): bool', () => false)
    .registerFunction('Decision.error(): string', () => '');
}
