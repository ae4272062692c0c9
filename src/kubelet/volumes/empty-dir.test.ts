import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import { hugePageSize, memorySize } from './empty-dir.ts';

const limited = (limits: Record<string, string>, ...more: Record<string, string>[]): PodSpec => ({
  containers: [limits, ...more].map((own, index) => ({ name: `c${index}`, resources: { limits: own } })),
});
const Mi = 2 ** 20;

describe('the size of an emptyDir in memory', () => {
  const rows: [string, PodSpec, string | undefined, number][] = [
    ['without limits all that Pods may use', limited({}), undefined, 1000 * Mi],
    ['the limit of the Pod', limited({ memory: '64Mi' }, { memory: '16Mi' }), undefined, 80 * Mi],
    ['its own limit, if less', limited({ memory: '64Mi' }), '10Mi', 10 * Mi],
    ['not more than the Pod, whatever it says', limited({ memory: '64Mi' }), '1Gi', 64 * Mi],
    ['one container without a limit: the Pod has none', limited({ memory: '64Mi' }, {}), undefined, 1000 * Mi],
  ];
  for (const [name, spec, sizeLimit, expected] of rows)
    it(name, () => assert.equal(memorySize(spec, sizeLimit, 1000 * Mi), expected));
});

describe('the page size of an emptyDir of huge pages', () => {
  it('is the one that the Pod asks for, or the one named', () => {
    assert.equal(hugePageSize(limited({ 'hugepages-2Mi': '4Mi' }), 'HugePages'), '2M');
    const both = limited({ 'hugepages-2Mi': '4Mi', 'hugepages-1Gi': '1Gi' });
    assert.equal(hugePageSize(both, 'HugePages-1Gi'), '1G');
    assert.throws(() => hugePageSize(both, 'HugePages'), /can't be used with multiple page sizes/);
    assert.throws(() => hugePageSize(limited({}), 'HugePages'), /no resource request/);
    assert.throws(() => hugePageSize(limited({ 'hugepages-2Mi': '4Mi' }), 'HugePages-1Gi'), /not requested by the pod/);
  });
});
