import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '../../api/generated/core-v1.ts';
import { allocatedSpec, allocationFromStatus, allocationOf, changedResources, isAllocated } from './allocation.ts';
import { planResize } from './plan-resize.ts';

const metadata = { name: 'a', namespace: 'default', uid: 'a', resourceVersion: '1', creationTimestamp: '' };
const sized = (cpu: string, memory: string, more: Partial<Container> = {}): Container => ({
  name: 'c',
  resources: { requests: { cpu, memory }, limits: { cpu, memory } },
  ...more,
});
const pod = (...containers: Container[]): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } });

describe('what is promised', () => {
  it('is told from what is asked for by amounts, not by how they are written', () => {
    const promised = allocationOf(pod(sized('1', '1Gi')).spec);
    assert.equal(isAllocated(pod(sized('1000m', '1024Mi')).spec, promised), true);
    assert.equal(isAllocated(pod(sized('2', '1Gi')).spec, promised), false);
    assert.equal(isAllocated(pod({ name: 'c' }).spec, allocationOf(pod({ name: 'c', resources: {} }).spec)), true);
  });

  it('stands in the place of what is asked for', () => {
    const promised = allocationOf(pod(sized('1', '1Gi')).spec);
    const { containers } = allocatedSpec(pod(sized('2', '1Gi', { image: 'new' })).spec, promised);
    assert.deepEqual(containers, [sized('1', '1Gi', { image: 'new' })]);
  });

  it('is what the API was told, after a restart of the node', () => {
    const asked = pod(sized('2', '1Gi'));
    const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } };
    const status = { name: 'c', ready: true, restartCount: 0, image: '', imageID: '', resources };
    const told = allocationFromStatus({ ...asked, status: { containerStatuses: [status] } });
    assert.deepEqual(told.containers.c, resources);
    assert.equal(isAllocated(asked.spec, allocationFromStatus(asked)), true);
  });

  it('differs by resource', () => {
    assert.deepEqual(changedResources(sized('1', '1Gi').resources, sized('1', '2Gi').resources), ['memory']);
    assert.deepEqual(changedResources({}, { limits: { cpu: '1' } }), ['cpu']);
    assert.deepEqual(changedResources({ requests: { cpu: '1' } }, { requests: { cpu: '1000m' } }), []);
  });
});

describe('a resize', () => {
  const node = { metadata, status: { allocatable: { cpu: '4', memory: '8Gi' } } };
  const cases: [string, Pod, Pod[], string | undefined, RegExp?][] = [
    ['that fits', pod(sized('2', '1Gi')), [pod(sized('1', '1Gi'))], undefined],
    ['of more than others leave', pod(sized('2', '1Gi')), [pod(sized('3', '1Gi'))], 'Deferred', /resource: cpu/],
    [
      'of more than there is',
      pod(sized('5', '1Gi')),
      [],
      'Infeasible',
      /capacity: cpu, requested: 5000, capacity: 4000/,
    ],
    ['of more memory than there is', pod(sized('1', '9Gi')), [], 'Infeasible', /capacity: memory/],
  ];
  for (const [what, wanted, pods, reason, message = /^/] of cases)
    it(`${what} is ${reason ?? 'promised'}`, () => {
      const pending = planResize(wanted, { pods, node });
      assert.equal(pending?.reason, reason);
      assert.match(pending?.message ?? '', message);
    });
});
