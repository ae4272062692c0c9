import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, PodSpec } from '../api/generated/core-v1.ts';
import { containerHash } from './labels.ts';
import { type ContainerView, type PodActions, planPodActions } from './plan-pod-actions.ts';

const image = 'httpd';
const spec = (extra: Partial<PodSpec> = {}): PodSpec => ({
  restartPolicy: 'Always',
  containers: [
    { name: 'a', image },
    { name: 'b', image },
  ],
  ...extra,
});
const withInit = (extra: Partial<PodSpec> = {}) =>
  spec({
    initContainers: [
      { name: 'i', image },
      { name: 'j', image },
    ],
    ...extra,
  });
const withSidecar = (extra: Partial<PodSpec> = {}) =>
  spec({
    initContainers: [
      { name: 's', image, restartPolicy: 'Always' },
      { name: 'j', image },
    ],
    ...extra,
  });

const running = (name: string, extra: Partial<ContainerView> = {}): [string, ContainerView] => [
  name,
  { id: name, running: true, hash: containerHash({ name, image }), started: true, ...extra },
];
const exited = (name: string, exitCode: number): [string, ContainerView] => running(name, { running: false, exitCode });

const fresh: Partial<Container> = {
  restartPolicy: 'Never',
  restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [88] } }],
};

interface Row {
  what: string;
  spec?: PodSpec;
  sandbox?: false;
  ranBefore?: true;
  has?: [string, ContainerView][];
  want: Partial<Omit<PodActions, 'kill'>> & { kill?: string[] };
}

const rows: Row[] = [
  {
    what: 'a new Pod gets a sandbox and all its containers',
    sandbox: false,
    want: { createSandbox: true, start: ['a', 'b'] },
  },
  {
    what: 'with init containers only the first starts',
    spec: withInit(),
    sandbox: false,
    want: { createSandbox: true, startInit: ['i'] },
  },
  { what: 'nothing to do when all run', has: [running('a'), running('b')], want: {} },
  { what: 'Always restarts after success', has: [exited('a', 0), running('b')], want: { start: ['a'] } },
  {
    what: 'OnFailure does not restart after success',
    spec: spec({ restartPolicy: 'OnFailure' }),
    has: [exited('a', 0), running('b')],
    want: {},
  },
  {
    what: 'OnFailure restarts after failure',
    spec: spec({ restartPolicy: 'OnFailure' }),
    has: [exited('a', 1), running('b')],
    want: { start: ['a'] },
  },
  {
    what: 'Never restarts nothing',
    spec: spec({ restartPolicy: 'Never' }),
    has: [exited('a', 1), running('b')],
    want: {},
  },
  {
    what: 'the Pod ends when all have ended for good',
    spec: spec({ restartPolicy: 'Never' }),
    has: [exited('a', 1), exited('b', 0)],
    want: { killPod: true },
  },
  {
    what: 'a Pod that must not restart gets no second sandbox',
    spec: spec({ restartPolicy: 'Never' }),
    sandbox: false,
    ranBefore: true,
    want: { killPod: true },
  },
  {
    what: 'a Pod that lost its sandbox with the machine gets a new one',
    sandbox: false,
    ranBefore: true,
    want: { createSandbox: true, start: ['a', 'b'] },
  },
  {
    what: 'the next init container starts after success',
    spec: withInit(),
    has: [exited('i', 0)],
    want: { startInit: ['j'] },
  },
  { what: 'nothing starts while an init container runs', spec: withInit(), has: [running('i')], want: {} },
  {
    what: 'a failed init container is tried again',
    spec: withInit(),
    has: [exited('i', 1)],
    want: { startInit: ['i'] },
  },
  {
    what: 'a failed init container ends a Pod that never restarts',
    spec: withInit({ restartPolicy: 'Never' }),
    has: [exited('i', 1)],
    want: { killPod: true },
  },
  {
    what: 'containers start after the last init container',
    spec: withInit(),
    has: [exited('i', 0), exited('j', 0)],
    want: { start: ['a', 'b'] },
  },
  {
    what: 'init containers are not run again while others run',
    spec: withInit(),
    has: [running('a'), running('b')],
    want: {},
  },
  {
    what: 'a changed image restarts the container',
    has: [running('a', { hash: 'old' }), running('b')],
    want: { kill: ['Container a definition changed, will be restarted'], start: ['a'] },
  },
  {
    what: 'a failed liveness probe restarts the container',
    has: [running('a', { liveness: 'failure' }), running('b')],
    want: { kill: ['Container a failed liveness probe, will be restarted'], start: ['a'] },
  },
  {
    what: 'a failed liveness probe only kills where nothing restarts',
    spec: spec({ restartPolicy: 'Never' }),
    has: [running('a', { liveness: 'failure' }), running('b')],
    want: { kill: ['Container a failed liveness probe'] },
  },
  {
    what: 'a failed startup probe restarts the container',
    has: [running('a', { startup: 'failure' }), running('b')],
    want: { kill: ['Container a failed startup probe, will be restarted'], start: ['a'] },
  },
  {
    what: 'what follows a sidecar waits for its start',
    spec: withSidecar(),
    has: [running('s', { started: false })],
    want: {},
  },
  {
    what: 'what follows a sidecar starts once it is up',
    spec: withSidecar(),
    has: [running('s')],
    want: { startInit: ['j'] },
  },
  {
    what: 'a sidecar that ends is restarted beside the others',
    spec: withSidecar(),
    has: [exited('s', 0), running('a'), running('b')],
    want: { startInit: ['s'] },
  },
  {
    what: 'a container that ends as its rule says has all containers started afresh',
    spec: withSidecar({
      restartPolicy: 'Never',
      containers: [
        { name: 'a', image, ...fresh },
        { name: 'b', image },
      ],
    }),
    has: [running('s'), exited('j', 0), exited('a', 88), exited('b', 0)],
    want: { restartAll: 'a' },
  },
  {
    what: 'another exit code only ends the container',
    spec: spec({
      restartPolicy: 'Never',
      containers: [
        { name: 'a', image, ...fresh },
        { name: 'b', image },
      ],
    }),
    has: [exited('a', 1), running('b')],
    want: {},
  },
  {
    what: 'a sidecar does not keep a finished Pod alive',
    spec: withSidecar({ restartPolicy: 'Never' }),
    has: [running('s'), exited('j', 0), exited('a', 0), exited('b', 0)],
    want: { killPod: true },
  },
];

describe('planPodActions', () => {
  for (const row of rows) {
    it(row.what, () => {
      const view = {
        spec: row.spec ?? spec(),
        sandbox: row.sandbox ?? true,
        ranBefore: row.ranBefore ?? false,
        containers: new Map(row.has),
      };
      const { kill, ...plan } = planPodActions(view);
      const { kill: wantedKills = [], ...wanted } = row.want;
      const nothing = { killPod: false, createSandbox: false, startInit: [], start: [], startEphemeral: [] };
      assert.deepEqual(plan, { ...nothing, ...wanted });
      assert.deepEqual(
        kill.map(({ message }) => message),
        wantedKills,
      );
    });
  }
});
