import type { ResourceInfo } from '../../api/resource.ts';
import { definitionName, resourceDefinition, special } from './definition-names.ts';
import { type Parameter, parameters } from './parameters.ts';
import type { GroupVersionKind } from './schema.ts';

/** An operation, the same for both versions of OpenAPI. */
export interface Operation {
  id: string;
  description: string;
  tag: string;
  action: string;
  kind: GroupVersionKind;
  consumes: string[];
  produces: string[];
  parameters: Parameter[];
  /** Definition of the body. */
  body?: { definition: string; required: boolean };
  /** Definition of the answer by status code; 'string' for text. */
  answers: Record<number, string>;
}

export interface PathItem {
  path: string;
  parameters: Parameter[];
  operations: Record<string, Operation>;
}

const encodings = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const streams = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** A delete of these answers with the object (ReturnDeletedObject in pkg/registry/…/storage.go). */
const returnsDeleted = new Set([
  '/persistentvolumeclaims',
  '/persistentvolumes',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
]);

/** Everything that can be done with a resource (apiserver pkg/endpoints/installer.go). */
export function resourcePaths(resource: ResourceInfo): PathItem[] {
  const { group, version, namespaced } = resource;
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const inNamespace = namespaced ? [parameters.namespace] : [];
  const base = namespaced ? `${root}/namespaces/{namespace}` : root;
  const own = { group, version, kind: resource.kind };
  const maker = new OperationMaker(resource, own);
  const items: PathItem[] = [
    {
      path: `${base}/${resource.resource}`,
      parameters: [...inNamespace, parameters.pretty],
      operations: maker.collection(),
    },
    {
      path: `${base}/${resource.resource}/{name}`,
      parameters: [nameOf(resource.kind), ...inNamespace, parameters.pretty],
      operations: maker.object(),
    },
    ...Object.entries(resource.subresources).map(([name, subresource]) => ({
      path: `${base}/${resource.resource}/{name}/${name}`,
      parameters: [nameOf(subresource.kind), ...inNamespace, parameters.pretty],
      operations: new OperationMaker(resource, subresource, name).subresource(subresource.verbs),
    })),
  ];
  if (namespaced && resource.verbs.includes('list')) {
    const { get } = maker.collection();
    const id = `list${maker.groupName}${resource.kind}ForAllNamespaces`;
    items.push({
      path: `${root}/${resource.resource}`,
      parameters: [...get!.parameters, parameters.pretty],
      operations: { get: { ...get!, id, parameters: [] } },
    });
  }
  return items.filter(({ operations }) => Object.keys(operations).length > 0);
}

const nameOf = (kind: string): Parameter => ({ ...parameters.name, description: `name of the ${kind}` });

/** 'CoreV1', 'RbacAuthorizationV1' */
function titleOf({ group, version }: { group: string; version: string }): string {
  const words = (group || 'core').replace(/\.k8s\.io$/, '').split('.');
  return [...words, version].map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

class OperationMaker {
  readonly groupName: string;
  readonly #resource: ResourceInfo;
  readonly #kind: GroupVersionKind;
  readonly #definition: string;
  /** 'NamespacedPod', 'NamespacedPodStatus' */
  readonly #subject: string;

  constructor(resource: ResourceInfo, kind: GroupVersionKind, subresource = '') {
    this.#resource = resource;
    this.#kind = { group: kind.group, version: kind.version, kind: kind.kind };
    this.groupName = titleOf(resource);
    const suffix = subresource
      .split('/')
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join('');
    this.#subject = `${resource.namespaced ? 'Namespaced' : ''}${resource.kind}${suffix}`;
    this.#definition =
      kind.kind === resource.kind ? resourceDefinition(resource) : definitionName(typeOfSubresource(kind, resource));
  }

  collection(): Record<string, Operation> {
    const { verbs, kind } = this.#resource;
    const operations: Record<string, Operation> = {};
    if (verbs.includes('list')) {
      operations.get = this.#make('list', 'list', `list or watch objects of kind ${kind}`, {
        parameters: parameters.list,
        produces: [...encodings, ...streams],
        answers: { 200: `${this.#definition}List` },
      });
    }
    if (verbs.includes('create')) operations.post = this.#create();
    if (verbs.includes('deletecollection')) {
      const operation = this.#make('delete', 'deletecollection', `delete collection of ${kind}`, {
        parameters: parameters.deleteCollection,
        body: { definition: special.deleteOptions, required: false },
        answers: { 200: special.status },
      });
      operations.delete = { ...operation, id: `delete${this.groupName}Collection${this.#subject}` };
    }
    return operations;
  }

  object(): Record<string, Operation> {
    const { verbs, kind, group, resource } = this.#resource;
    const operations: Record<string, Operation> = {};
    if (verbs.includes('get')) operations.get = this.#read();
    if (verbs.includes('update')) operations.put = this.#replace();
    if (verbs.includes('patch')) operations.patch = this.#patch();
    if (verbs.includes('delete')) {
      operations.delete = this.#make('delete', 'delete', `delete ${article(kind)}`, {
        parameters: parameters.delete,
        body: { definition: special.deleteOptions, required: false },
        answers: returnsDeleted.has(`${group}/${resource}`)
          ? { 200: this.#definition, 202: this.#definition }
          : { 200: special.status, 202: special.status },
      });
    }
    return operations;
  }

  subresource(verbs: readonly string[]): Record<string, Operation> {
    if (/(Proxy|Exec|Attach|PortForward)Options$/.test(this.#kind.kind)) return this.#connect(verbs);
    const operations: Record<string, Operation> = {};
    if (verbs.includes('get')) operations.get = this.#read();
    if (verbs.includes('create')) operations.post = this.#create();
    if (verbs.includes('update')) operations.put = this.#replace();
    if (verbs.includes('patch')) operations.patch = this.#patch();
    return operations;
  }

  #read(): Operation {
    const isLog = this.#subject.endsWith('Log');
    return this.#make('read', 'get', `read the specified ${this.#kind.kind}`, {
      parameters: isLog ? parameters.log : [],
      produces: isLog ? ['text/plain', ...encodings] : encodings,
      answers: { 200: isLog ? 'string' : this.#definition },
    });
  }

  #create(): Operation {
    const { kind } = this.#kind;
    return this.#make('create', 'post', `create ${article(kind)}`, {
      parameters: parameters.write,
      body: { definition: this.#definition, required: true },
      answers: { 200: this.#definition, 201: this.#definition, 202: this.#definition },
    });
  }

  #replace(): Operation {
    return this.#make('replace', 'put', `replace the specified ${this.#kind.kind}`, {
      parameters: parameters.write,
      body: { definition: this.#definition, required: true },
      answers: { 200: this.#definition, 201: this.#definition },
    });
  }

  #patch(): Operation {
    return this.#make('patch', 'patch', `partially update the specified ${this.#kind.kind}`, {
      parameters: parameters.patch,
      consumes: patchTypes,
      body: { definition: special.patch, required: true },
      answers: { 200: this.#definition, 201: this.#definition },
    });
  }

  #connect(verbs: readonly string[]): Record<string, Operation> {
    const methods: Record<string, string> = {
      get: 'get',
      create: 'post',
      update: 'put',
      patch: 'patch',
      delete: 'delete',
    };
    const operations: Record<string, Operation> = {};
    for (const verb of verbs) {
      const method = methods[verb];
      if (!method) continue;
      const title = method.charAt(0).toUpperCase() + method.slice(1);
      const operation = this.#make(
        'connect',
        'connect',
        `connect ${method.toUpperCase()} requests to ${this.#subject}`,
        {
          parameters: [],
          produces: ['*/*'],
          answers: { 200: 'string' },
        },
      );
      operations[method] = { ...operation, id: `connect${this.groupName}${title}${this.#subject}` };
    }
    return operations;
  }

  #make(
    verb: string,
    action: string,
    description: string,
    rest: Pick<Operation, 'parameters' | 'answers'> & Partial<Operation>,
  ): Operation {
    const { group, version } = this.#resource;
    return {
      id: `${verb}${this.groupName}${this.#subject}`,
      description,
      tag: `${(group || 'core').replace(/\.k8s\.io$/, '').replaceAll('.', '_')}_${version}`.replace(
        /_(\w)/g,
        (_, letter: string, at: number, text: string) =>
          at === text.lastIndexOf('_') ? `_${letter}` : letter.toUpperCase(),
      ),
      action,
      kind: this.#kind,
      consumes: ['*/*'],
      produces: encodings,
      ...rest,
    };
  }
}

/** The type of what a subresource takes and gives. */
function typeOfSubresource({ group, kind }: { group: string; kind: string }, resource: ResourceInfo): string {
  if (kind === 'Scale') return 'autoscaling/v1.Scale';
  if (kind === 'Eviction') return 'policy/v1.Eviction';
  if (kind === 'TokenRequest') return 'authentication/v1.TokenRequest';
  if (kind === 'Binding') return 'core/v1.Binding';
  return group === resource.group ? `${resource.type.slice(0, resource.type.lastIndexOf('.'))}.${kind}` : resource.type;
}

const article = (kind: string) => `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`;
