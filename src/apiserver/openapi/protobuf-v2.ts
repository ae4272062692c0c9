import type { Json } from './schema.ts';

/**
 * An OpenAPI v2 document in the protobuf form that older clients ask for (gnostic openapiv2/OpenAPIv2.proto). Field
 * numbers are those of that file; only what our documents contain is encoded. Extensions travel as YAML, of which JSON is
 * a part.
 */
export function encodeDocument(document: Json): Buffer {
  const info = document.info as { title: string; version: string };
  return Buffer.concat([
    text(1, document.swagger),
    message(2, text(1, info.title), text(2, info.version)),
    message(8, ...named(2, document.paths, pathItem)),
    message(9, ...named(1, document.definitions, schema)),
    message(10, ...named(1, document.parameters, parameter)),
  ]);
}

function pathItem(item: Json): Buffer[] {
  const methods: Record<string, number> = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 };
  const operations = Object.entries(methods).flatMap(([method, number]) =>
    item[method] ? [message(number, ...operation(item[method] as Json))] : [],
  );
  return [...operations, ...parameterItems(9, item.parameters)];
}

function operation(one: Json): Buffer[] {
  return [
    ...texts(1, one.tags),
    text(3, one.description),
    text(5, one.operationId),
    ...texts(6, one.produces),
    ...texts(7, one.consumes),
    ...parameterItems(8, one.parameters),
    message(9, ...named(1, one.responses, (response) => [message(1, ...responseFields(response))])),
    ...texts(10, one.schemes),
    ...extensions(13, one),
  ];
}

function responseFields({ description, schema: body }: Json): Buffer[] {
  return [text(1, description), ...(body ? [message(2, message(1, ...schema(body as Json)))] : [])];
}

function parameterItems(number: number, items: unknown): Buffer[] {
  return ((items as Json[] | undefined) ?? []).map((item) =>
    message(number, item.$ref ? message(2, text(1, item.$ref)) : message(1, ...parameter(item))),
  );
}

function parameter(one: Json): Buffer[] {
  if (one.in === 'body') {
    return [
      message(
        1,
        text(1, one.description),
        text(2, one.name),
        text(3, one.in),
        flag(4, one.required),
        message(5, ...schema(one.schema as Json)),
      ),
    ];
  }
  const common = [flag(1, one.required), text(2, one.in), text(3, one.description), text(4, one.name)];
  return one.in === 'path'
    ? [message(2, message(4, ...common, text(5, one.type), flag(19, one.uniqueItems)))]
    : [message(2, message(3, ...common, text(6, one.type), flag(20, one.uniqueItems)))];
}

function schema(one: Json): Buffer[] {
  const { properties, additionalProperties, items, allOf } = one;
  return [
    text(1, one.$ref),
    text(2, one.format),
    text(4, one.description),
    ...texts(19, one.required),
    ...(typeof additionalProperties === 'object'
      ? [message(21, message(1, ...schema(additionalProperties as Json)))]
      : []),
    ...(typeof additionalProperties === 'boolean' ? [message(21, flag(2, additionalProperties))] : []),
    ...(one.type ? [message(22, text(1, one.type))] : []),
    ...(items ? [message(23, message(1, ...schema(items as Json)))] : []),
    ...((allOf as Json[] | undefined) ?? []).map((part) => message(24, ...schema(part))),
    ...(properties ? [message(25, ...named(1, properties, schema))] : []),
    ...extensions(31, one),
  ];
}

function extensions(number: number, one: Json): Buffer[] {
  return Object.entries(one)
    .filter(([key]) => key.startsWith('x-'))
    .map(([key, value]) => message(number, text(1, key), message(2, text(2, `${JSON.stringify(value)}\n`))));
}

/** A map as repeated (name, value). */
function named(number: number, map: unknown, encode: (value: Json) => Buffer[]): Buffer[] {
  return Object.entries((map as Record<string, Json> | undefined) ?? {}).map(([name, value]) =>
    message(number, text(1, name), message(2, ...encode(value))),
  );
}

const lengthDelimited = 2;
const empty = Buffer.alloc(0);

function message(number: number, ...parts: Buffer[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(number * 8 + lengthDelimited), varint(size), ...parts]);
}

function text(number: number, value: unknown): Buffer {
  return typeof value === 'string' && value !== '' ? message(number, Buffer.from(value)) : empty;
}

function texts(number: number, values: unknown): Buffer[] {
  return ((values as string[] | undefined) ?? []).map((value) => text(number, value));
}

function flag(number: number, value: unknown): Buffer {
  return value === true ? Buffer.concat([varint(number * 8), varint(1)]) : empty;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
