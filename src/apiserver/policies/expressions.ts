import type { ParseResult } from '@marcbachmann/cel-js';
import { celProblem, dynamicEnvironment } from '../../api/cel/load.ts';
import { toCel } from '../../api/cel/values.ts';
import type { Authorizer } from '../request.ts';
import { type Subject, userInfoOf } from '../webhooks/admission-review.ts';
import { CelAuthorizer, registerAuthorizer } from './cel-authorizer.ts';

const environment = registerAuthorizer(
  dynamicEnvironment(['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables']),
);

/** Compiled expressions by their text. */
const compiled = new Map<string, ParseResult | Error>();

export function compileExpression(text: string): ParseResult {
  let found = compiled.get(text);
  if (!found) {
    try {
      found = environment.parse(text);
    } catch (error) {
      found = error as Error;
    }
    if (compiled.size > 2000) compiled.clear();
    compiled.set(text, found);
  }
  if (found instanceof Error) throw new Error(`compilation error: ${celProblem(found)}`);
  return found;
}

export type Variables = Record<string, unknown>;

/** What expressions of webhooks and policies see (apiserver pkg/admission/plugin/cel). */
export function variablesOf({ attributes, info, object, oldObject }: Subject, authorizer: Authorizer): Variables {
  const { resource, subresource, operation, namespace, name, dryRun, options, user } = attributes;
  const kind = { group: info.group, version: info.version, kind: info.kind };
  const of = { group: info.group, version: info.version, resource: info.resource };
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
      name: name || object?.metadata.name || '',
      namespace,
      operation,
      userInfo: userInfoOf(user),
      dryRun,
      options: options ?? null,
    }),
    authorizer: new CelAuthorizer(authorizer, user, attributes),
    params: null,
    namespaceObject: null,
    variables: {},
  };
}

/** The value of an expression; throws an Error in the words of cel-go. */
export async function evaluateExpression(text: string, variables: Variables): Promise<unknown> {
  const expression = compileExpression(text);
  try {
    return await expression(variables);
  } catch (error) {
    throw new Error(celProblem(error), { cause: error });
  }
}
