import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type Tags } from 'yaml';
import { duplicateFields } from '../api/duplicate-fields.ts';
import { badRequest } from '../api/status-error.ts';
import type { ParsedBody } from './body.ts';

/** A YAML body as gopkg.in/yaml.v2 reads it for sigs.k8s.io/yaml: the last of two equal keys counts. */
export function parseYaml(text: string): ParsedBody {
  return yamlAsJson(text) ?? parseAsYaml(text);
}

/** JSON is YAML, too, and what kubectl sends for YAML: no parser is as fast as that of JSON. */
export function yamlAsJson(text: string): ParsedBody | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const duplicates = () => (duplicateFields(text).length > 0 ? parseAsYaml(text).duplicates() : []);
    return { value, duplicates };
  } catch {
    return undefined;
  }
}

function parseAsYaml(text: string): ParsedBody {
  const lines = new LineCounter();
  try {
    const options = { version: '1.1', uniqueKeys: false, lineCounter: lines, customTags: goTags } as const;
    const document = parseDocument(text, options);
    const [error] = document.errors;
    if (error) throw error;
    return { value: document.toJS(), duplicates: () => duplicateKeys(document.contents, lines) };
  } catch (cause) {
    // No YAML, an alias bomb, or nested deeper than the stack.
    throw badRequest(`error converting YAML to JSON: yaml: ${(cause as Error).message}`);
  }
}

/** YAML 1.1 with its yes, no and octal numbers, but 12:30 and dates are text. */
const goTags = (tags: Tags): Tags =>
  tags.filter(
    (tag) => typeof tag === 'string' || !('tag' in tag) || (tag.format !== 'TIME' && !tag.tag.endsWith(':timestamp')),
  );

/** What UnmarshalStrict says of keys that occur twice (yaml.v2 decode.go): one message for all, inner ones first. */
function duplicateKeys(root: unknown, lines: LineCounter): string[] {
  const found: string[] = [];
  const search = (node: unknown) => {
    if (isSeq(node)) for (const item of node.items) search(item);
    if (!isMap(node)) return;
    const seen = new Set<unknown>();
    for (const pair of node.items) {
      search(pair.value);
      const key = isScalar(pair.key) ? pair.key.value : pair.key;
      if (seen.has(key)) found.push(`line ${lineOf(pair, lines)}: key ${JSON.stringify(key)} already set in map`);
      seen.add(key);
    }
  };
  search(root);
  return found.length > 0 ? [`yaml: unmarshal errors:\n  ${found.join('\n  ')}`] : [];
}

/** Where the value begins, or its key when it has none. */
function lineOf({ key, value }: Pair, lines: LineCounter): number {
  const place = (value ?? key) as Node;
  return lines.linePos(place.range?.[0] ?? 0).line;
}
