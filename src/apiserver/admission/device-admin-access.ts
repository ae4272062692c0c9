import type { ResourceClaim, ResourceClaimTemplate } from '../../api/generated/resource-v1.ts';
import { namespaces } from '../../api/resource.ts';
import { invalid } from '../../api/status-error.ts';
import { forbiddenField } from '../../api/validation/field-error.ts';
import type { AdmissionPlugin, ObjectReader } from '../request.ts';

const kinds = new Set(['resourceclaims', 'resourceclaimtemplates']);
const label = 'resource.kubernetes.io/admin-access';

/** Devices that others have are for the administrators' namespaces (pkg/registry/resource AuthorizedForAdmin). */
export function deviceAdminAccess(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DeviceAdminAccess',
    handles: ({ resource, subresource, operation }) =>
      resource.group === 'resource.k8s.io' &&
      kinds.has(resource.resource) &&
      subresource === '' &&
      operation === 'CREATE',
    async validate({ resource, namespace, object }) {
      const { spec } = object as ResourceClaim | ResourceClaimTemplate;
      const { devices } = 'spec' in spec ? spec.spec : spec;
      const index = (devices?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess);
      if (index < 0 || reader.get(namespaces, '', namespace)?.metadata.labels?.[label] === 'true') return;
      const detail = `admin access to devices requires the \`${label}: true\` label on the containing namespace`;
      throw invalid(resource, object!.metadata.name, [
        forbiddenField(`spec.devices.requests[${index}].adminAccess`, detail),
      ]);
    },
  };
}
