import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CSIDriver, CSIDriverSpec } from '../../api/generated/storage-v1.ts';
import { MessageWriter } from '../../base/protobuf-wire.ts';
import { readCapabilities, readNodeInfo, readVolumeStats } from './csi-messages.ts';
import type { CsiSource } from './csi-source.ts';
import { KubeletDirectory } from './kubelet-directory.ts';
import { accessModeOf, isAttachable, lifecycleProblem, takesGroup } from './plan-csi-mount.ts';

const source = (more: Partial<CsiSource> = {}): CsiSource => ({
  ...{ driver: 'd.example.com', handle: 'h', name: 'pv', ephemeral: false, block: false, readOnly: false },
  ...{ fsType: 'ext4', attributes: {}, mountFlags: [], accessModes: ['ReadWriteOnce'] },
  ...more,
});
const driver = (spec: CSIDriverSpec = {}) => ({ metadata: { name: 'd.example.com' }, spec }) as CSIDriver;

describe('what a CSIDriver asks for', () => {
  it('attaching, unless it says no', () => {
    assert.equal(isAttachable(source(), undefined), true);
    assert.equal(isAttachable(source(), driver({ attachRequired: false })), false);
    assert.equal(isAttachable(source({ ephemeral: true }), undefined), false);
  });

  it('volumes that live as long as it can', () => {
    assert.equal(lifecycleProblem(source(), undefined), undefined);
    assert.equal(
      lifecycleProblem(source({ ephemeral: true }), undefined),
      'volume mode "Ephemeral" not supported by driver d.example.com (no CSIDriver object)',
    );
    assert.equal(
      lifecycleProblem(source({ ephemeral: true }), driver({ volumeLifecycleModes: ['Persistent'] })),
      'volume mode "Ephemeral" not supported by driver d.example.com (only supports ["Persistent"])',
    );
    assert.equal(
      lifecycleProblem(source(), driver({ volumeLifecycleModes: ['Ephemeral'] })),
      'volume mode "Persistent" not supported by driver d.example.com (only supports ["Ephemeral"])',
    );
  });

  const groups: [string, Partial<CsiSource>, CSIDriverSpec | undefined, boolean][] = [
    ['of a file system for one node', {}, undefined, true],
    ['not without a type of file system', { fsType: '' }, undefined, false],
    ['not for several nodes', { accessModes: ['ReadWriteMany'] }, undefined, false],
    ['of any, if it says File', { fsType: '', accessModes: ['ReadWriteMany'] }, { fsGroupPolicy: 'File' }, true],
    ['of none, if it says None', {}, { fsGroupPolicy: 'None' }, false],
    ['not of what is only read', { readOnly: true }, { fsGroupPolicy: 'File' }, false],
    ['not of devices', { block: true }, { fsGroupPolicy: 'File' }, false],
  ];
  for (const [what, more, spec, expected] of groups)
    it(`the files given to the Pod's group: ${what}`, () =>
      assert.equal(takesGroup(source(more), spec && driver(spec)), expected));

  it('access modes by the first one, finer where the driver knows them', () => {
    const mode = (name: string, finer: boolean) => accessModeOf(source({ accessModes: [name] }), finer);
    assert.deepEqual(
      ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'].map((name) => mode(name, false)),
      [1, 3, 5, 1],
    );
    assert.deepEqual([mode('ReadWriteOnce', true), mode('ReadWriteOncePod', true)], [7, 6]);
  });
});

describe('what a driver answers', () => {
  const message = () => new MessageWriter();
  it('what the node can do', () => {
    const rpc = (type: number) => message().bytes(1, message().number(1, type).finish()).finish();
    assert.deepEqual(readCapabilities(message().bytes(1, rpc(1)).bytes(1, rpc(3)).finish()), new Set([1, 3]));
  });

  it('who the node is', () => {
    const topology = message().map(1, { zone: 'z1', rack: '' }).finish();
    assert.deepEqual(readNodeInfo(message().bytes(1, 'id').number(2, 5).bytes(3, topology).finish()), {
      ...{ nodeId: 'id', maxVolumes: 5 },
      topology: { zone: 'z1', rack: '' },
    });
  });

  it('how full a volume is', () => {
    const usage = message().number(1, 7).number(2, 10).number(3, 3).number(4, 1).finish();
    assert.deepEqual(readVolumeStats(message().bytes(1, usage).finish()), {
      bytes: { available: 7, total: 10, used: 3 },
    });
  });
});

describe("the kubelet's directory", () => {
  const directory = new KubeletDirectory('/var/lib/vitrine/one/kubelet', {} as never);
  it('is /var/lib/kubelet to Pods', () => {
    for (const [inPods, here] of [
      ['/var/lib/kubelet/pods/a/b', '/var/lib/vitrine/one/kubelet/pods/a/b'],
      ['/var/lib/kubelet', '/var/lib/vitrine/one/kubelet'],
    ] as const)
      assert.equal(directory.toHost(inPods), here);
    assert.equal(directory.toHost('/var/lib/kubelet/../x'), '/var/lib/kubelet/../x');
    assert.equal(directory.toHost('/var/lib/kubelets/x'), '/var/lib/kubelets/x');
    assert.equal(directory.toPods(directory.at('plugins/x')), '/var/lib/kubelet/plugins/x');
    assert.equal(directory.toPods('/elsewhere'), '/elsewhere');
  });
});
