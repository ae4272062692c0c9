import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe } from 'node:test';
import type { Deployment } from '../../../src/api/generated/apps-v1.ts';
import { deployments } from '../../../src/api/resource.ts';
import { discovers, exerciseOperations } from '../fixture/api-operations.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { basic, deploymentsIn, mutatingBindings, mutatingPolicies, namespacesWith } from '../fixture/policies.ts';

const suite = useConformanceCluster();

const configure = (expression: string) => ({
  patchType: 'ApplyConfiguration' as const,
  applyConfiguration: { expression },
});

/** A Deployment with one replica, created where a policy with this mutation is in force. */
async function mutated(expression: string): Promise<Deployment> {
  const label = `policy-${randomUUID().slice(0, 8)}`;
  const { kube } = suite;
  const namespace = await kube.namespace('mutating-admission-policy', { [label]: 'true' });
  const policyName = `${label}.policy.example.com`;
  await kube.of(mutatingPolicies).create({
    metadata: { name: policyName },
    spec: {
      matchConstraints: deploymentsIn(label),
      mutations: [configure(expression)],
      reinvocationPolicy: 'Never',
    },
  });
  await kube.of(mutatingBindings).create({
    metadata: { name: `${label}.binding.example.com` },
    spec: { policyName, matchResources: namespacesWith(label) },
  });
  const created = await kube.of(deployments, namespace).create(basic('marker-deployment', 1));
  await kube.of(deployments, namespace).delete(created.metadata.name);
  return created;
}

describe('mutating admission policies', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations',
    async () => {
      const created = await mutated(`
        Object{
          metadata: Object.metadata{
            annotations: {
              "mutated-by": "admission-policy"
            }
          }
        }`);
      assert.equal(created.metadata.annotations?.['mutated-by'], 'admission-policy');
    },
  );

  conformance(
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment',
    async () => {
      const created = await mutated('Object{spec: Object.spec{replicas: 1337}}');
      assert.equal(created.spec?.replicas, 1337);
    },
  );

  conformance(
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations',
    async () => {
      const { kube } = suite;
      await discovers(kube, 'admissionregistration.k8s.io', 'v1', ['mutatingadmissionpolicies']);
      await exerciseOperations({
        objects: kube.of(mutatingPolicies),
        template: {
          metadata: { generateName: 'e2e-example-map-' },
          spec: {
            reinvocationPolicy: 'Never',
            mutations: [configure('Object{spec: Object.spec{replicas: 100}}')],
            matchConstraints: deploymentsIn(),
          },
        },
        patch: {
          body: { spec: { reinvocationPolicy: 'IfNeeded' } },
          shows: ({ spec }) => assert.equal(spec.reinvocationPolicy, 'IfNeeded'),
        },
        update: {
          change: ({ spec }) => {
            spec.reinvocationPolicy = 'Never';
          },
          shows: ({ spec }) => assert.equal(spec.reinvocationPolicy, 'Never'),
        },
      });
    },
  );

  conformance(
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations',
    async () => {
      const { kube } = suite;
      await discovers(kube, 'admissionregistration.k8s.io', 'v1', ['mutatingadmissionpolicybindings']);
      await exerciseOperations({
        objects: kube.of(mutatingBindings),
        template: {
          metadata: { generateName: 'e2e-example-mapb-' },
          spec: { policyName: 'replicalimit-policy.example.com' },
        },
      });
    },
  );
});
