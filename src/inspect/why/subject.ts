import type { KubeObject } from '../../api/object.ts';
import { builtin, builtinResources, type Resource } from '../../api/resource.ts';
import { UserError } from '../../base/errors.ts';

/** Kinds that can be asked about: resource and the words of kubectl. */
const kinds: { group: string; resource: string; words: string[] }[] = [
  { group: '', resource: 'pods', words: ['po'] },
  { group: '', resource: 'services', words: ['svc'] },
  { group: 'apps', resource: 'deployments', words: ['deploy'] },
  { group: 'apps', resource: 'replicasets', words: ['rs'] },
  { group: 'apps', resource: 'statefulsets', words: ['sts'] },
  { group: 'apps', resource: 'daemonsets', words: ['ds'] },
  { group: 'batch', resource: 'jobs', words: [] },
  { group: 'batch', resource: 'cronjobs', words: ['cj'] },
  { group: '', resource: 'persistentvolumeclaims', words: ['pvc'] },
  { group: '', resource: 'nodes', words: ['no'] },
];

export interface Subject {
  resource: Resource<KubeObject>;
  name: string;
}

/** 'pod/web', 'deploy.apps/web', 'pvc/data' → resource and name. */
export function parseSubject(text: string): Subject {
  const [word = '', name, ...more] = text.split('/');
  if (!word || !name || more.length > 0) throw new UserError(`"${text}": must be KIND/NAME`, { hint: 'pod/web' });
  const plain = word.toLowerCase().split('.')[0]!;
  const found = kinds.find(
    ({ resource, words }) => plain === resource || `${plain}s` === resource || words.includes(plain),
  );
  if (!found)
    throw new UserError(`"${text}": there is no diagnosis of "${word}"`, {
      hint: kinds.map(({ group, resource }) => kindOf(group, resource)).join(', '),
    });
  return { resource: builtin(found.group, 'v1', found.resource), name };
}

const kindOf = (group: string, resource: string): string =>
  builtinResources.find((info) => info.group === group && info.resource === resource)?.kind ?? resource;
