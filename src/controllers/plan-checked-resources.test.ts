import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ValidatingAdmissionPolicy } from '../api/generated/admissionregistration-v1.ts';
import { planCheckedResources } from './plan-checked-resources.ts';

const cases: [what: string, rules: object[], expected: string[]][] = [
  [
    'each of what is named',
    [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['b', 'a'] }],
    ['apps/v1/a', 'apps/v1/b'],
  ],
  ['nothing of a group that is any', [{ apiGroups: ['*'], apiVersions: ['v1'], resources: ['a'] }], []],
  ['nothing of a version that is any', [{ apiGroups: ['apps'], apiVersions: ['*'], resources: ['a'] }], []],
  ['no subresources', [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods', 'pods/exec', '*'] }], ['/v1/pods']],
  [
    'what two rules name once',
    [
      { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
      { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
    ],
    ['/v1/pods'],
  ],
  [
    'ten at most',
    [{ apiGroups: [''], apiVersions: ['v1'], resources: 'a b c d e f g h i j k l'.split(' ') }],
    'a b c d e f g h i j'.split(' ').map((one) => `/v1/${one}`),
  ],
];

for (const [what, resourceRules, expected] of cases)
  test(`types are checked of ${what}`, () => {
    const policy = { spec: { matchConstraints: { resourceRules } } } as unknown as ValidatingAdmissionPolicy;
    const found = planCheckedResources(policy);
    assert.deepEqual(
      found.map(({ group, version, resource }) => `${group}/${version}/${resource}`),
      expected,
    );
  });
