import type {
  ComponentStatus,
  ConfigMap,
  Namespace,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from '../generated/core-v1.ts';
import { age, ageOf, type ColumnsEntry, column, entry, name } from './column.ts';

const sizeOf = (map: object | undefined) => Object.keys(map ?? {}).length;

export const configurationColumns: ColumnsEntry[] = [
  entry<Namespace>('core/v1.Namespace', {
    definitions: [name, column('Status', 'Whether the namespace is active or being removed.'), age],
    cells: (object, now) => [object.metadata.name, object.status?.phase ?? '', ageOf(object, now)],
  }),
  entry<ConfigMap>('core/v1.ConfigMap', {
    definitions: [name, column('Data', 'Number of keys.'), age],
    cells: (object, now) => [object.metadata.name, sizeOf(object.data) + sizeOf(object.binaryData), ageOf(object, now)],
  }),
  entry<Secret>('core/v1.Secret', {
    definitions: [name, column('Type', 'What the data is used for.'), column('Data', 'Number of keys.'), age],
    cells: (object, now) => [object.metadata.name, object.type ?? '', sizeOf(object.data), ageOf(object, now)],
  }),
  entry<ServiceAccount>('core/v1.ServiceAccount', {
    definitions: [name, column('Secrets', 'Number of Secrets that Pods of the account may use.'), age],
    cells: (object, now) => [object.metadata.name, object.secrets?.length ?? 0, ageOf(object, now)],
  }),
  entry<ResourceQuota>('core/v1.ResourceQuota', {
    definitions: [
      name,
      column('Request', 'Used of what may be requested.'),
      column('Limit', 'Used of what limits may add up to.'),
      age,
    ],
    cells: (object, now) => [object.metadata.name, ...quota(object), ageOf(object, now)],
  }),
  entry<ComponentStatus>('core/v1.ComponentStatus', {
    definitions: [
      name,
      column('Status', 'Whether the component is healthy.'),
      column('Message', 'What the check of the component said.'),
      column('Error', 'Why the check failed.'),
    ],
    cells: (object) => {
      const healthy = object.conditions?.find(({ type }) => type === 'Healthy');
      const status = !healthy ? 'Unknown' : healthy.status === 'True' ? 'Healthy' : 'Unhealthy';
      return [object.metadata.name, status, healthy?.message ?? '', healthy?.error ?? ''];
    },
  }),
];

function quota({ status }: ResourceQuota): [requests: string, limits: string] {
  const requests: string[] = [];
  const limits: string[] = [];
  for (const resource of Object.keys(status?.hard ?? {}).sort()) {
    const text = `${resource}: ${status?.used?.[resource] ?? '0'}/${status?.hard?.[resource]}`;
    (resource.startsWith('limits.') ? limits : requests).push(text);
  }
  return [requests.join(', '), limits.join(', ')];
}
