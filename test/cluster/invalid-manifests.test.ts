import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Space, TestCluster } from './fixture/cluster.ts';
import { startTestCluster } from './fixture/cluster.ts';
import { deployment, pod, service, shell, web } from './fixture/objects.ts';

let cluster: TestCluster;
let space: Space;
before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('invalid');
});
after(() => cluster?.delete());

const valid = deployment('web', 1, web());

/** What is wrong, the manifest, and how kube-apiserver says so (apimachinery pkg/util/validation/field/errors.go). */
const rows: [string, object, RegExp][] = [
  [
    'an unknown field',
    { ...valid, spec: { ...valid.spec, replicsa: 3 } },
    /strict decoding error: unknown field "spec\.replicsa"/,
  ],
  [
    'an unknown field deep inside',
    pod('deep', { ...shell('true'), ports: [{ containerPort: 80, kind: 'x' }] } as never),
    /strict decoding error: unknown field "spec\.containers\[0\]\.ports\[0\]\.kind"/,
  ],
  [
    'a wrong type',
    { ...valid, spec: { ...valid.spec, replicas: 'three' } },
    /cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
  ],
  [
    'a bad name',
    { ...valid, metadata: { name: 'Web_1' } },
    /The Deployment "Web_1" is invalid: metadata\.name: Invalid value: "Web_1": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters/,
  ],
  ['no selector', { ...valid, spec: { ...valid.spec, selector: undefined } }, /spec\.selector: Required value/],
  [
    'a selector that does not match the template',
    { ...valid, spec: { ...valid.spec, selector: { matchLabels: { app: 'other' } } } },
    /spec\.template\.metadata\.labels: Invalid value: (map\[string\]string)?\{"app":"web"\}: `selector` does not match template `labels`/,
  ],
  ['no containers', { ...pod('none', []) }, /The Pod "none" is invalid: spec\.containers: Required value/],
  [
    'no image',
    pod('no-image', { name: 'main' } as never),
    /The Pod "no-image" is invalid: spec\.containers\[0\]\.image: Required value/,
  ],
  [
    'two containers of one name',
    pod('twins', [shell('true'), shell('true')]),
    /spec\.containers\[1\]\.name: Duplicate value: "main"/,
  ],
  [
    'a request above its limit',
    pod('greedy', shell('true', { resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } })),
    /spec\.containers\[0\]\.resources\.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi/,
  ],
  [
    'a mount of a volume that is not there',
    pod('mounts', shell('true', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })),
    /spec\.containers\[0\]\.volumeMounts\[0\]\.name: Not found: "data"/,
  ],
  [
    'a value that is not one of the known ones',
    pod('policy', shell('true'), { restartPolicy: 'Sometimes' as never }),
    /spec\.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"|supported values: "Always", "OnFailure", "Never"/,
  ],
  [
    'a port out of range',
    service('ports', 'x', { ports: [{ port: 70000 }] }),
    /spec\.ports\[0\]\.port: Invalid value: 70000: must be between 1 and 65535, inclusive/,
  ],
  [
    'a node port out of range',
    service('node-ports', 'x', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
    /spec\.ports\[0\]\.nodePort: Invalid value: 80: provided port is not in the valid range\. The range of valid ports is 30000-32767/,
  ],
];

describe('an invalid manifest gets kube-apiserver’s own answer and is not stored', { concurrency: 3 }, () => {
  for (const [what, manifest, message] of rows)
    test(what, async () => {
      assert.match(await space.applyFails(manifest), message);
      const { kind, metadata } = manifest as { kind: string; metadata: { name: string } };
      assert.match(await space.kubectlFails(['get', kind, metadata.name]), /NotFound/);
    });

  test('with --validate=warn the unknown field is a warning and is dropped', async () => {
    const input = JSON.stringify({
      ...valid,
      metadata: { name: 'warned' },
      spec: { ...valid.spec, replicas: 0, replicsa: 3 },
    });
    const outcome = await space.tryKubectl('apply --validate=warn -f -', { input });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stderr, /Warning: unknown field "spec\.replicsa"/);
  });

  test('a selector cannot be changed', async () => {
    const named = (app: string) => {
      const object = deployment('fixed', 0, web());
      object.spec.selector.matchLabels.app = app;
      object.spec.template.metadata.labels.app = app;
      return object;
    };
    await space.apply(named('one'));
    assert.match(
      await space.applyFails(named('two')),
      /The Deployment "fixed" is invalid: spec\.selector: Invalid value: .*"matchLabels":\{"app":"two"\}.*: field is immutable/,
    );
  });

  test('most fields of a Pod cannot be changed', async () => {
    await space.apply(pod('still', shell('sleep 100000')));
    assert.match(
      await space.applyFails(pod('still', shell('sleep 5'))),
      /The Pod "still" is invalid: spec: Forbidden: pod updates may not change fields other than/,
    );
  });

  test('all faults are told at once', async () => {
    const said = await space.applyFails(pod('Bad_Name', { name: 'UPPER', image: '' }));
    for (const field of ['metadata.name', 'spec.containers[0].name', 'spec.containers[0].image'])
      assert.ok(said.includes(`* ${field}: `), said);
  });
});
