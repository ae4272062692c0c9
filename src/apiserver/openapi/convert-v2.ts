import type { Json } from './schema.ts';

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

/** OpenAPI v3 of a server that describes itself in v2 only (kube-openapi pkg/openapiconv). */
export function convertV2(document: Json): Json {
  const { paths, definitions, info } = document as Record<string, Json | undefined>;
  return {
    openapi: '3.0.0',
    info: info ?? {},
    paths: mapValues(paths ?? {}, (item) => pathItem(item as Json, document)),
    components: { schemas: references(definitions ?? {}) },
  };
}

function pathItem(item: Json, document: Json): Json {
  const converted: Json = {};
  for (const [key, value] of Object.entries(item)) {
    if (methods.includes(key)) converted[key] = operation(value as Json, document);
    else if (key === 'parameters') converted.parameters = plainParameters(value as Json[], document);
    else converted[key] = value;
  }
  return converted;
}

function operation(
  { consumes, produces, schemes: _, parameters = [], responses = {}, ...rest }: Json,
  document: Json,
): Json {
  const body = resolved(parameters as Json[], document).find((one) => one.in === 'body');
  return {
    ...rest,
    parameters: plainParameters(parameters as Json[], document),
    ...(body && { requestBody: { ...content(body, consumes), ...(body.required ? { required: true } : {}) } }),
    responses: mapValues(responses as Json, (response) => {
      const { schema, ...described } = response as Json;
      return schema ? { ...described, ...content({ schema }, produces) } : described;
    }),
  };
}

function content({ schema }: Json, types: unknown): Json {
  const media = Array.isArray(types) && types.length > 0 ? (types as string[]) : ['application/json'];
  return { content: Object.fromEntries(media.map((type) => [type, { schema: references(schema) }])) };
}

function plainParameters(parameters: Json[], document: Json): Json[] {
  return resolved(parameters, document)
    .filter((one) => one.in !== 'body')
    .map(({ name, in: place, required, description, ...schema }) => ({
      ...{ name, in: place, schema: references(schema) },
      ...(required ? { required } : {}),
      ...(description ? { description } : {}),
    }));
}

function resolved(parameters: Json[], document: Json): Json[] {
  const shared = (document.parameters ?? {}) as Record<string, Json>;
  return parameters.map((one) => (typeof one.$ref === 'string' ? (shared[one.$ref.split('/').at(-1)!] ?? {}) : one));
}

function references(value: unknown): Json {
  if (Array.isArray(value)) return value.map(references) as unknown as Json;
  if (typeof value !== 'object' || value === null) return value as Json;
  const renamed = (text: unknown) =>
    typeof text === 'string' ? text.replace('#/definitions/', '#/components/schemas/') : references(text);
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, key === '$ref' ? renamed(part) : references(part)]),
  );
}

function mapValues(object: Json, change: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
