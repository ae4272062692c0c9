import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import type { Container, Pod } from '../../api/generated/core-v1.ts';
import { FakeClock } from '../../base/clock.ts';
import { ImageError, type ImageInfo, type Images } from '../../runtime/runtime.ts';
import { ImageManager } from './image-manager.ts';
import { PullRecords } from './pull-records.ts';

/** The words and reasons are kubelet's (images/image_manager.go). */
const image = (id: string, digests: string[] = []): ImageInfo => ({
  ...{ id, names: [], digests, sizeBytes: 7, config: {}, layers: [] },
});
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '', creationTimestamp: '' },
  spec: { containers: [] },
};
const container = (policy?: Container['imagePullPolicy'], name = 'app:v1'): Container => ({
  name: 'main',
  image: name,
  ...(policy && { imagePullPolicy: policy }),
});

let clock: FakeClock;
let events: string[];
/** What the store says; each test replaces what matters to it. */
let store: Pick<Images, 'resolve' | 'adopt' | 'pull'>;
let manager: ImageManager;
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'images-'));
after(() => fs.rmSync(directory, { recursive: true }));
beforeEach(() => {
  clock = new FakeClock();
  events = [];
  store = {
    resolve: async () => undefined,
    adopt: async () => undefined,
    pull: async () => image('pulled'),
  };
  manager = new ImageManager({
    images: {
      resolve: (name: string) => store.resolve(name),
      adopt: (name: string, options?: object) => store.adopt(name, options),
      pull: (name: string) => store.pull(name),
    } as Images,
    clock,
    events: {
      event: (_: unknown, type: string, reason: string, text: string) => events.push(`${type} ${reason}: ${text}`),
    } as never,
    secret: async () => Promise.reject(new Error('no secrets here')),
    records: new PullRecords(directory, { policy: 'NeverVerifyPreloadedImages', allowlist: [] }),
    maxParallelImagePulls: 2,
  });
});
const ensure = (one: Container, signal = new AbortController().signal) => manager.ensure(pod, one, signal);

test('Never: what is absent stays absent', async () => {
  const message = 'Container image "app:v1" is not present with pull policy of Never';
  await assert.rejects(ensure(container('Never')), { reason: 'ErrImageNeverPull', message });
  assert.deepEqual(events, [`Warning ErrImageNeverPull: ${message}`]);
});

test('Always asks the registry although the image is there; what was built by hand has none', async () => {
  store.resolve = async () => image('present', ['docker.io/library/app@sha256:1']);
  assert.equal((await ensure(container('Always'))).id, 'pulled');
  assert.equal((await ensure(container('IfNotPresent'))).id, 'present');
  store.resolve = async () => image('built');
  assert.equal((await ensure(container('Always'))).id, 'built');
});

test('what docker has built comes before a pull, and what it pulled only where no registry has to be asked', async () => {
  const asked: unknown[] = [];
  store.adopt = async (_name, options) => {
    asked.push(options?.builtHereOnly);
    return image('adopted');
  };
  assert.equal((await ensure(container('IfNotPresent'))).id, 'adopted');
  assert.equal((await ensure(container('Always'))).id, 'adopted');
  assert.deepEqual(asked, [false, true]);
});

test('a name that is none, and a store that cannot be read, are two reasons', async () => {
  store.resolve = async () => Promise.reject(new ImageError('InvalidImageName', 'invalid reference format'));
  await assert.rejects(ensure(container()), {
    reason: 'InvalidImageName',
    message:
      'Failed to apply default image tag "app:v1": couldn\'t parse image name "app:v1": invalid reference format',
  });
  store.resolve = async () => Promise.reject(new Error('EIO'));
  await assert.rejects(ensure(container()), {
    reason: 'ImageInspectError',
    message: 'Failed to inspect image "app:v1": EIO',
  });
});

test('an unavailable registry has a reason of its own, which the back-off repeats', async () => {
  store.pull = async () => Promise.reject(new ImageError('RegistryUnavailable', '503'));
  const text = 'image pull failed for app:v1 because the registry is unavailable: 503';
  await assert.rejects(ensure(container()), { reason: 'RegistryUnavailable', message: text });
  await assert.rejects(ensure(container()), {
    reason: 'ImagePullBackOff',
    message: `Back-off pulling image "app:v1": RegistryUnavailable: ${text}`,
  });
  clock.advance(10_000);
  store.pull = async () => image('pulled');
  assert.equal((await ensure(container())).id, 'pulled');
});

test('a clock that is set back does not prolong the back-off', async () => {
  store.pull = async () => Promise.reject(new ImageError('ErrImagePull', 'no'));
  await assert.rejects(ensure(container()), { reason: 'ErrImagePull' });
  clock.set(clock.now() - 3_600_000);
  await assert.rejects(ensure(container()), { reason: 'ImagePullBackOff', retryMs: 10_000 });
});

test('no more pulls at once than the limit; the time says how much of it was waiting', async () => {
  const gates: (() => void)[] = [];
  store.pull = () => new Promise((resolve) => gates.push(() => resolve(image('pulled'))));
  const all = ['a', 'b', 'c'].map((name) => ensure(container('IfNotPresent', name)));
  const untilPulls = async (count: number) => {
    while (gates.length < count) await new Promise(setImmediate);
  };
  await untilPulls(2);
  await new Promise(setImmediate);
  assert.equal(gates.length, 2);
  clock.advance(3000);
  gates[0]?.();
  await all[0];
  await untilPulls(3);
  clock.advance(1000);
  for (const open of gates) open();
  await Promise.all(all);
  const last = events.findLast((event) => event.includes('"c"'));
  assert.equal(last, 'Normal Pulled: Successfully pulled image "c" in 1s (4s including waiting). Image size: 7 bytes.');
});

test('what another Pod has pulled with its Secret is asked for anew by one that shows none', async () => {
  const records = new PullRecords(directory, { policy: 'NeverVerifyPreloadedImages', allowlist: [] });
  const present = image('guarded', ['registry.example.org/guarded@sha256:1']);
  store.resolve = async () => present;
  const secret = { uid: 'u', namespace: 'default', name: 's', credentialHash: 'h' };
  await records.pulled('registry.example.org/guarded:v1', present.id, secret);
  let pulls = 0;
  store.pull = async () => {
    pulls++;
    throw new ImageError('ErrImagePull', 'denied');
  };
  const name = 'registry.example.org/guarded:v1';
  const never = 'Container image "registry.example.org/guarded:v1" is not present with pull policy of Never';
  await assert.rejects(ensure(container('Never', name)), { reason: 'ErrImageNeverPull', message: never });
  assert.equal(pulls, 0);
  await assert.rejects(ensure(container('IfNotPresent', name)), { reason: 'ErrImagePull' });
  assert.equal(pulls, 1);
});
