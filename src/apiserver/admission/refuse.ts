import type { Cause, StatusError } from '../../api/status-error.ts';
import { forbidden } from '../../api/status-error.ts';
import type { AdmissionAttributes } from '../request.ts';

/** The 403 of an admission plugin (apiserver pkg/admission/errors.go NewForbidden). */
export function refuse(attributes: AdmissionAttributes, why: string, causes: Cause[] = []): StatusError {
  const { resource, name, object } = attributes;
  const shown = name || object?.metadata.name || object?.metadata.generateName || (object ? 'Unknown' : '');
  const error = forbidden(resource, shown, why);
  if (causes.length > 0 && error.status.details) error.status.details.causes = causes;
  return error;
}

/** As Go's errors.NewAggregate prints several errors. */
export function aggregate(messages: string[]): string {
  const unique = [...new Set(messages)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}

/** Whether the request is about a Pod itself, not about one of its subresources. */
export function isPod({ resource, subresource }: AdmissionAttributes): boolean {
  return resource.resource === 'pods' && resource.group === '' && subresource === '';
}

/** Whether the request is about this resource itself. */
export function isResource({ resource, subresource }: AdmissionAttributes, group: string, plural: string): boolean {
  return resource.resource === plural && resource.group === group && subresource === '';
}
