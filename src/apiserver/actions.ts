import { decodeObject, undecodable } from '../api/decode.ts';
import type { KubeObject } from '../api/object.ts';
import { builtinResources } from '../api/resource.ts';
import { StatusError } from '../api/status-error.ts';
import type { Call } from './backend.ts';
import { fieldValidationOf, readBodyValue } from './body.ts';
import { renderObject } from './render.ts';
import type { ApiResponse, UserInfo } from './request.ts';
import { admitPart } from './subresources/admit-part.ts';

/** What an action may know besides its object. */
export interface ActionContext {
  namespace: string;
  /** The object of a subresource: serviceaccounts/NAME/token. */
  name: string;
  user: UserInfo;
  dryRun: boolean;
}

/**
 * A POST that stores nothing but answers: reviews and tokens. Keys are 'resource' or 'resource/subresource' with
 * '.group' after the resource: 'tokenreviews.authentication.k8s.io', 'serviceaccounts/token'.
 */
export type Actions = Record<string, (object: KubeObject, context: ActionContext) => object | Promise<object>>;

export function actionKey({
  group,
  resource,
  subresource,
}: {
  group: string;
  resource: string;
  subresource: string;
}): string {
  const qualified = group ? `${resource}.${group}` : resource;
  return subresource ? `${qualified}/${subresource}` : qualified;
}

function notAcceptable(): StatusError {
  const message = 'object does not implement the Object interfaces';
  return new StatusError({ code: 406, reason: 'NotAcceptable', message });
}

/** Decodes the body as the type that the action expects, and answers with what it returns. */
export async function perform(call: Call, action: Actions[string]): Promise<ApiResponse> {
  const { request } = call;
  // What has no metadata can be shown neither as a table nor in part.
  if (call.accepted.as) throw notAcceptable();
  const object = await decodeBody(call);
  const { namespace, name } = request.info;
  const dryRun = request.query.has('dryRun');
  // Who asks for a token asks something of an account; reviews are about nothing that there is.
  if (request.info.subresource) await admitPart(call, 'CREATE', request.info.subresource, object, { dryRun });
  const answer = await action(object, { namespace, name, user: request.user, dryRun });
  return renderObject({ ...call, accepted: { ...call.accepted, as: undefined } }, answer, 201);
}

async function decodeBody(call: Call): Promise<KubeObject> {
  const { info } = call.resource;
  const { value, duplicates } = await readBodyValue(call.request);
  const { subresource } = call.request.info;
  const expected = subresource ? info.subresources[subresource]! : info;
  const type = subresource ? typeOf(expected) : info.type;
  const { object, warnings, errors } = decodeObject(type, value, {
    fieldValidation: fieldValidationOf(call.request),
    duplicates,
  });
  if (errors.length > 0) throw undecodable(expected, errors);
  for (const warning of warnings) call.request.warnings.add(warning);
  return object;
}

/** The facts table names types by package: 'authentication/v1.TokenRequest' for authentication.k8s.io/v1. */
function typeOf({ group, version, kind }: { group: string; version: string; kind: string }): string {
  const neighbour = builtinResources.find((info) => info.group === group && info.version === version);
  const packageName = neighbour?.type.slice(0, neighbour.type.indexOf('/')) ?? group.split('.')[0];
  return `${packageName}/${version}.${kind}`;
}
