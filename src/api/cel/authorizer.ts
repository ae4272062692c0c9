import type { Environment } from '@marcbachmann/cel-js';

/** What may be asked: whether somebody may do this to a resource, or to a path. */
export interface AccessQuestion {
  verb: string;
  path?: string;
  group?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  fieldSelector?: string;
  labelSelector?: string;
}

export interface Access {
  allowed: boolean;
  reason: string;
}

/** Answers for the user of the request, or for a service account. */
export type Ask = (question: AccessQuestion, account?: { namespace: string; name: string }) => Promise<Access>;

/** What is asked of the authorizer, so far. */
class Check {
  readonly ask: (question: AccessQuestion) => Promise<Access>;
  readonly question: Omit<AccessQuestion, 'verb'>;
  constructor(ask: Check['ask'], question: Check['question']) {
    this.ask = ask;
    this.question = question;
  }

  with(more: Check['question']): Check {
    return new (this.constructor as typeof Check)(this.ask, { ...this.question, ...more });
  }
}
class GroupCheck extends Check {}
class ResourceCheck extends Check {}
class PathCheck extends Check {}

class Decision {
  readonly access: Access | undefined;
  readonly error: string;
  constructor(access: Access | undefined, error = '') {
    this.access = access;
    this.error = error;
  }
}

/** The variable `authorizer` (KEP-3488; apiserver pkg/cel/library/authz.go). */
export class CelAuthorizer {
  readonly ask: Ask;
  readonly account: { namespace: string; name: string } | undefined;
  /** What the request is about. */
  readonly requestResource: Check;

  constructor(ask: Ask, request: Omit<AccessQuestion, 'verb'>, account?: CelAuthorizer['account']) {
    this.ask = ask;
    this.account = account;
    this.requestResource = new ResourceCheck((question) => ask(question, account), request);
  }

  check<T extends Check>(type: new (ask: Check['ask'], question: Check['question']) => T, question: Check['question']) {
    return new type((asked) => this.ask(asked, this.account), question);
  }
}

const prefix = 'kubernetes.authorization.';
const sync = { async: false };

export function registerAuthorizer(environment: Environment): Environment {
  const [resourceCheck, groupCheck, pathCheck, decision] = ['ResourceCheck', 'GroupCheck', 'PathCheck', 'Decision'].map(
    (name) => prefix + name,
  );
  const check = async ({ ask, question }: Check, verb: string) => {
    try {
      return new Decision(await ask({ ...question, verb }));
    } catch (error) {
      return new Decision(undefined, (error as Error).message);
    }
  };
  environment
    .registerType(groupCheck!, GroupCheck)
    .registerType(resourceCheck!, ResourceCheck)
    .registerType(pathCheck!, PathCheck)
    .registerType(decision!, Decision)
    .registerType(`${prefix}Authorizer`, { ctor: CelAuthorizer, fields: { requestResource: resourceCheck! } })
    .registerFunction(
      `${prefix}Authorizer.group(string): ${groupCheck}`,
      (of: CelAuthorizer, group: string) => of.check(GroupCheck, { group }),
      sync,
    )
    .registerFunction(
      `${prefix}Authorizer.path(string): ${pathCheck}`,
      (of: CelAuthorizer, path: string) => of.check(PathCheck, { path }),
      sync,
    )
    .registerFunction(
      `${prefix}Authorizer.serviceAccount(string, string): ${prefix}Authorizer`,
      (of: CelAuthorizer, namespace: string, name: string) => new CelAuthorizer(of.ask, {}, { namespace, name }),
      sync,
    )
    .registerFunction(
      `${groupCheck}.resource(string): ${resourceCheck}`,
      (one: Check, resource: string) => new ResourceCheck(one.ask, { ...one.question, resource }),
      sync,
    );
  for (const part of ['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'])
    environment.registerFunction(
      `${resourceCheck}.${part}(string): ${resourceCheck}`,
      (one: Check, value: string) => one.with({ [part]: value }),
      sync,
    );
  for (const type of [resourceCheck, pathCheck])
    environment.registerFunction(`${type}.check(string): ${decision}`, check);
  return environment
    .registerFunction(`${decision}.allowed(): bool`, ({ access }: Decision) => access?.allowed ?? false, sync)
    .registerFunction(`${decision}.reason(): string`, ({ access }: Decision) => access?.reason ?? '', sync)
    .registerFunction(`${decision}.errored(): bool`, ({ error }: Decision) => error !== '', sync)
    .registerFunction(`${decision}.error(): string`, ({ error }: Decision) => error, sync);
}

export const authorizerType = `${prefix}Authorizer`;
