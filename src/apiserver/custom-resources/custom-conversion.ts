import { randomUUID } from 'node:crypto';
import type { CustomResourceDefinition } from '../../api/generated/apiextensions-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { internalError } from '../../api/status-error.ts';
import { applySchemaDefaults, dropNulls, hasDefaults } from '../../api/structural/default-values.ts';
import type { JsonSchema } from '../../api/structural/json-schema.ts';
import { prune } from '../../api/structural/prune.ts';
import type { Conversion } from '../strategy.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';

/** A conversion webhook gets this long (apiextensions-apiserver pkg/apiserver/conversion/webhook_converter.go). */
const timeoutMs = 30_000;

/**
 * Between what is stored and one served version. Objects may be stored in an older version or by an older schema: what
 * is read is pruned and defaulted by the schema of now.
 */
export function customConversion(
  definition: CustomResourceDefinition,
  version: string,
  webhooks: WebhookClient,
): Conversion {
  const { spec } = definition;
  const storage = spec.versions.find((one) => one.storage)?.name ?? version;
  const refine = (object: KubeObject, name: string) => refined(object, definition, name);
  const relabel = (object: KubeObject, name: string) => {
    const apiVersion = `${spec.group}/${name}`;
    return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
  };
  const plain: Conversion = {
    toServed: (stored) => refine(relabel(stored, version), version),
    toStored: (served) => (storage === version ? served : refine(relabel(served, storage), storage)),
  };
  if (spec.conversion?.strategy !== 'Webhook') return plain;
  const config = spec.conversion.webhook;
  return {
    ...plain,
    async convertAll(objects, to) {
      const name = to === 'served' ? version : storage;
      const apiVersion = `${spec.group}/${name}`;
      const foreign = objects.filter((object) => object.apiVersion !== apiVersion);
      const answers = foreign.length > 0 ? await convert(foreign, apiVersion) : [];
      return objects.map((object) =>
        object.apiVersion === apiVersion ? refine(object, name) : refine(answers[foreign.indexOf(object)]!, name),
      );
    },
  };

  async function convert(objects: KubeObject[], desiredAPIVersion: string): Promise<KubeObject[]> {
    const [reviewVersion = 'v1'] = (config?.conversionReviewVersions ?? []).filter((one) => /^v1(beta1)?$/.test(one));
    const uid = randomUUID();
    const review = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${reviewVersion}`,
      request: { uid, desiredAPIVersion, objects },
    };
    const title = `conversion webhook for ${objects[0]!.apiVersion}, Kind=${objects[0]!.kind} failed`;
    const fail = (why: string, cause?: unknown) => {
      const error = internalError(`${title}: ${why}`, cause);
      error.status.message = `${title}: ${why}`;
      return error;
    };
    let answer: Review;
    try {
      answer = (await webhooks.post(config?.clientConfig ?? {}, review, { timeoutMs, query: 'timeout=30s' })) as Review;
    } catch (error) {
      throw fail((error as Error).message, error);
    }
    const { response } = answer;
    if (!response) throw fail('conversion review response is missing');
    if (response.uid !== uid) throw fail(`expected uid ${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
    if (response.result?.status !== 'Success') throw fail(response.result?.message ?? 'the webhook gave no reason');
    const converted = response.convertedObjects ?? [];
    if (converted.length !== objects.length)
      throw fail(`webhook returned ${converted.length} objects, expected ${objects.length}`);
    return converted.map((object, i) => checked(object, objects[i]!, desiredAPIVersion, fail));
  }
}

interface Review {
  response?: { uid: string; result?: { status?: string; message?: string }; convertedObjects?: KubeObject[] };
}

/** A webhook may change labels and annotations, and nothing else of the metadata. */
function checked(
  object: KubeObject,
  original: KubeObject,
  apiVersion: string,
  fail: (why: string) => Error,
): KubeObject {
  if (object.apiVersion !== apiVersion)
    throw fail(
      `returned invalid converted object: invalid groupVersion (expected ${apiVersion}, received ${object.apiVersion})`,
    );
  if (object.kind !== original.kind)
    throw fail(`returned invalid converted object: invalid kind (expected ${original.kind}, received ${object.kind})`);
  const { name, namespace, uid } = object.metadata ?? {};
  for (const [field, got, wanted] of [
    ['name', name, original.metadata.name],
    ['namespace', namespace, original.metadata.namespace],
    ['UID', uid, original.metadata.uid],
  ] as const)
    if (got !== wanted)
      throw fail(
        `returned invalid converted object: must have the same ${field}: ${JSON.stringify(got)} != ${JSON.stringify(wanted)}`,
      );
  const { labels, annotations } = object.metadata;
  const { labels: _labels, annotations: _annotations, ...rest } = original.metadata;
  return {
    ...object,
    metadata: { ...rest, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
  } as KubeObject;
}

/** Pruned and with defaults; the object itself if that changes nothing. */
function refined(object: KubeObject, { spec }: CustomResourceDefinition, name: string): KubeObject {
  const schema = spec.versions.find((one) => one.name === name)?.schema?.openAPIV3Schema as JsonSchema | undefined;
  const copy = structuredClone(object);
  const removed = spec.preserveUnknownFields ? [] : prune(copy, schema, true);
  if (!hasDefaults(schema)) return removed.length > 0 ? copy : object;
  applySchemaDefaults(copy, schema);
  dropNulls(copy, schema);
  return JSON.stringify(copy) === JSON.stringify(object) ? object : copy;
}
