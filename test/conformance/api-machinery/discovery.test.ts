import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { ApisApi } from '@kubernetes/client-node';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { ApiGroup, ApiResourceList } from '../fixture/discovery.ts';

const { cluster, config, kube } = await startConformanceCluster();
after(() => cluster.delete());

describe('discovery', { concurrency: 4 }, () => {
  conformance('[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup', async () => {
    const { groups } = await config.makeApiClient(ApisApi).getAPIVersions();
    assert.notEqual(groups.length, 0);
    for (const { name } of groups) {
      const group = await kube.json<ApiGroup>('GET', `/apis/${name}/`);
      assert.notEqual(group.versions.length, 0, name);
      const preferred = group.preferredVersion.groupVersion;
      assert.ok(
        group.versions.some(({ groupVersion }) => groupVersion === preferred),
        preferred,
      );
    }
  });

  conformance(
    '[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup',
    async () => {
      // What must be there of each group (test/e2e/apimachinery/discovery.go).
      const wanted: [path: string, resource: string][] = [
        ['/apis/admissionregistration.k8s.io', 'validatingwebhookconfigurations'],
        ['/apis/apiextensions.k8s.io', 'customresourcedefinitions'],
        ['/apis/apiregistration.k8s.io', 'apiservices'],
        ['/apis/apps', 'deployments'],
        ['/apis/authentication.k8s.io', 'tokenreviews'],
        ['/apis/authorization.k8s.io', 'selfsubjectaccessreviews'],
        ['/apis/autoscaling', 'horizontalpodautoscalers'],
        ['/apis/batch', 'jobs'],
        ['/apis/certificates.k8s.io', 'certificatesigningrequests'],
        ['/apis/coordination.k8s.io', 'leases'],
        ['/apis/discovery.k8s.io', 'endpointslices'],
        ['/apis/events.k8s.io', 'events'],
        ['/apis/networking.k8s.io', 'ingresses'],
        ['/apis/node.k8s.io', 'runtimeclasses'],
        ['/apis/policy', 'poddisruptionbudgets'],
        ['/apis/scheduling.k8s.io', 'priorityclasses'],
        ['/apis/storage.k8s.io', 'csinodes'],
      ];
      for (const [path, resource] of wanted) {
        const group = await kube.json<ApiGroup>('GET', path);
        const version = group.versions.find(({ version }) => version === 'v1');
        assert.ok(version, `${path} has no version v1`);
        const list = await kube.json<ApiResourceList>('GET', `/apis/${version.groupVersion}`);
        assert.equal(list.groupVersion, version.groupVersion);
        assert.ok(
          list.resources.some(({ name }) => name === resource),
          `${path} has no ${resource}`,
        );
      }
    },
  );
});
