import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import type { JsonObject } from '../../api/patch/json-value.ts';
import { builtin, type ResourceInfo } from '../../api/resource.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Logger } from '../../base/log.ts';
import { Reinvocations } from '../reinvocation.ts';
import type { AdmissionAttributes, AdmissionPlugin, Authorizer, ObjectReader } from '../request.ts';
import type { ServedResources } from '../resources.ts';
import { failureOf, review, type Webhook, WebhookFailure } from './admission-review.ts';
import { convertTo, equivalentsOf } from './equivalents.ts';
import { matchesRules, matchesSelectors } from './match.ts';
import { replaceObject } from './replace-object.ts';
import type { WebhookClient } from './webhook-client.ts';

const group = 'admissionregistration.k8s.io';
const mutating = builtin<MutatingWebhookConfiguration>(group, 'v1', 'mutatingwebhookconfigurations');
const validating = builtin<ValidatingWebhookConfiguration>(group, 'v1', 'validatingwebhookconfigurations');

export interface WebhookContext {
  reader: ObjectReader;
  resources: ServedResources;
  webhooks: WebhookClient;
  authorizer: Authorizer;
  log: Logger;
}

type Hook = Webhook & { configuration: string };

/** Calls mutating webhooks one after the other, in the order of their configurations' names. */
export function mutatingWebhooks(context: WebhookContext): AdmissionPlugin {
  const hooks = hooksOf(context.reader, mutating);
  const reinvocations = new Reinvocations<Webhook>();
  const call = async (attributes: AdmissionAttributes, round: number, wanted: (webhook: Webhook) => boolean) => {
    const reinvocation = reinvocations.of(attributes);
    for (const [i, webhook] of hooks().entries()) {
      if (!wanted(webhook)) continue;
      const before = JSON.stringify(attributes.object);
      const place = `mutation.webhook.admission.k8s.io/round_${round}_index_${i}`;
      if (!(await mutate(context, webhook, attributes, place))) continue;
      const changed = JSON.stringify(attributes.object) !== before;
      const told = { configuration: webhook.configuration, webhook: webhook.name, mutated: changed };
      attributes.annotate(place, JSON.stringify(told));
      reinvocation.note(webhook, changed, webhook.reinvocationPolicy === 'IfNeeded');
    }
    reinvocation.leave(attributes.object);
  };
  return {
    name: 'MutatingAdmissionWebhook',
    handles: (attributes) => hooks().length > 0 && isSubject(attributes),
    admit: (attributes) => call(attributes, 0, () => true),
    readmit(attributes) {
      const reinvocation = reinvocations.of(attributes);
      reinvocation.comeBack(attributes.object);
      return call(attributes, 1, (webhook) => reinvocation.isDue(webhook));
    },
  };
}

/** Calls validating webhooks, all at once. */
export function validatingWebhooks(context: WebhookContext): AdmissionPlugin {
  const hooks = hooksOf(context.reader, validating);
  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (attributes) => hooks().length > 0 && isSubject(attributes),
    async validate(attributes) {
      const results = await Promise.allSettled(
        hooks().map((webhook, i) =>
          ask(context, webhook, attributes, `validating.webhook.admission.k8s.io/round_0_index_${i}`),
        ),
      );
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  };
}

/** Webhooks cannot lock the door to their own configuration (apiserver pkg/admission/plugin/webhook/rules IsExemptAdmissionConfigurationResource). */
function isSubject({ resource }: AdmissionAttributes): boolean {
  return resource.group !== group;
}

/** All webhooks, by the names of their configurations; read anew only after a change. */
function hooksOf(reader: ObjectReader, resource: typeof mutating | typeof validating): () => readonly Hook[] {
  let changes = -1;
  let hooks: readonly Hook[] = [];
  return () => {
    const now = reader.changes?.(resource) ?? Number.NaN;
    if (now === changes) return hooks;
    const configurations: KubeObject[] = [...reader.list(resource as ResourceInfo)];
    configurations.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    hooks = configurations.flatMap((one) =>
      ((one as MutatingWebhookConfiguration).webhooks ?? []).map((webhook) => ({
        ...webhook,
        configuration: one.metadata.name,
      })),
    );
    changes = now;
    return hooks;
  };
}

/** Whether the webhook was asked at all. */
async function mutate(
  context: WebhookContext,
  webhook: Webhook,
  attributes: AdmissionAttributes,
  place: string,
): Promise<boolean> {
  const asked = await ask(context, webhook, attributes, place);
  if (!asked) return false;
  const { patch, info } = asked;
  const { object } = attributes;
  if (patch === undefined || !object) return true;
  const { resources } = context;
  try {
    const before = await convertTo(resources, object, attributes.resource, info);
    const patched = applyJsonPatch(before as unknown as JsonObject, patch) as unknown as KubeObject;
    await replaceObject(resources, attributes, patched, info);
  } catch (error) {
    // A patch that cannot be applied is the webhook's failure, but no reason to go on without it.
    throw failureOf(webhook, error as Error);
  }
  return true;
}

interface Asked {
  patch: unknown;
  info: ResourceInfo;
}

/** Undefined: it does not want to be asked, or failed and is to be ignored. `place`: its name in the audit log. */
async function ask(
  context: WebhookContext,
  webhook: Webhook,
  attributes: AdmissionAttributes,
  place: string,
): Promise<Asked | undefined> {
  const { resources, webhooks, reader, log } = context;
  const info = matchingInfo(resources, webhook, attributes);
  if (!info || !matchesSelectors(webhook, attributes, reader)) return undefined;
  try {
    const subject = {
      attributes,
      info,
      object: await convertTo(resources, attributes.object, attributes.resource, info),
      oldObject: await convertTo(resources, attributes.oldObject, attributes.resource, info),
    };
    if (webhook.matchConditions?.length) {
      const { meetsConditions } = await import('../policies/match-conditions.ts');
      if (!(await meetsConditions(webhook, subject, context))) return undefined;
    }
    return { patch: await review(webhooks, webhook, subject), info };
  } catch (error) {
    attributes.cancellation.throwIfAborted();
    if (!(error instanceof WebhookFailure))
      throw error instanceof StatusError ? error : failureOf(webhook, error as Error);
    if (webhook.failurePolicy !== 'Ignore') throw failureOf(webhook, error);
    log.warn('failed calling webhook, failing open', { name: webhook.name, error });
    attributes.annotate(`failed-open.${place}`, webhook.name);
    return undefined;
  }
}

/** The version that the rules cover: the request's own, or one in which the same object can be seen. */
function matchingInfo(
  resources: ServedResources,
  webhook: Webhook,
  attributes: AdmissionAttributes,
): ResourceInfo | undefined {
  if (matchesRules(webhook.rules, attributes)) return attributes.resource;
  if (webhook.matchPolicy === 'Exact') return undefined;
  return equivalentsOf(resources, attributes.resource).find((info) => matchesRules(webhook.rules, attributes, info));
}
