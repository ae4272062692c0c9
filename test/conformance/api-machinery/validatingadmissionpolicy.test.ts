import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe } from 'node:test';
import type { Validation, Variable } from '../../../src/api/generated/admissionregistration-v1.ts';
import { deployments, replicaSets } from '../../../src/api/resource.ts';
import { discovers, exerciseOperations } from '../fixture/api-operations.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';
import { basic, deploymentsIn, namespacesWith, validatingBindings, validatingPolicies } from '../fixture/policies.ts';

const suite = useConformanceCluster();

/** Installs a policy for a namespace of its own, and waits until one replica is denied there. */
async function denyingOne(validations: Validation[], variables: Variable[] = []): Promise<string> {
  const label = `policy-${randomUUID().slice(0, 8)}`;
  const { kube } = suite;
  const namespace = await kube.namespace('validating-admission-policy', { [label]: 'true' });
  const policyName = `${label}.policy.example.com`;
  await kube.of(validatingPolicies).create({
    metadata: { name: policyName },
    spec: { matchConstraints: deploymentsIn(label), validations, variables },
  });
  await kube.of(validatingBindings).create({
    metadata: { name: `${label}.binding.example.com` },
    spec: { policyName, matchResources: namespacesWith(label), validationActions: ['Deny'] },
  });
  const refusal = await refused(kube.of(deployments, namespace).create(basic('marker-deployment', 1)), 422);
  assert.equal(refusal.status.reason, 'Invalid');
  return namespace;
}

describe('validating admission policies', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment',
    async () => {
      const namespace = await denyingOne([
        {
          expression: 'object.spec.replicas > 1',
          messageExpression: "'wants replicas > 1, got ' + string(object.spec.replicas)",
        },
      ]);
      await suite.kube.of(deployments, namespace).create(basic('replicated', 2));
      await suite.kube.of(replicaSets, namespace).create(basic('non-replicated', 1));
    },
  );

  conformance(
    '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables.',
    async () => {
      const namespace = await denyingOne(
        [{ expression: 'variables.replicas > 1' }, { expression: 'variables.oddReplicas' }],
        [
          { name: 'replicas', expression: 'object.spec.replicas' },
          { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
        ],
      );
      await suite.kube.of(deployments, namespace).create(basic('replicated', 3));
      await suite.kube.of(replicaSets, namespace).create(basic('non-replicated', 1));
    },
  );

  conformance(
    '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations',
    async () => {
      const { kube } = suite;
      await discovers(kube, 'admissionregistration.k8s.io', 'v1', [
        'validatingadmissionpolicies',
        'validatingadmissionpolicies/status',
      ]);
      const policies = kube.of(validatingPolicies);
      await exerciseOperations({
        objects: policies,
        template: {
          metadata: { generateName: 'e2e-example-vap-' },
          spec: {
            validations: [{ expression: 'object.spec.replicas <= 100' }],
            matchConstraints: deploymentsIn(),
          },
        },
        patch: {
          body: { spec: { failurePolicy: 'Ignore' } },
          shows: ({ spec }) => assert.equal(spec?.failurePolicy, 'Ignore'),
        },
        update: {
          change: ({ spec }) => {
            spec!.failurePolicy = 'Fail';
          },
          shows: ({ spec }) => assert.equal(spec?.failurePolicy, 'Fail'),
        },
        async subresources({ metadata: { name } }) {
          assert.equal((await policies.get(name, 'status')).metadata.name, name);
          const condition = {
            type: 'StatusUpdate',
            status: 'True' as const,
            reason: 'E2E',
            message: 'Set from e2e test',
            lastTransitionTime: '2020-01-01T00:00:00Z',
          };
          const updated = await policies.change(
            name,
            (policy) => {
              policy.status = { ...policy.status, conditions: [condition] };
            },
            'status',
          );
          assert.equal(updated.status?.conditions?.[0]?.type, 'StatusUpdate');
          const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions: [] } };
          const patched = await policies.patch(name, 'merge', body, 'status');
          assert.deepEqual(patched.status?.conditions ?? [], []);
        },
      });
    },
  );

  conformance(
    '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations',
    async () => {
      const { kube } = suite;
      await discovers(kube, 'admissionregistration.k8s.io', 'v1', ['validatingadmissionpolicybindings']);
      await exerciseOperations({
        objects: kube.of(validatingBindings),
        template: {
          metadata: { generateName: 'e2e-example-vapb-' },
          spec: { policyName: 'replicalimit-policy.example.com', validationActions: ['Deny'] },
        },
      });
    },
  );
});
