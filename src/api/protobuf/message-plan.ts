import { type FieldFacts, mustTypeFacts } from '../facts.ts';

/** How a struct is laid out on the wire: compiled once from the facts. */
export interface MessagePlan {
  /** By ascending number, the order in which Go writes. */
  readonly fields: readonly PlanField[];
  readonly byNumber: ReadonlyMap<number, PlanField>;
}

/** A field of the JSON object, or an embedded struct whose fields are spread out in JSON but nested on the wire. */
export type PlanField =
  | { readonly number: number; readonly facts: FieldFacts; readonly union: string | undefined }
  | { readonly number: number; readonly embedded: MessagePlan };

/** The plan of a type of the facts table. Throws when it has no protobuf form, such as Table. */
export function messagePlan(type: string): MessagePlan {
  const known = plans.get(type);
  if (known) return known;
  const draft = newDraft();
  for (const facts of mustTypeFacts(type).fields.values()) {
    if (facts.typeMeta) continue;
    if (facts.number === undefined) throw new Error(`type ${type} has no protobuf form`);
    let message = draft;
    for (const number of facts.via ?? []) message = embedded(message, number);
    message.fields.push({ facts, number: facts.number, union: unionOf(type, facts.name) });
  }
  const plan = finish(draft);
  plans.set(type, plan);
  return plan;
}

const plans = new Map<string, MessagePlan>();

interface Draft {
  fields: { number: number; facts: FieldFacts; union: string | undefined }[];
  embedded: Map<number, Draft>;
}

const newDraft = (): Draft => ({ fields: [], embedded: new Map() });

function embedded(message: Draft, number: number): Draft {
  let inner = message.embedded.get(number);
  if (!inner) {
    inner = newDraft();
    message.embedded.set(number, inner);
  }
  return inner;
}

function finish(draft: Draft): MessagePlan {
  const fields: PlanField[] = [...draft.fields];
  for (const [number, inner] of draft.embedded) fields.push({ number, embedded: finish(inner) });
  fields.sort((a, b) => a.number - b.number);
  return { fields, byNumber: new Map(fields.map((field) => [field.number, field])) };
}

/** Members of JSONSchemaProps that are a schema or something else: a message with two fields on the wire. */
function unionOf(type: string, name: string): string | undefined {
  if (type !== 'apiextensions/v1.JSONSchemaProps') return undefined;
  return { items: 'array', additionalProperties: 'bool', additionalItems: 'bool', dependencies: 'strings' }[name];
}
