import { typeFacts } from '../../api/facts.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import { addCustomDefinitions } from './custom-definitions.ts';
import { definitionName, reachable } from './definition-names.ts';
import { type PathItem, resourcePaths } from './operations.ts';
import type { Parameter } from './parameters.ts';
import { type Dialect, type GroupVersionKind, type Json, reference, specialSchemas, structSchema } from './schema.ts';

/** A served resource with the schema of its objects, when it is a custom one. */
export interface DescribedResource extends ResourceInfo {
  /** OpenAPI v3 schema of a custom resource. */
  schema?: Json;
}

const info = (version: string) => ({ title: 'Kubernetes', version });

/** /openapi/v2: all in one document. */
export function documentV2(resources: readonly DescribedResource[], version: string): Json {
  const shared = new Map<string, Parameter>();
  const paths: Json = {};
  for (const item of resources.flatMap(resourcePaths)) paths[item.path] = pathV2(item, shared);
  return {
    swagger: '2.0',
    info: info(version),
    paths,
    definitions: definitions(resources, 'v2'),
    parameters: Object.fromEntries([...shared].map(([key, parameter]) => [key, parameterV2(parameter)])),
    securityDefinitions: {
      BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' },
    },
    security: [{ BearerToken: [] }],
  };
}

/** /openapi/v3/apis/GROUP/VERSION: one document for each group and version. */
export function documentV3(resources: readonly DescribedResource[], version: string): Json {
  const paths: Json = {};
  for (const item of resources.flatMap(resourcePaths)) paths[item.path] = pathV3(item);
  return {
    openapi: '3.0.0',
    info: info(version),
    paths,
    components: {
      schemas: definitions(resources, 'v3'),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          name: 'authorization',
          in: 'header',
          description: 'Bearer Token authentication',
        },
      },
    },
  };
}

/** All definitions that the resources need, by name. */
export function definitions(resources: readonly DescribedResource[], dialect: Dialect): Record<string, Json> {
  const kinds = kindsByType(resources);
  const groupVersions = [...new Map(resources.map((one) => [`${one.group}/${one.version}`, one]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { group, version }]) => ({ group, version }));
  const all = (kind: string) => groupVersions.map((one) => ({ ...one, kind }));
  kinds.set('meta/v1.DeleteOptions', all('DeleteOptions'));
  kinds.set('meta/v1.Status', [{ group: '', kind: 'Status', version: 'v1' }]);
  const result: Record<string, Json> = specialSchemas(dialect, { watchEvent: all('WatchEvent') });
  for (const type of reachable(kinds.keys())) {
    result[definitionName(type)] = structSchema(
      type,
      dialect,
      kinds.get(type)?.map(({ group, kind, version }) => ({ group, kind, version })),
    );
  }
  for (const resource of resources) if (!resource.type) addCustomDefinitions(result, resource, dialect);
  return Object.fromEntries(Object.entries(result).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Types that stand for a kind, with the kind they stand for: objects, their lists, and what subresources take. */
function kindsByType(resources: readonly DescribedResource[]): Map<string, GroupVersionKind[]> {
  const kinds = new Map<string, GroupVersionKind[]>();
  const add = (type: string, kind: GroupVersionKind) => {
    if (typeFacts(type)) kinds.set(type, [kind]);
  };
  for (const { group, version, kind, type, subresources } of resources) {
    if (type) add(type, { group, version, kind });
    if (type) add(`${type}List`, { group, version, kind: `${kind}List` });
    for (const sub of Object.values(subresources)) {
      const name = subresourceTypes[sub.kind];
      if (name) add(name, { group: sub.group, version: sub.version, kind: sub.kind });
    }
  }
  return kinds;
}

const subresourceTypes: Record<string, string> = {
  Scale: 'autoscaling/v1.Scale',
  Eviction: 'policy/v1.Eviction',
  TokenRequest: 'authentication/v1.TokenRequest',
  Binding: 'core/v1.Binding',
};

function parameterV2({ inline: _, ...parameter }: Parameter): Json {
  return { uniqueItems: true, ...parameter };
}

function parameterV3({ type, inline: _, ...parameter }: Parameter): Json {
  return { ...parameter, schema: { type, uniqueItems: true } };
}

function pathV2(item: PathItem, shared: Map<string, Parameter>): Json {
  const shown = (parameter: Parameter) => {
    if (parameter.inline) return parameterV2(parameter);
    shared.set(parameter.name, parameter);
    return { $ref: `#/parameters/${parameter.name}` };
  };
  const result: Json = {};
  for (const [method, operation] of Object.entries(item.operations)) {
    const { body } = operation;
    const responses: Json = {};
    for (const [code, definition] of Object.entries(operation.answers)) {
      const schema = definition === 'string' ? { type: 'string' } : reference(definition, 'v2');
      responses[code] = { description: statusTexts[code] ?? 'OK', schema };
    }
    responses['401'] = { description: 'Unauthorized' };
    result[method] = {
      description: operation.description,
      consumes: operation.consumes,
      produces: operation.produces,
      schemes: ['https'],
      tags: [operation.tag],
      operationId: operation.id,
      parameters: [
        ...(body
          ? [
              {
                name: 'body',
                in: 'body',
                ...(body.required ? { required: true } : {}),
                schema: reference(body.definition, 'v2'),
              },
            ]
          : []),
        ...operation.parameters.map(shown),
      ],
      responses,
      'x-kubernetes-action': operation.action,
      'x-kubernetes-group-version-kind': operation.kind,
    };
  }
  return { ...result, parameters: item.parameters.map(shown) };
}

const statusTexts: Record<string, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

function pathV3(item: PathItem): Json {
  const result: Json = {};
  for (const [method, operation] of Object.entries(item.operations)) {
    const { body } = operation;
    const content = (types: string[], definition: string) => {
      const schema = definition === 'string' ? { type: 'string' } : reference(definition, 'v3');
      return Object.fromEntries(types.map((type) => [type, { schema }]));
    };
    const responses: Json = {};
    for (const [code, definition] of Object.entries(operation.answers)) {
      responses[code] = {
        description: statusTexts[code] ?? 'OK',
        content: content(operation.produces, definition),
      };
    }
    responses['401'] = { description: 'Unauthorized' };
    result[method] = {
      tags: [operation.tag],
      description: operation.description,
      operationId: operation.id,
      ...(operation.parameters.length > 0 ? { parameters: operation.parameters.map(parameterV3) } : {}),
      ...(body
        ? {
            requestBody: {
              ...(body.required ? { required: true } : {}),
              content: content(operation.consumes, body.definition),
            },
          }
        : {}),
      responses,
      'x-kubernetes-action': operation.action,
      'x-kubernetes-group-version-kind': operation.kind,
    };
  }
  return { ...result, parameters: item.parameters.map(parameterV3) };
}
