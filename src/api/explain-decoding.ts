import { type FieldFacts, mustTypeFacts, type ParsedType, typeFacts } from './facts.ts';
import { goQuote, goValueName } from './go-json.ts';
import { quantityProblem } from './quantity.ts';
import { canonicalMicroTime, canonicalTime } from './time.ts';

export interface Explanation {
  /** The first value that does not fit its field, as sigs.k8s.io/json says it. */
  mismatch: string | undefined;
  /** Paths of unknown fields, list items by index. */
  unknown: string[];
}

/** Walks a value that did not decode cleanly once more, to find the words for it. Slow, and only taken then. */
export function explainDecoding(type: string, value: unknown): Explanation {
  const walk = new Walk();
  walk.struct(type, value, { strict: '', go: '', struct: '' });
  return { mismatch: walk.mismatch, unknown: walk.unknown.slice(0, 100) };
}

interface Where {
  /** The path with indices, for unknown fields. */
  strict: string;
  /** The path as Go's decoder keeps it, without indices. */
  go: string;
  /** Name of the innermost struct. */
  struct: string;
}

class Walk {
  /** The first mismatch; later ones are not reported, as in Go. */
  mismatch: string | undefined;
  /** In document order. */
  readonly unknown: string[] = [];

  struct(type: string, value: unknown, where: Where): void {
    if (value === null || value === undefined) return;
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.#wrongType(value, goTypeOf(type), where);
      return;
    }
    const { fields } = mustTypeFacts(type);
    for (const [key, item] of Object.entries(value)) {
      const strict = where.strict ? `${where.strict}.${key}` : key;
      const field = fields.get(key);
      if (!field) this.unknown.push(strict);
      else this.#field(field, item, { strict, go: where.go ? `${where.go}.${key}` : key, struct: shortName(type) });
    }
  }

  #field(field: FieldFacts, value: unknown, where: Where): void {
    if (value !== null) this.#value(field.parsed, value, where);
  }

  #value(type: ParsedType, value: unknown, where: Where): void {
    switch (type.kind) {
      case 'struct':
        if (typeFacts(type.name)) this.struct(type.name, value, where);
        return;
      case 'list':
        if (!Array.isArray(value)) {
          this.#wrongType(value, goType(type), where);
          return;
        }
        value.forEach((item, i) => {
          if (item !== null) this.#value(type.of, item, { ...where, strict: `${where.strict}[${i}]` });
        });
        return;
      case 'map':
        if (typeof value !== 'object' || value === null || Array.isArray(value)) {
          this.#wrongType(value, goType(type), where);
          return;
        }
        for (const [key, item] of Object.entries(value))
          if (item !== null)
            this.#value(type.of, item, { ...where, strict: `${where.strict}.${key}`, go: `${where.go}.${key}` });
        return;
      case 'scalar':
        this.#scalar(type.name, value, where);
    }
  }

  #scalar(name: string, value: unknown, where: Where): void {
    const problem = scalarProblem(name, value);
    if (problem === true) this.#wrongType(value, goScalars[name] ?? name, where);
    else if (problem) this.#note(problem);
  }

  #wrongType(value: unknown, type: string, where: Where): void {
    const shown = typeof value === 'number' && /^u?int|^float/.test(type) ? `number ${value}` : goValueName(value);
    const target = where.struct
      ? `Go struct field ${where.struct}.${where.go} of type ${type}`
      : `Go value of type ${type}`;
    this.#note(`json: cannot unmarshal ${shown} into ${target}`);
  }

  #note(problem: string): void {
    this.mismatch ??= problem;
  }
}

/** True: of the wrong JSON type. A text: what the type's own UnmarshalJSON says. */
function scalarProblem(name: string, value: unknown): true | string | undefined {
  switch (name) {
    case 'string':
      return typeof value === 'string' ? undefined : true;
    case 'bool':
      return typeof value === 'boolean' ? undefined : true;
    case 'int32':
      return isInteger(value, 2 ** 31 - 1) ? undefined : true;
    case 'int64':
      return isInteger(value, 2 ** 63) ? undefined : true;
    case 'double':
      return typeof value === 'number' ? undefined : true;
    case 'bytes':
      return bytesProblem(value);
    case 'quantity':
      return quantityProblem(typeof value === 'string' ? value.trim() : JSON.stringify(value));
    case 'intOrString':
      if (typeof value === 'string' || isInteger(value, 2 ** 31 - 1)) return undefined;
      return `json: cannot unmarshal ${typeof value === 'number' ? `number ${value}` : goValueName(value)} into Go value of type int32`;
    case 'time':
      return timeProblem(value, '2006-01-02T15:04:05Z07:00', canonicalTime);
    case 'microTime':
      return timeProblem(value, '2006-01-02T15:04:05.000000Z07:00', canonicalMicroTime);
    default:
      return undefined;
  }
}

function isInteger(value: unknown, limit: number): boolean {
  return Number.isInteger(value) && (value as number) >= -limit - 1 && (value as number) <= limit;
}

function bytesProblem(value: unknown): true | string | undefined {
  if (typeof value !== 'string') return true;
  const text = value.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/]/.exec(text.replace(/={1,2}$/, ''));
  if (bad) return `illegal base64 data at input byte ${bad.index}`;
  return text.length % 4 === 0 ? undefined : `illegal base64 data at input byte ${text.length - (text.length % 4)}`;
}

function timeProblem(value: unknown, layout: string, read: (text: string) => string | undefined): string | undefined {
  if (typeof value !== 'string') return `json: cannot unmarshal ${goValueName(value)} into Go value of type string`;
  if (read(value) !== undefined) return undefined;
  const rest = unreadPart(value);
  return `parsing time ${goQuote(value)} as "${layout}": cannot parse ${goQuote(rest.text)} as "${rest.layout}"`;
}

/** Where Go's time.Parse stops. */
function unreadPart(value: string): { text: string; layout: string } {
  const parts: [RegExp, string][] = [
    [/^\d{4}/, '2006'],
    [/^-/, '-'],
    [/^\d\d/, '01'],
    [/^-/, '-'],
    [/^\d\d/, '02'],
    [/^T/, 'T'],
    [/^\d\d/, '15'],
    [/^:/, ':'],
    [/^\d\d/, '04'],
    [/^:/, ':'],
    [/^\d\d(?:\.\d+)?/, '05'],
  ];
  let text = value;
  for (const [pattern, layout] of parts) {
    const match = pattern.exec(text);
    if (!match) return { text, layout };
    text = text.slice(match[0].length);
  }
  return { text, layout: 'Z07:00' };
}

const shortName = (type: string) => type.slice(type.lastIndexOf('.') + 1);
const goScalars: Record<string, string> = { double: 'float64', bytes: '[]uint8', byte: 'uint8' };

/** 'core/v1.PodSpec' as Go prints the type: 'v1.PodSpec'. */
function goTypeOf(type: string): string {
  return type.slice(type.indexOf('/') + 1);
}

function goType(type: ParsedType): string {
  switch (type.kind) {
    case 'list':
      return `[]${goType(type.of)}`;
    case 'map':
      return `map[string]${goType(type.of)}`;
    case 'struct':
      return goTypeOf(type.name);
    case 'scalar':
      return goNamed[type.name] ?? goScalars[type.name] ?? type.name;
  }
}
const goNamed: Record<string, string> = {
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  intOrString: 'intstr.IntOrString',
  raw: 'runtime.RawExtension',
};
