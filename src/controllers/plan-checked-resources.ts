import type { ValidatingAdmissionPolicy } from '../api/generated/admissionregistration-v1.ts';

export interface CheckedResource {
  group: string;
  version: string;
  resource: string;
}

/** More are not checked (apiserver policy/validating/typechecking.go maxTypesToCheck). */
const maxTypes = 10;

/** The resources that a policy names one by one; a rule with a wildcard for group or version names none. */
export function planCheckedResources({ spec }: ValidatingAdmissionPolicy): CheckedResource[] {
  const found = new Map<string, CheckedResource>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of spec?.matchConstraints?.resourceRules ?? []) {
    if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) continue;
    for (const group of [...apiGroups].sort())
      for (const version of [...apiVersions].sort())
        for (const resource of [...resources].sort())
          if (!/[*/]/.test(resource)) found.set(`${group}/${version}/${resource}`, { group, version, resource });
  }
  return [...found.values()].slice(0, maxTypes);
}
