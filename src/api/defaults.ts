import { type FieldFacts, mustTypeFacts, type ParsedType } from './facts.ts';
import { kindOf } from './kinds/all.ts';
import type { KubeObject } from './object.ts';
import { canonicalQuantity, formatQuantity, parseQuantity } from './quantity.ts';
import { structDefaults } from './struct-defaults.ts';

/**
 * Fills in what the user left out, in place: defaults of the kind, of structs wherever they occur (pkg/apis/…/defaults.go)
 * and of single fields (+default markers), parents before children, as Kubernetes' generated SetObjectDefaults_* do.
 */
export function applyDefaults<T extends KubeObject>(type: string, object: T): T {
  kindOf(type)?.defaults?.(object);
  visitorOf({ kind: 'struct', name: type })?.(object);
  return object;
}

/** Fills in the defaults of a struct that is not a whole object, such as 'core/v1.PodTemplateSpec'. */
export function applyStructDefaults(type: string, value: object): void {
  visitorOf({ kind: 'struct', name: type })?.(value);
}

type Visitor = (value: unknown) => void;
type Struct = Record<string, unknown>;

/** Visitors of structs by name; null: there is nothing to fill in below. */
const visitors = new Map<string, Visitor | null>();

function visitorOf(type: ParsedType): Visitor | null {
  switch (type.kind) {
    case 'scalar':
      return null;
    case 'list':
      return listVisitor(type.of);
    case 'map':
      return mapVisitor(type.of);
    case 'struct': {
      const known = visitors.get(type.name);
      if (known !== undefined) return known;
      return structVisitor(type.name);
    }
  }
}

function structVisitor(name: string): Visitor | null {
  if (!reachesDefaults(name, new Set())) {
    visitors.set(name, null);
    return null;
  }
  const own = structDefaults.get(name);
  let setters: ((value: Struct) => void)[] | undefined;
  const visitor: Visitor = (value) => {
    own?.(value as never);
    setters ??= [...mustTypeFacts(name).fields.values()].flatMap(fieldSetters);
    for (const set of setters) set(value as Struct);
  };
  visitors.set(name, visitor);
  return visitor;
}

function listVisitor(of: ParsedType): Visitor | null {
  const item = visitorOf(of);
  if (!item) return null;
  return (value) => {
    for (const element of value as unknown[]) item(element);
  };
}

function mapVisitor(of: ParsedType): Visitor | null {
  if (of.kind === 'scalar' && of.name === 'quantity') return roundToMilli;
  const item = visitorOf(of);
  if (!item) return null;
  return (value) => {
    for (const element of Object.values(value as object)) item(element);
  };
}

function fieldSetters(field: FieldFacts): ((value: Struct) => void)[] {
  const setters: ((value: Struct) => void)[] = [];
  const { name } = field;
  if (hasDefault(field))
    setters.push((value) => {
      if (value[name] === undefined) value[name] = field.default;
    });
  const visit = visitorOf(field.parsed);
  if (visit)
    setters.push((value) => {
      const inner = value[name];
      if (inner !== undefined && inner !== null) visit(inner);
    });
  return setters;
}

/** A zero default of a field that omits zero is the same as nothing. */
function hasDefault({ default: value, pointer, optional }: FieldFacts): boolean {
  if (value === undefined) return false;
  return pointer || !optional || (value !== '' && value !== 0 && value !== false);
}

function reachesDefaults(name: string, seen: Set<string>): boolean {
  if (structDefaults.has(name)) return true;
  seen.add(name);
  for (const field of mustTypeFacts(name).fields.values()) {
    if (hasDefault(field) || field.type === '{}quantity') return true;
    let type = field.parsed;
    while (type.kind === 'list' || type.kind === 'map') type = type.of;
    if (type.kind === 'struct' && !seen.has(type.name) && reachesDefaults(type.name, seen)) return true;
  }
  return false;
}

/** SetDefaults_ResourceList: amounts of resources are rounded up to thousandths. */
function roundToMilli(value: unknown): void {
  const list = value as Record<string, string>;
  for (const key in list) {
    const text = list[key] as string;
    if (!/[nu]$|e-/.test(text)) continue;
    const { nanos, format } = parseQuantity(text);
    const milli = nanos / 1_000_000n + (nanos % 1_000_000n > 0n ? 1n : 0n);
    list[key] = canonicalQuantity(formatQuantity({ nanos: milli * 1_000_000n, format }));
  }
}
