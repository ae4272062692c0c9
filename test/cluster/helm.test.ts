import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, service, shell, web } from './fixture/objects.ts';
import { type Outcome, run, words } from './fixture/run.ts';

const there = await run('helm', ['version', '--short']).catch(() => undefined);
const skip = there?.code === 0 ? false : 'helm is not installed';

let cluster: TestCluster;
let chart: string;

before(async () => {
  if (skip) return;
  cluster = await startTestCluster();
  chart = writeChart(path.join(cluster.home, 'chart'));
});
after(() => cluster?.delete());

/** A Job that Helm runs at a moment of a release; it fails where the values say so. */
function hook(moment: string) {
  const name = `{{ .Release.Name }}-${moment}`;
  const annotations = { 'helm.sh/hook': moment, 'helm.sh/hook-delete-policy': 'before-hook-creation' };
  const script = `echo ${moment} of revision {{ .Release.Revision }}; exit {{ if eq .Values.fail "${moment}" }}1{{ else }}0{{ end }}`;
  return {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name, annotations } },
    spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers: [shell(script)] } } },
  };
}

/** A Pod that asks the release's Service. */
function testPod() {
  const metadata = { name: '{{ .Release.Name }}-asks', annotations: { 'helm.sh/hook': 'test' } };
  const script = 'wget -q -O - http://web | grep {{ .Values.text }}';
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { restartPolicy: 'Never', containers: [shell(script)] } };
}

function writeChart(directory: string): string {
  const templates = {
    deployment: deployment(
      'web',
      1,
      web({
        command: [
          'sh',
          '-c',
          'mkdir -p /www; echo {{ .Values.text }} > /www/index.html; exec httpd -f -p 8080 -h /www',
        ],
      }),
    ),
    service: service('web', 'web'),
    widget: {
      apiVersion: 'example.test/v1',
      kind: 'Widget',
      metadata: { name: '{{ .Release.Name }}' },
      spec: { size: 3 },
    },
    asks: testPod(),
    ...Object.fromEntries(['pre-install', 'post-upgrade', 'pre-delete'].map((moment) => [moment, hook(moment)])),
  };
  const widgets = {
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    metadata: { name: 'widgets.example.test' },
    spec: {
      ...{ group: 'example.test', scope: 'Namespaced', names: { kind: 'Widget', plural: 'widgets' } },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { size: { type: 'integer', maximum: 5 } } } },
            },
          },
        },
      ],
    },
  };
  const files: Record<string, object> = {
    'Chart.yaml': { apiVersion: 'v2', name: 'shop', version: '1.0.0' },
    'values.yaml': { text: 'one', fail: 'nothing' },
    'crds/widgets.yaml': widgets,
    ...Object.fromEntries(Object.entries(templates).map(([name, object]) => [`templates/${name}.yaml`, object])),
  };
  for (const [name, object] of Object.entries(files)) {
    const file = path.join(directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    // JSON is YAML; the quotes within templates must not be escaped.
    fs.writeFileSync(
      file,
      JSON.stringify(object, null, 2).replaceAll(/\{\{.*?\}\}/g, (one) => one.replaceAll('\\"', '"')),
    );
  }
  return directory;
}

const tryHelm = (command: string): Promise<Outcome> =>
  run('helm', words(command), { env: cluster.env, timeoutMs: 200_000 });

async function helm(command: string): Promise<string> {
  const outcome = await tryHelm(command);
  assert.equal(outcome.code, 0, `helm ${command}: ${outcome.stderr}${outcome.stdout}`);
  return outcome.stdout;
}

const history = async () =>
  (JSON.parse(await helm('history shop -o json')) as { revision: number; status: string }[]).map(
    ({ revision, status }) => `${revision} ${status}`,
  );
const logOf = (moment: string) => cluster.kubectl(`logs job/shop-${moment}`);
const text = () => cluster.kubectl('get deployment web -o jsonpath={.spec.template.spec.containers[0].command[2]}');

test('a chart is installed with its definitions and hooks, upgraded, rolled back and removed', { skip }, async () => {
  await helm(`install shop ${chart} --wait --timeout 3m`);
  assert.equal(await logOf('pre-install'), 'pre-install of revision 1\n');
  assert.equal(await cluster.kubectl('get widget shop -o jsonpath={.spec.size}'), '3');
  assert.equal(await cluster.kubectl('get deployment web -o jsonpath={.status.readyReplicas}'), '1');
  assert.match(await helm('test shop --timeout 3m'), /Phase:\s+Succeeded/);

  await helm(`upgrade shop ${chart} --set text=two --wait --timeout 3m`);
  assert.match(await text(), /echo two/);
  assert.equal(await logOf('post-upgrade'), 'post-upgrade of revision 2\n');
  assert.match(await helm('test shop --timeout 3m'), /Phase:\s+Succeeded/);

  const failed = await tryHelm(`upgrade shop ${chart} --set text=three,fail=post-upgrade --timeout 3m`);
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /post-upgrade hooks failed/);
  await helm('rollback shop 1 --wait --timeout 3m');
  assert.match(await text(), /echo one/);
  assert.deepEqual(await history(), ['1 superseded', '2 superseded', '3 failed', '4 deployed']);

  await helm('uninstall shop --wait --timeout 3m');
  // Rolled back to, so rendered by the first.
  assert.equal(await logOf('pre-delete'), 'pre-delete of revision 1\n');
  assert.equal(await cluster.kubectl('get deployment,widget -o name'), '');
  assert.match(await cluster.kubectl('get crd widgets.example.test -o name'), /widgets/);
});
