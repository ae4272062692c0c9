import type {
  DeviceClaim,
  DeviceClass,
  DeviceSelector,
  ResourceClaim,
  ResourceClaimTemplate,
} from '../../api/generated/resource-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { invalid } from '../../api/status-error.ts';
import { sameValue } from '../../api/validation/field-error.ts';
import type { AdmissionPlugin } from '../request.ts';

const kinds = new Set(['deviceclasses', 'resourceclaims', 'resourceclaimtemplates']);

/**
 * Expressions that choose devices must compile, where they are new. Part of validation in Kubernetes; here because only
 * this may wait until the compiler is loaded.
 */
export const deviceExpressions: AdmissionPlugin = {
  name: 'DeviceExpressions',
  handles: ({ resource, subresource, operation, object }) =>
    resource.group === 'resource.k8s.io' &&
    kinds.has(resource.resource) &&
    subresource === '' &&
    operation !== 'DELETE' &&
    object !== undefined,
  async validate({ resource, object, oldObject }) {
    const all = selectorsOf(object!);
    if (all.length === 0 || (oldObject && sameValue(all, selectorsOf(oldObject)))) return;
    const { selectorExpressionErrors } = await import('../../api/cel/device-selectors.ts');
    const causes = selectorExpressionErrors(all);
    if (causes.length > 0) throw invalid(resource, object!.metadata.name, causes);
  },
};

function selectorsOf(object: KubeObject) {
  const { spec } = object as DeviceClass & ResourceClaim & ResourceClaimTemplate;
  const of = (path: string, selectors: DeviceSelector[] = []) =>
    selectors.length > 0
      ? [{ path: `${path}.selectors`, expressions: selectors.map(({ cel }) => cel?.expression) }]
      : [];
  const ofClaim = ({ requests = [] }: DeviceClaim, path: string) =>
    requests.flatMap(({ exactly, firstAvailable = [] }, i) => [
      ...of(`${path}.requests[${i}].exactly`, exactly?.selectors),
      ...firstAvailable.flatMap((one, j) => of(`${path}.requests[${i}].firstAvailable[${j}]`, one.selectors)),
    ]);
  if (object.kind === 'DeviceClass') return of('spec', spec.selectors);
  const template = (spec as ResourceClaimTemplate['spec']).spec;
  return template ? ofClaim(template.devices ?? {}, 'spec.spec.devices') : ofClaim(spec.devices ?? {}, 'spec.devices');
}
