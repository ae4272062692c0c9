import type { KubeObject } from '../api/object.ts';
import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  type Selector,
} from '../api/selectors.ts';
import { badRequest } from '../api/status-error.ts';
import type { CacheEntry } from './storage/cache-entry.ts';
import type { ServedResource } from './strategy.ts';

/** Whether an object, in its served form, is asked for; undefined if all are. */
export type Selection = ((entry: CacheEntry) => boolean) | undefined;

/** The label and field selectors of a query, for this resource. */
export function selectionOf(resource: ServedResource, query: URLSearchParams): Selection {
  const labels = parse(query.get('labelSelector'), parseLabelSelector);
  const fields = parse(query.get('fieldSelector'), parseFieldSelector);
  for (const { key } of fields) checkField(resource, key);
  if (labels.length === 0 && fields.length === 0) return undefined;
  return (entry) =>
    (labels.length === 0 || matchesLabels(labels, entry.labels)) &&
    (fields.length === 0 || matchesFields(fields, (name) => fieldOf(resource, entry.object, name)));
}

function parse(text: string | null, parser: (text: string) => Selector): Selector {
  if (!text) return [];
  try {
    return parser(text);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

function fieldOf(resource: ServedResource, object: KubeObject, name: string): string {
  if (name === 'metadata.name') return object.metadata.name;
  if (name === 'metadata.namespace') return object.metadata.namespace ?? '';
  return resource.strategy.kind.selectableFields?.[name]?.(object) ?? '';
}

/** The texts of apimachinery pkg/runtime DefaultMetaV1FieldSelectorConversion and of the kinds' own conversions. */
function checkField(resource: ServedResource, name: string): void {
  if (name === 'metadata.name' || name === 'metadata.namespace') return;
  const own = resource.strategy.kind.selectableFields;
  if (!own) {
    throw badRequest(`"${name}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  }
  if (!Object.hasOwn(own, name)) throw badRequest(`field label not supported: ${name}`);
}
