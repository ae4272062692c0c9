import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allPlugins } from './plugins/all.ts';
import { defaultSchedulerName, parseSchedulerConfiguration } from './profiles.ts';

const config = (rest: object) => ({
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  ...rest,
});
const parse = (rest: object) => parseSchedulerConfiguration(config(rest));
const only = (plugins: object) => parse({ profiles: [{ plugins }] }).get(defaultSchedulerName)!;
const names = (all: { name: string }[]) => all.map(({ name }) => name);

test('a profile that says nothing has every plugin', () => {
  for (const profiles of [parse({}), parse({ profiles: [{ schedulerName: defaultSchedulerName }] })]) {
    assert.deepEqual([...profiles.keys()], [defaultSchedulerName]);
    const { plugins, preempts } = profiles.get(defaultSchedulerName)!;
    assert.deepEqual(names(plugins), names(allPlugins));
    assert.ok(preempts);
  }
});

test('plugins are disabled and enabled, everywhere or at one point', () => {
  const some = only({ multiPoint: { disabled: [{ name: 'NodeName' }] } });
  assert.deepEqual(
    names(some.plugins),
    names(allPlugins).filter((name) => name !== 'NodeName'),
  );
  const few = only({
    multiPoint: { disabled: [{ name: '*' }], enabled: [{ name: 'NodePorts' }, { name: 'NodeName' }] },
  });
  assert.deepEqual(names(few.plugins), ['NodePorts', 'NodeName']);
  assert.equal(few.preempts, false);
  const { plugins } = only({
    filter: { disabled: [{ name: 'TaintToleration' }] },
    score: { disabled: [{ name: '*' }] },
  });
  assert.equal(plugins.length, allPlugins.length);
  assert.equal(plugins.find(({ name }) => name === 'TaintToleration')?.filter, undefined);
  assert.ok(plugins.every(({ score }) => score === undefined));
  assert.equal(only({ postFilter: { disabled: [{ name: 'DefaultPreemption' }] } }).preempts, false);
});

test('weights are the default ones, or what is given', () => {
  const multiPoint = {
    enabled: [
      { name: 'ImageLocality', weight: 4 },
      { name: 'NodeAffinity', weight: 5 },
    ],
  };
  const { plugins } = only({ multiPoint, score: { enabled: [{ name: 'NodeAffinity', weight: 7 }] } });
  const weights = Object.fromEntries(plugins.map(({ name, weight }) => [name, weight]));
  assert.deepEqual(
    ['ImageLocality', 'NodeAffinity', 'TaintToleration', 'NodeResourcesFit'].map((name) => weights[name]),
    [4, 7, 3, 1],
  );
});

for (const [what, rest, message] of [
  ['another kind', { kind: 'Pod' }, /must be a KubeSchedulerConfiguration of/],
  ['an unknown field', { nodes: 1 }, /unknown field "nodes"/],
  ['extenders', { extenders: [] }, /extenders: not supported/],
  [
    'a name twice',
    { profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] },
    /\[1\]\.schedulerName: Duplicate value/,
  ],
  ['no name', { profiles: [{ schedulerName: 'a' }, {}] }, /profiles\[1\]\.schedulerName: Required value/],
  [
    'an unknown plugin',
    { profiles: [{ plugins: { filter: { enabled: [{ name: 'X' }] } } }] },
    /profiles\[0\]\.plugins\.filter\.enabled\[0\]: no plugin named "X"/,
  ],
  ['an unknown point', { profiles: [{ plugins: { guess: {} } }] }, /plugins\.guess: no such extension point/],
] as const)
  test(`${what} is refused`, () => assert.throws(() => parse(rest), { message }));
