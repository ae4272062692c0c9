import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { made, node, pod, readySince, startMs } from '../testing.ts';
import { daemonTemplate } from './daemon-pods.ts';
import { planDaemons } from './plan-daemons.ts';

const set = (spec: object = {}) =>
  made<DaemonSet>('DaemonSet', 'd', {
    spec: { selector: {}, template: { spec: { containers: [] } }, ...spec },
  } as never);
const on = (nodeName: string, hash = 'new', isReady = true) =>
  pod(`${nodeName}-${hash}`, {
    ...(isReady ? readySince(0) : { status: { phase: 'Pending' } }),
    metadata: { labels: { 'controller-revision-hash': hash } },
    spec: { nodeName },
  } as never);
const three = ['a', 'b', 'c'].map((name) => node(name));
const tainted = (effect: string) => node('t', { spec: { taints: [{ key: 'k', effect }] } } as never);

function shown(one: DaemonSet, nodes: typeof three, pods: Pod[]): string {
  const plan = planDaemons(one, nodes, pods, 'new', startMs);
  return `+[${plan.create}] -[${plan.remove.map(({ metadata }) => metadata.name)}]`;
}

const rolling = (rollingUpdate: object) => set({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
const rows: [why: string, DaemonSet, typeof three, Pod[], expected: string][] = [
  ['runs on every node', set(), three, [on('b')], '+[a,c] -[]'],
  ['keeps away from a taint', set(), [tainted('NoSchedule')], [], '+[] -[]'],
  ['stays in spite of NoSchedule', set(), [tainted('NoSchedule')], [on('t')], '+[] -[]'],
  ['leaves at NoExecute', set(), [tainted('NoExecute')], [on('t')], '+[] -[t-new]'],
  [
    'runs where its selector says',
    set({ template: { spec: { containers: [], nodeSelector: { x: 'y' } } } }),
    three,
    [on('a')],
    '+[] -[a-new]',
  ],
  ['updates one at a time', set(), three, [on('a', 'old'), on('b', 'old'), on('c', 'old')], '+[] -[a-old]'],
  ['waits for the new one', set(), three, [on('a', 'new', false), on('b', 'old'), on('c', 'old')], '+[] -[]'],
  [
    'replaces broken old ones at once',
    set(),
    three,
    [on('a', 'old', false), on('b', 'old', false), on('c', 'old')],
    '+[] -[a-old,b-old]',
  ],
  [
    'starts the new one first with surge',
    rolling({ maxSurge: 1, maxUnavailable: 0 }),
    three,
    [on('a', 'old'), on('b', 'old'), on('c', 'old')],
    '+[a] -[]',
  ],
  [
    'removes the old one when the new one is available',
    rolling({ maxSurge: 1, maxUnavailable: 0 }),
    three,
    [on('a', 'old'), on('a'), on('b', 'old'), on('c', 'old')],
    '+[] -[a-old]',
  ],
  [
    'updates nothing by itself with OnDelete',
    set({ updateStrategy: { type: 'OnDelete' } }),
    three,
    [on('a', 'old'), on('b', 'old'), on('c', 'old')],
    '+[] -[]',
  ],
];
for (const [why, one, nodes, pods, expected] of rows)
  test(`a DaemonSet ${why}`, () => assert.equal(shown(one, nodes, pods), expected));

test('Pods say which generation of the template they are of', () => {
  const metadata = { annotations: { 'deprecated.daemonset.template.generation': '3' } };
  const one = made<DaemonSet>('DaemonSet', 'd', {
    metadata,
    spec: { template: { metadata: { labels: { app: 'd' } }, spec: { containers: [] } } },
  } as never);
  assert.deepEqual(daemonTemplate(one, 'a', 'h').metadata?.labels, {
    app: 'd',
    'pod-template-generation': '3',
    'controller-revision-hash': 'h',
  });
});
