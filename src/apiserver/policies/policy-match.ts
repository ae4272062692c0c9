import type { MatchResources } from '../../api/generated/admissionregistration-v1.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import type { AdmissionAttributes, ObjectReader } from '../request.ts';
import type { ServedResources } from '../resources.ts';
import { equivalentsOf } from '../webhooks/equivalents.ts';
import { matchesRules, matchesSelectors } from '../webhooks/match.ts';

/** The version in which a policy sees the objects, or undefined if they are not its business (apiserver pkg/admission/plugin/policy/matching). */
export function matchedInfo(
  match: MatchResources | undefined,
  attributes: AdmissionAttributes,
  { reader, resources }: { reader: ObjectReader; resources: ServedResources },
): ResourceInfo | undefined {
  if (!match) return attributes.resource;
  if (!matchesSelectors(match, attributes, reader)) return undefined;
  const versions = [
    attributes.resource,
    ...(match.matchPolicy === 'Exact' ? [] : equivalentsOf(resources, attributes.resource)),
  ];
  if (versions.some((info) => matchesRules(match.excludeResourceRules, attributes, info))) return undefined;
  if (!match.resourceRules?.length) return attributes.resource;
  return versions.find((info) => matchesRules(match.resourceRules, attributes, info));
}
