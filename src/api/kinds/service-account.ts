import type { ServiceAccount } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';

/** pkg/registry/core/serviceaccount: only its metadata is validated. */
export const serviceAccount: Kind<ServiceAccount> = {
  type: 'core/v1.ServiceAccount',
  validate: () => [],
};
