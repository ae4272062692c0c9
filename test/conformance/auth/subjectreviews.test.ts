import assert from 'node:assert/strict';
import type { SubjectAccessReview } from '../../../src/api/generated/authorization-v1.ts';
import { configMaps, serviceAccounts } from '../../../src/api/resource.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const suite = useConformanceCluster();

conformance('[sig-auth] SubjectReview should support SubjectReview API operations', async () => {
  const { kube } = suite;
  const namespace = await kube.namespace('subjectreview');
  const { metadata } = await kube.of(serviceAccounts, namespace).create({ metadata: { name: 'e2e' } });
  const user = `system:serviceaccount:${namespace}:e2e`;
  const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace, version: 'v1' };
  const spec = { resourceAttributes, user, groups, uid: metadata.uid };
  const root = '/apis/authorization.k8s.io/v1';
  const review = await kube.json<SubjectAccessReview>('POST', `${root}/subjectaccessreviews`, { body: { spec } });

  const answer = await kube.try('GET', kube.of(configMaps, namespace).path(), {
    headers: {
      'impersonate-user': user,
      'impersonate-uid': metadata.uid,
      'impersonate-group': groups as unknown as string,
    },
  });
  assert.ok(answer.status === 200 || answer.status === 403, `${answer.status} ${answer.text}`);
  const allowed = answer.status === 200;
  assert.equal(review.status?.allowed, allowed);

  const local = await kube.json<SubjectAccessReview>(
    'POST',
    `${root}/namespaces/${namespace}/localsubjectaccessreviews`,
    { body: { metadata: { namespace }, spec: { ...spec, user: 'e2e' } } },
  );
  assert.equal(local.status?.allowed, allowed);
});
