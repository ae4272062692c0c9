import { humanDuration } from '../duration.ts';
import type { APIService } from '../generated/apiregistration-v1.ts';
import type { CertificateSigningRequest } from '../generated/certificates-v1.ts';
import type { Lease } from '../generated/coordination-v1.ts';
import type { RuntimeClass } from '../generated/node-v1.ts';
import type { ResourceClaim, ResourceSlice } from '../generated/resource-v1.ts';
import { age, ageOf, type Columns, type ColumnsEntry, column, entry, name } from './column.ts';

const nameAndAge: Columns = {
  definitions: [name, age],
  cells: (object, now) => [object.metadata.name, ageOf(object, now)],
};

export const systemColumns: ColumnsEntry[] = [
  entry<Lease>('coordination/v1.Lease', {
    definitions: [name, column('Holder', 'Who holds the lease.'), age],
    cells: (object, now) => [object.metadata.name, object.spec?.holderIdentity ?? '', ageOf(object, now)],
  }),
  entry<RuntimeClass>('node/v1.RuntimeClass', {
    definitions: [name, column('Handler', 'Handler of the container runtime.'), age],
    cells: (object, now) => [object.metadata.name, object.handler, ageOf(object, now)],
  }),
  entry<CertificateSigningRequest>('certificates/v1.CertificateSigningRequest', {
    definitions: [
      name,
      age,
      column('SignerName', 'Who is asked to sign.'),
      column('Requestor', 'User who asks.'),
      column('RequestedDuration', 'How long the certificate should be valid.'),
      column('Condition', 'Whether the request was approved and the certificate issued.'),
    ],
    cells: (object, now) => [
      object.metadata.name,
      ageOf(object, now),
      object.spec?.signerName || '<none>',
      object.spec?.username ?? '',
      object.spec?.expirationSeconds === undefined ? '<none>' : humanDuration(object.spec.expirationSeconds * 1000),
      requestCondition(object),
    ],
  }),
  // kube-aggregator pkg/registry/apiservice/etcd
  entry<APIService>('apiregistration/v1.APIService', {
    definitions: [
      name,
      column('Service', 'Service that serves the API, or Local.'),
      column('Available', 'Whether the API can be reached.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.service ? `${object.spec.service.namespace}/${object.spec.service.name}` : 'Local',
      availability(object),
      ageOf(object, now),
    ],
  }),
  ['resource/v1.DeviceClass', nameAndAge],
  ['resource/v1.ResourceClaimTemplate', nameAndAge],
  entry<ResourceClaim>('resource/v1.ResourceClaim', {
    definitions: [name, column('State', 'Whether the claim is pending, allocated, reserved or deleted.'), age],
    cells: (object, now) => [object.metadata.name, claimState(object), ageOf(object, now)],
  }),
  entry<ResourceSlice>('resource/v1.ResourceSlice', {
    definitions: [
      name,
      column('Node', 'Node that has the devices.'),
      column('Driver', 'Driver of the devices.'),
      column('Pool', 'Pool that the devices are in.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.nodeName ?? '',
      object.spec?.driver,
      object.spec?.pool?.name,
      ageOf(object, now),
    ],
  }),
];

function requestCondition({ status }: CertificateSigningRequest): string {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type);
  let text = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  if (has('Failed')) text += ',Failed';
  return status?.certificate ? `${text},Issued` : text;
}

function availability({ status }: APIService): string {
  const available = status?.conditions?.find(({ type }) => type === 'Available');
  if (!available) return 'Unknown';
  return available.status === 'True' ? 'True' : `${available.status} (${available.reason})`;
}

function claimState({ metadata, status }: ResourceClaim): string {
  const states: string[] = metadata.deletionTimestamp ? ['deleted'] : [];
  if (!status?.allocation) return metadata.deletionTimestamp ? 'deleted' : 'pending';
  states.push('allocated');
  if (status.reservedFor?.length) states.push('reserved');
  return states.join(',');
}
