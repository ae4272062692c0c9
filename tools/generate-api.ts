/**
 * Writes src/api/generated/: TypeScript types, the facts table and the resource table of the Kubernetes API.
 *
 * Usage: node tools/generate-api.ts FACTS.json SWAGGER.json
 *
 * FACTS.json holds facts of the Kubernetes Go types (field names, wire numbers, merge keys, list types, defaults);
 * of SWAGGER.json only paths, verbs and kinds are read. Neither file is part of this repository.
 */
import fs from 'node:fs';
import path from 'node:path';

interface RawField {
  n: string;
  t: string;
  pb?: [string, number | null, string | null];
  opt?: boolean;
  req?: boolean;
  inline?: boolean;
  [fact: string]: unknown;
}
interface RawType {
  fields?: RawField[];
  alias?: string;
  enum?: boolean;
  values?: string[];
  structType?: string;
}
interface Operation {
  'x-kubernetes-action'?: string;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string };
}
interface RawPackage {
  group: string | null;
  version: string;
  types: Record<string, RawType>;
}

const [factsFile, swaggerFile] = process.argv.slice(2);
if (!factsFile || !swaggerFile) {
  console.error('usage: node tools/generate-api.ts FACTS.json SWAGGER.json');
  process.exit(2);
}
const raw = JSON.parse(fs.readFileSync(factsFile, 'utf8')) as { version: string; packages: Record<string, RawPackage> };
const swagger = JSON.parse(fs.readFileSync(swaggerFile, 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};
const outDir = path.join(import.meta.dirname, '../src/api/generated');

/** Kinds of beta groups that can be switched on (--runtime-config): what parts of this project work with them. */
const beta: Record<string, string[]> = { 'certificates/v1beta1': ['ClusterTrustBundle', 'PodCertificateRequest'] };

/** Stable groups are served; alpha and beta ones are off by default in Kubernetes too (KEP-3136). */
const served = Object.fromEntries(
  Object.entries(raw.packages)
    .filter(([pkg]) => /\/v[12]$/.test(pkg) || shortName(pkg) in beta)
    .map(([pkg, contents]) => [shortName(pkg), onlyKinds(contents, beta[shortName(pkg)])]),
);

/** The named kinds of a package, with the types of which they are made. */
function onlyKinds(contents: RawPackage, kinds: string[] | undefined): RawPackage {
  if (!kinds) return contents;
  const types = Object.entries(contents.types).filter(([name]) => kinds.some((kind) => name.startsWith(kind)));
  return { ...contents, types: Object.fromEntries(types) };
}

/** 'core/v1' for k8s.io/api/core/v1, 'meta/v1' for the machinery. */
function shortName(pkg: string): string {
  return pkg.split('/').slice(-2).join('/');
}

const goConstants: Record<string, unknown> = {
  AzureDataDiskCachingReadWrite: 'ReadWrite',
  AzureSharedBlobDisk: 'Shared',
};
const importedPackages: Record<string, string> = {
  metav1: 'meta/v1',
  v1: 'core/v1',
  corev1: 'core/v1',
  apiv1: 'core/v1',
  authenticationv1: 'authentication/v1',
};
/**
 * Marked +optional, which the facts do not tell from omitempty, but without omitempty in Go's tags (types.go of each
 * package): written even when nobody set them.
 */
const alwaysWritten: Record<string, string[]> = {
  'apiextensions/v1.CustomResourceDefinitionStatus': ['conditions', 'storedVersions'],
  'apps/v1.StatefulSetOrdinals': ['start'],
  'apps/v1.StatefulSetSpec': ['serviceName'],
  'apps/v1.StatefulSetStatus': ['availableReplicas'],
  'authentication/v1.TokenRequestSpec': ['audiences'],
  'authentication/v1.TokenRequestStatus': ['token'],
  'autoscaling/v2.HorizontalPodAutoscalerStatus': ['currentMetrics'],
  'batch/v1.PodFailurePolicyOnPodConditionsPattern': ['status'],
  'core/v1.ContainerImage': ['names'],
  'core/v1.Event': ['reportingComponent', 'reportingInstance'],
  'core/v1.NodeRuntimeHandler': ['name'],
  'core/v1.ProjectedVolumeSource': ['sources'],
  'discovery/v1.EndpointSlice': ['endpoints', 'ports'],
  'flowcontrol/v1.FlowSchemaSpec': ['matchingPrecedence'],
  'flowcontrol/v1.QueuingConfiguration': ['queues', 'handSize', 'queueLengthLimit'],
  'flowcontrol/v1.ResourcePolicyRule': ['namespaces'],
  'policy/v1.PodDisruptionBudgetStatus': ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'],
  'rbac/v1.ClusterRole': ['rules'],
  'rbac/v1.Role': ['rules'],
  'rbac/v1.RoleRef': ['apiGroup'],
  'resource/v1.AllocatedDeviceStatus': ['conditions'],
  'resource/v1.DeviceClaim': ['requests'],
  'scheduling/v1.PriorityClass': ['value'],
  'storage/v1.CSINodeDriver': ['topologyKeys'],
};
/** In these packages the Go import name v1 means the machinery. */
const v1IsMeta = new Set(['apidiscovery/v2']);

const scalars: Record<string, string> = {
  string: 'string',
  bool: 'bool',
  int: 'int64',
  int32: 'int32',
  int64: 'int64',
  uint8: 'int32',
  float64: 'double',
  byte: 'byte',
  'types.UID': 'string',
  'types.NodeName': 'string',
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intOrString',
  'runtime.RawExtension': 'raw',
  'metav1.Time': 'time',
  'metav1.MicroTime': 'microTime',
  'metav1.Duration': 'duration',
  'metav1.FieldsV1': 'fieldsV1',
  'time.Duration': 'int64',
  Time: 'time',
  MicroTime: 'microTime',
  Duration: 'duration',
  FieldsV1: 'fieldsV1',
  JSON: 'json',
};
const handTypes: Record<string, Record<string, RawType>> = {
  'meta/v1': Object.fromEntries(
    [
      ['GroupVersionKind', ['group', 'version', 'kind']],
      ['GroupVersionResource', ['group', 'version', 'resource']],
      ['GroupVersion', ['group', 'version']],
    ].map(([name, fields]) => [
      name as string,
      {
        fields: (fields as string[]).map((n, i) => ({ n, t: 'string', pb: ['bytes', i + 1, 'opt'] as RawField['pb'] })),
      },
    ]),
  ) as Record<string, RawType>,
  'apiextensions/v1': { CustomResourceSubresourceStatus: { fields: [] } },
  /** The types of kube-aggregator, which is a module of its own. */
  'apiregistration/v1': {
    ServiceReference: {
      fields: [
        { n: 'namespace', t: 'string', pb: ['bytes', 1, 'opt'], opt: true },
        { n: 'name', t: 'string', pb: ['bytes', 2, 'opt'], opt: true },
        { n: 'port', t: '*int32', pb: ['varint', 3, 'opt'], opt: true },
      ],
    },
    APIServiceSpec: {
      fields: [
        { n: 'service', t: '*ServiceReference', pb: ['bytes', 1, 'opt'], opt: true },
        { n: 'group', t: 'string', pb: ['bytes', 2, 'opt'], opt: true },
        { n: 'version', t: 'string', pb: ['bytes', 3, 'opt'], opt: true },
        { n: 'insecureSkipTLSVerify', t: 'bool', pb: ['varint', 4, 'opt'], opt: true },
        { n: 'caBundle', t: '[]byte', pb: ['bytes', 5, 'opt'], opt: true, listType: 'atomic' },
        { n: 'groupPriorityMinimum', t: 'int32', pb: ['varint', 7, 'opt'] },
        { n: 'versionPriority', t: 'int32', pb: ['varint', 8, 'opt'] },
      ],
    },
    APIServiceCondition: {
      fields: [
        { n: 'type', t: 'string', pb: ['bytes', 1, 'opt'] },
        { n: 'status', t: 'string', pb: ['bytes', 2, 'opt'] },
        { n: 'lastTransitionTime', t: 'metav1.Time', pb: ['bytes', 3, 'opt'], opt: true },
        { n: 'reason', t: 'string', pb: ['bytes', 4, 'opt'], opt: true },
        { n: 'message', t: 'string', pb: ['bytes', 5, 'opt'], opt: true },
      ],
    },
    APIServiceStatus: {
      fields: [
        {
          n: 'conditions',
          t: '[]APIServiceCondition',
          pb: ['bytes', 1, 'rep'],
          opt: true,
          patchStrategy: 'merge',
          patchMergeKey: 'type',
          listType: 'map',
          listMapKeys: ['type'],
        },
      ],
    },
    APIService: {
      fields: [
        { n: '', inline: true, t: 'metav1.TypeMeta' },
        { n: 'metadata', t: 'metav1.ObjectMeta', pb: ['bytes', 1, 'opt'], opt: true },
        { n: 'spec', t: 'APIServiceSpec', pb: ['bytes', 2, 'opt'], opt: true },
        { n: 'status', t: 'APIServiceStatus', pb: ['bytes', 3, 'opt'], opt: true },
      ],
    },
    APIServiceList: {
      fields: [
        { n: '', inline: true, t: 'metav1.TypeMeta' },
        { n: 'metadata', t: 'metav1.ListMeta', pb: ['bytes', 1, 'opt'], opt: true },
        { n: 'items', t: '[]APIService', pb: ['bytes', 2, 'rep'] },
      ],
    },
  },
};
for (const [pkg, types] of Object.entries(handTypes)) {
  served[pkg] ??= { group: 'apiregistration.k8s.io', version: 'v1', types: {} };
  for (const [name, type] of Object.entries(types)) served[pkg].types[name] ??= type;
}

/** Resolves a Go type expression to our type string: '[]core/v1.Container', '{}string', 'int32', … */
function resolve(pkg: string, go: string): { type: string; pointer?: boolean; values?: string[]; closed?: boolean } {
  if (go.startsWith('*')) return { ...resolve(pkg, go.slice(1)), pointer: true };
  if (go === '[]byte') return { type: 'bytes' };
  if (go.startsWith('[]')) {
    const item = resolve(pkg, go.slice(2));
    return { ...item, type: `[]${item.type}` };
  }
  const map = /^map\[[^\]]*\](.*)$/.exec(go);
  if (map) return { type: `{}${resolve(pkg, map[1] as string).type}` };
  if (go in scalars) return { type: scalars[go] as string };
  const dot = go.indexOf('.');
  const owner =
    dot < 0 ? pkg : go.startsWith('v1.') && v1IsMeta.has(pkg) ? 'meta/v1' : importedPackages[go.slice(0, dot)];
  const name = go.slice(dot + 1);
  if (owner && owner !== pkg && name in scalars && owner === 'meta/v1') return { type: scalars[name] as string };
  const type = owner ? served[owner]?.types[name] : undefined;
  if (owner && isSpecial(owner, name)) return { type: 'json' };
  if (!owner || !type) throw new Error(`type ${go} in ${pkg} resolves to nothing`);
  if (type.alias) return { ...resolve(owner, type.alias), values: type.values, closed: type.enum };
  return { type: `${owner}.${name}` };
}

interface OutField {
  name: string;
  type: string;
  [fact: string]: unknown;
}

/** The fields in declaration order with embedded structs spread out; an embedded struct keeps its own wire number in `via`. */
function fieldsOf(pkg: string, name: string, via: number[] = []): OutField[] {
  const type = served[pkg]?.types[name];
  if (!type?.fields) throw new Error(`${pkg}.${name} is not a struct`);
  const out: OutField[] = [];
  for (const field of type.fields) {
    const { n, t, pb, opt, req, inline, structType, values: _values, ...facts } = field;
    if (/(^|\.)TypeMeta$/.test(t)) {
      if (via.length === 0)
        out.push(
          { name: 'kind', type: 'string', optional: true, typeMeta: true },
          { name: 'apiVersion', type: 'string', optional: true, typeMeta: true },
        );
      continue;
    }
    if (inline) {
      const inner = resolve(pkg, t).type;
      const cut = inner.lastIndexOf('.');
      out.push(...fieldsOf(inner.slice(0, cut), inner.slice(cut + 1), pb?.[1] ? [...via, pb[1]] : via));
      continue;
    }
    const { type, pointer, values, closed } = resolve(pkg, t);
    out.push({
      name: n,
      type,
      ...(pointer ? { pointer } : {}),
      ...(opt ? { optional: true } : {}),
      ...(alwaysWritten[`${pkg}.${name}`]?.includes(n) ? { written: true } : {}),
      ...(req ? { required: true } : {}),
      ...(pb?.[1] ? { number: pb[1] } : {}),
      ...(via.length ? { via } : {}),
      ...(values && closed ? { enum: values } : {}),
      ...(structType ? { mapType: structType } : {}),
      ...facts,
      ...(facts.default !== undefined ? { default: defaultValue(facts.default as string) } : {}),
    });
  }
  return out;
}

/** A default is JSON, or the name of a Go constant. */
function defaultValue(text: string): unknown {
  const constant = /^ref\((\w+)\)$/.exec(text);
  if (!constant) return JSON.parse(text);
  const value = goConstants[constant[1] as string];
  if (value === undefined) throw new Error(`default ${text}: add the constant to goConstants`);
  return value;
}

// ---- facts.json
const types: Record<string, unknown> = {};
const isSpecial = (pkg: string, name: string) =>
  (pkg === 'meta/v1' && ['Time', 'MicroTime', 'Duration', 'TypeMeta'].includes(name)) ||
  name.startsWith('JSONSchemaPropsOr') ||
  name === 'JSON';
for (const [pkg, contents] of Object.entries(served))
  for (const [name, type] of Object.entries(contents.types)) {
    if (!type.fields || isSpecial(pkg, name)) continue;
    types[`${pkg}.${name}`] = {
      fields: fieldsOf(pkg, name),
      ...(type.structType === 'atomic' ? { atomic: true } : {}),
    };
  }

// ---- resources.json, from the paths of the OpenAPI document
interface OutResource {
  group: string;
  version: string;
  resource: string;
  kind: string;
  type: string;
  namespaced: boolean;
  verbs: string[];
  offByDefault?: true;
  subresources: Record<string, { kind: string; group: string; version: string; verbs: string[] }>;
}
const groupToPackage = new Map<string, string>();
for (const [pkg, c] of Object.entries(served)) if (c.group !== null) groupToPackage.set(`${c.group}/${c.version}`, pkg);
const resources = new Map<string, OutResource>();
const verbOf: Record<string, string> = {
  get: 'get',
  list: 'list',
  post: 'create',
  put: 'update',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'deletecollection',
  connect: 'connect',
};
for (const [url, item] of Object.entries(swagger.paths)) {
  const match =
    /^\/(?:api\/(v1)|apis\/([^/]+)\/(v[12](?:beta1)?))\/(namespaces\/\{namespace\}\/)?([a-z]+)(\/\{name\})?(?:\/([a-z/]+))?(\/\{path\})?$/.exec(
      url,
    );
  if (!match || url.includes('/watch/')) continue;
  const [, core, apisGroup = '', apisVersion, namespaced, resource, , sub] = match;
  const group = core ? '' : apisGroup;
  const version = (core ?? apisVersion) as string;
  const pkg = groupToPackage.get(`${group}/${version}`);
  if (!pkg && /beta/.test(version)) continue;
  const key = `${group}/${version}/${resource}`;
  for (const [method, op] of Object.entries(item)) {
    const verb = verbOf[op['x-kubernetes-action'] as string];
    const gvk = op['x-kubernetes-group-version-kind'];
    if (!verb || !gvk) continue;
    let entry = resources.get(key);
    if (!entry) {
      entry = {
        group,
        version,
        resource: resource as string,
        kind: '',
        type: '',
        namespaced: false,
        verbs: [],
        subresources: {},
        ...(/beta/.test(version) ? { offByDefault: true as const } : {}),
      };
      if (!pkg) throw new Error(`no package for ${group}/${version}`);
      entry.type = pkg;
      resources.set(key, entry);
    }
    if (sub) {
      entry.subresources[sub] ??= { kind: gvk.kind, group: gvk.group, version: gvk.version, verbs: [] };
      const subresource = entry.subresources[sub];
      const name = verb === 'connect' ? (method === 'post' ? 'create' : method === 'put' ? 'update' : method) : verb;
      if (['get', 'create', 'update', 'patch', 'delete'].includes(name) && !subresource.verbs.includes(name))
        subresource.verbs.push(name);
      continue;
    }
    entry.kind = gvk.kind;
    if (namespaced) entry.namespaced = true;
    if (!entry.verbs.includes(verb)) entry.verbs.push(verb);
    if (verb === 'list' && !entry.verbs.includes('watch')) entry.verbs.push('watch');
  }
}
const resourceList = [...resources.values()]
  .filter((r) => r.kind !== '')
  .map((r) => ({ ...r, type: `${r.type}.${r.kind}`, verbs: r.verbs.sort() }))
  .sort((a, b) => `${a.group}/${a.version}/${a.resource}`.localeCompare(`${b.group}/${b.version}/${b.resource}`));

// ---- TypeScript
const tsScalars: Record<string, string> = {
  string: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  double: 'number',
  bytes: 'string',
  byte: 'number',
  quantity: 'Quantity',
  intOrString: 'number | string',
  raw: 'unknown',
  time: 'string',
  microTime: 'string',
  duration: 'string',
  fieldsV1: 'Record<string, unknown>',
  json: 'unknown',
};
const kinds = new Set(resourceList.map((r) => r.type));
for (const [pkg, contents] of Object.entries(served)) {
  const imports = new Map<string, Set<string>>();
  const use = (owner: string, name: string) => {
    if (owner !== pkg) imports.set(owner, (imports.get(owner) ?? new Set()).add(name));
    return name;
  };
  const ts = (type: string): string => {
    if (type.startsWith('[]')) {
      const inner = ts(type.slice(2));
      return /[ |]/.test(inner) ? `(${inner})[]` : `${inner}[]`;
    }
    if (type.startsWith('{}')) return `Record<string, ${ts(type.slice(2))}>`;
    if (type === 'quantity') return use('../object', 'Quantity');
    if (type in tsScalars) return tsScalars[type] as string;
    const cut = type.lastIndexOf('.');
    const [owner, name] = [type.slice(0, cut), type.slice(cut + 1)];
    if (isSpecial(owner, name)) return 'unknown';
    return use(owner, name);
  };
  const body: string[] = [];
  for (const [name, type] of Object.entries(contents.types)) {
    if (!type.fields || isSpecial(pkg, name)) continue;
    const full = `${pkg}.${name}`;
    const isKind = kinds.has(full);
    const fields = (types[full] as { fields: OutField[] }).fields;
    const lines = fields.flatMap((f) => {
      if (isKind && (f.typeMeta || f.name === 'metadata')) return [];
      const value = f.enum ? (f.type.startsWith('[]') ? `(${literals(f)})[]` : literals(f)) : ts(f.type);
      const optional = f.optional && !(isKind && f.name === 'spec') ? '?' : '';
      const key = /^[A-Za-z_]\w*$/.test(f.name) ? f.name : `'${f.name}'`;
      return [`  ${key}${optional}: ${value};`];
    });
    body.push(
      `export interface ${name}${isKind ? ` extends ${use('../object', 'KubeObject')}` : ''} {\n${lines.join('\n')}\n}\n`,
    );
  }
  const header = [...imports]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(
      ([owner, names]) =>
        `import type { ${[...names].sort().join(', ')} } from '${owner === '../object' ? '../object.ts' : `./${owner.replace('/', '-')}.ts`}';\n`,
    );
  fs.writeFileSync(
    path.join(outDir, `${pkg.replace('/', '-')}.ts`),
    `// Written by tools/generate-api.ts; do not edit.\n${header.join('')}\n${body.join('\n')}`,
  );
}

function literals(field: OutField): string {
  return (field.enum as string[]).map((v) => `'${v}'`).join(' | ');
}

fs.writeFileSync(path.join(outDir, 'facts.json'), `${JSON.stringify({ types }, null, 0).replaceAll('},"', '},\n"')}\n`);
fs.writeFileSync(
  path.join(outDir, 'kubernetes-version.ts'),
  `/** Of the sources that the types and tables beside this file were generated from. */\nexport const kubernetesVersion = '${raw.version}';\n`,
);
fs.writeFileSync(
  path.join(outDir, 'resources.json'),
  `[\n${resourceList.map((r) => JSON.stringify(r)).join(',\n')}\n]\n`,
);
console.log(`${Object.keys(types).length} types, ${resourceList.length} resources`);
