import type { ParseResult } from '@marcbachmann/cel-js';
import { authorizerType, CelAuthorizer, registerAuthorizer } from '../../api/cel/authorizer.ts';
import { compileMetered, dynamicEnvironment } from '../../api/cel/load.ts';
import { CostExceeded, Ledger, ledgerKey } from '../../api/cel/meter.ts';
import { registerObjects } from '../../api/cel/objects.ts';
import { celProblem, compilationProblem } from '../../api/cel/problems.ts';
import { toCel } from '../../api/cel/values.ts';
import { serviceAccountUser, withAuthenticatedGroup } from '../authentication/groups.ts';
import type { Authorizer, UserInfo } from '../request.ts';
import { type Subject, userInfoOf } from '../webhooks/admission-review.ts';

/** Values of the variables that a policy declares, each a property; reading one that could not be computed throws. */
export class ComputedVariables {}

const environment = registerObjects(
  registerAuthorizer(dynamicEnvironment(['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables'])),
)
  .registerVariable('authorizer', authorizerType)
  .registerType('kubernetes.variables', ComputedVariables);

const cacheSize = 2000;
/** Compiled expressions by their text. */
const compiled = new Map<string, ParseResult | Error>();

/** Compiles an expression of a webhook or policy; types are checked when one is created, here only names are. */
export function compileExpression(text: string): ParseResult {
  let found = compiled.get(text);
  if (!found) {
    try {
      found = compileMetered(environment, text, { messages: true });
    } catch (error) {
      found = new Error(`compilation error: ${compilationProblem(error, text)}`, { cause: error });
    }
    if (compiled.size > cacheSize) compiled.clear();
    compiled.set(text, found);
  }
  if (found instanceof Error) throw found;
  return found;
}

export type Variables = Record<string, unknown>;

/** What expressions of webhooks and policies see (apiserver pkg/admission/plugin/cel). */
export function variablesOf({ attributes, info, object, oldObject }: Subject, authorizer: Authorizer): Variables {
  const { resource, subresource, operation, namespace, name, dryRun, options, user } = attributes;
  const kind = { group: info.group, version: info.version, kind: info.kind };
  const of = { group: info.group, version: info.version, resource: info.resource };
  const objectName = name || object?.metadata?.name || '';
  const about = { group: resource.group, resource: resource.resource, subresource, namespace, name: objectName };
  return {
    object: toCel(object ?? null),
    oldObject: toCel(oldObject ?? null),
    request: toCel({
      kind,
      resource: of,
      subResource: subresource,
      requestKind: { group: resource.group, version: resource.version, kind: resource.kind },
      requestResource: { group: resource.group, version: resource.version, resource: resource.resource },
      requestSubResource: subresource,
      name: objectName,
      namespace,
      operation,
      userInfo: userInfoOf(user),
      dryRun,
      options: options ?? null,
    }),
    authorizer: new CelAuthorizer(asker(authorizer, user), about),
    params: null,
    namespaceObject: null,
    variables: new ComputedVariables(),
  };
}

function asker(authorizer: Authorizer, user: UserInfo): CelAuthorizer['ask'] {
  return ({ verb, path, group = '', resource = '', subresource = '', namespace = '', name = '' }, account) =>
    authorizer.authorize(account ? withAuthenticatedGroup(serviceAccountUser(account.namespace, account.name)) : user, {
      isResourceRequest: path === undefined,
      verb,
      path: path ?? '',
      group,
      version: '*',
      resource,
      subresource,
      namespace,
      name,
    });
}

/** All expressions of one policy or webhook together have cost more than they may. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

/** What a group of expressions may still cost together. */
export class Budget {
  /** Falls with every evaluation. */
  #remaining: number;

  constructor(remaining: number) {
    this.#remaining = remaining;
  }

  /** The value of an expression; throws an Error in the words of cel-go, or OutOfBudget. */
  async evaluate(text: string, variables: Variables): Promise<unknown> {
    const ledger = new Ledger();
    try {
      const value: unknown = await compileExpression(text)({ ...variables, [ledgerKey]: ledger });
      // It may have gone on without the part that was too much.
      if (ledger.isExceeded) throw new CostExceeded();
      return value;
    } catch (error) {
      throw new Error(`expression '${text}' resulted in error: ${celProblem(error)}`, { cause: error });
    } finally {
      this.#spend(ledger.spent);
    }
  }

  #spend(cost: number): void {
    this.#remaining -= cost;
    if (this.#remaining < 0) throw new OutOfBudget();
  }
}
