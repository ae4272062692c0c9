import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attachmentName } from '../../api/csi-names.ts';
import type { Node, PersistentVolume, Pod } from '../../api/generated/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/storage-v1.ts';
import { type AttachmentFacts, planAttachments } from './plan-attachments.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const volume = (name: string, accessModes = ['ReadWriteOnce']) =>
  ({
    metadata: { name },
    spec: { accessModes, csi: { driver: 'd.example.com', volumeHandle: `handle-${name}` } },
  }) as unknown as PersistentVolume;
const pod = { metadata: { name: 'p' } } as Pod;
const nameOf = (name: string, node = 'n1') => attachmentName(`handle-${name}`, 'd.example.com', node);
const attachment = (name: string, status: object = { attached: true }, more: object = {}) =>
  ({
    metadata: { name: nameOf(name), ...more },
    spec: { attacher: 'd.example.com', nodeName: 'n1', source: { persistentVolumeName: name } },
    status,
  }) as unknown as VolumeAttachment;
const node = (status: object = {}, spec: object = {}) =>
  ({
    metadata: { name: 'n1' },
    spec,
    status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }], ...status },
  }) as unknown as Node;
const inUse = { volumesInUse: ['kubernetes.io/csi/d.example.com^handle-a'] };
const silent = { conditions: [{ type: 'Ready', status: 'Unknown', lastTransitionTime: '2026-01-01T00:50:00Z' }] };

function plan(facts: Partial<AttachmentFacts>) {
  const known: Record<string, PersistentVolume> = { a: volume('a'), b: volume('b') };
  const { attach, detach, refused, waits, volumesAttached } = planAttachments({
    ...{ node: node(), nodeName: 'n1', needed: [], attachments: [], elsewhere: new Map(), now },
    drivers: new Set(['d.example.com']),
    volume: (name) => known[name],
    ...facts,
  });
  return {
    attach: attach.map((one) => one.volume.metadata.name),
    detach,
    refused: refused.map(({ message }) => message),
    waits,
    attached: volumesAttached.map(({ name }) => name),
  };
}
const nothing = { attach: [], detach: [], refused: [], waits: false, attached: [] };
const needed = [{ volume: volume('a'), pods: [pod] }];
const attached = ['kubernetes.io/csi/d.example.com^handle-a'];

describe('what is attached to a node', () => {
  const rows: [string, Partial<AttachmentFacts>, object][] = [
    ['what its Pods need', { needed }, { attach: ['a'] }],
    ['nothing twice', { needed, attachments: [attachment('a')] }, { attached }],
    [
      'nothing that its drivers do not know',
      { needed, drivers: new Set() },
      { refused: ['AttachVolume.Attach failed for volume "a" : CSINode n1 does not contain driver d.example.com'] },
    ],
    [
      'nothing that another node has for itself',
      { needed, elsewhere: new Map([['a', attachment('a')]]) },
      {
        refused: [
          'Multi-Attach error for volume "a" Volume is already exclusively attached to one node and can\'t be attached to another',
        ],
      },
    ],
    [
      'what several nodes may have',
      {
        needed: [{ volume: volume('a', ['ReadWriteMany']), pods: [pod] }],
        elsewhere: new Map([['a', attachment('a')]]),
      },
      { attach: ['a'] },
    ],
    [
      'and what the attacher says when it cannot is told',
      { needed, attachments: [attachment('a', { attached: false, attachError: { message: 'rpc error: no' } })] },
      { refused: ['AttachVolume.Attach failed for volume "a" : rpc error: no'] },
    ],
  ];
  for (const [what, facts, expected] of rows)
    it(what, () => assert.deepEqual(plan(facts), { ...nothing, ...expected }));
});

describe('what is detached from a node', () => {
  const attachments = [attachment('a')];
  const detach = [nameOf('a')];
  const rows: [string, Partial<AttachmentFacts>, object][] = [
    ['what no Pod needs', { attachments }, { detach, attached }],
    ['nothing that it has mounted', { attachments, node: node(inUse) }, { waits: true, attached }],
    ['all of it, when it is gone', { attachments, node: undefined }, { detach, attached }],
    [
      'all of it, when it has not been heard of for long',
      { attachments, node: node({ ...inUse, ...silent }) },
      { detach, attached },
    ],
    [
      'all of it, when it is said to be out of service',
      {
        attachments,
        node: node(inUse, { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] }),
      },
      { detach, attached },
    ],
    ['nothing twice', { attachments: [attachment('a', { attached: true }, { deletionTimestamp: 'x' })] }, {}],
    ['nothing that others have made', { attachments: [attachment('a', {}, { name: 'by-hand' })] }, {}],
    ['what is left of a volume that is gone', { attachments, volume: () => undefined }, { detach }],
  ];
  for (const [what, facts, expected] of rows)
    it(what, () => assert.deepEqual(plan(facts), { ...nothing, ...expected }));
});
