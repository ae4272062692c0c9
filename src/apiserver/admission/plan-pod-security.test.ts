import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import { standardViolations } from './plan-pod-security.ts';

const pod = (spec: object, container: object = {}, annotations: object = {}) =>
  ({
    metadata: { name: 'p', annotations },
    spec: { containers: [{ name: 'c', image: 'x', ...container }], ...spec },
  }) as unknown as Pod;

const good = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const sysctl = (name: string) => pod({ securityContext: { sysctls: [{ name, value: '1' }] } });
const unmasked = { securityContext: { ...good, procMount: 'Unmasked' } };
const bare = { securityContext: {} };

/** Rules that a Pod breaks, by versions (v1.N or latest) of a standard. */
const rows: [what: string, level: 'baseline' | 'restricted', pod: Pod, broken: Record<number, string[]>][] = [
  [
    'a sysctl that has become safe',
    'baseline',
    sysctl('net.ipv4.tcp_keepalive_time'),
    { 28: ['forbidden sysctls'], 29: [] },
  ],
  ['another', 'baseline', sysctl('net.ipv4.tcp_rmem'), { 31: ['forbidden sysctls'], 32: [], [Infinity]: [] }],
  ['one that was always safe', 'baseline', sysctl('kernel.shm_rmid_forced'), { 0: [] }],
  [
    'a SELinux type',
    'baseline',
    pod({ securityContext: { seLinuxOptions: { type: 'container_engine_t' } } }),
    { 30: ['seLinuxOptions'], 31: [] },
  ],
  [
    'a host in a probe',
    'baseline',
    pod({}, { livenessProbe: { httpGet: { host: '10.0.0.1', port: 1 } } }),
    { 33: [], 34: ['probe or lifecycle host'] },
  ],
  [
    'seccomp by annotation',
    'baseline',
    pod({}, {}, { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' }),
    { 18: ['seccompProfile'], 19: [] },
  ],
  [
    'seccomp by field',
    'baseline',
    pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
    { 18: [], 19: ['seccompProfile'] },
  ],
  [
    'an unmasked /proc with users of its own',
    'baseline',
    pod({ hostUsers: false }, unmasked),
    { 34: ['procMount'], 35: [] },
  ],
  ['the same, restricted', 'restricted', pod({ hostUsers: false }, unmasked), { 34: ['procMount'], 35: ['procMount'] }],
  [
    'root in a user namespace',
    'restricted',
    pod({ hostUsers: false }, { securityContext: { ...good, runAsNonRoot: false, runAsUser: 0 } }),
    { 22: ['runAsNonRoot != true'], 34: ['runAsNonRoot != true', 'runAsUser=0'], 35: [], [Infinity]: [] },
  ],
  [
    'nothing set',
    'restricted',
    pod({}, bare),
    {
      7: ['runAsNonRoot != true'],
      8: ['allowPrivilegeEscalation != false', 'runAsNonRoot != true'],
      19: ['allowPrivilegeEscalation != false', 'runAsNonRoot != true', 'seccompProfile'],
      22: ['allowPrivilegeEscalation != false', 'unrestricted capabilities', 'runAsNonRoot != true', 'seccompProfile'],
    },
  ],
  [
    'nothing set on Windows',
    'restricted',
    pod({ os: { name: 'windows' } }, { securityContext: { runAsNonRoot: true } }),
    { 24: ['allowPrivilegeEscalation != false', 'unrestricted capabilities', 'seccompProfile'], 25: [] },
  ],
  [
    'a capability, before restricted had a rule of its own',
    'restricted',
    pod({}, { securityContext: { ...good, capabilities: { add: ['NET_ADMIN'] } } }),
    { 21: ['non-default capabilities'], 22: ['unrestricted capabilities'] },
  ],
];

describe('versions of the Pod Security Standards', () => {
  for (const [what, level, subject, broken] of rows)
    for (const [version, rules] of Object.entries(broken))
      it(`${level} 1.${version}: ${what}`, () => {
        const found = standardViolations(subject, level, Number(version));
        assert.deepEqual(
          found.map(({ rule }) => rule),
          rules,
        );
      });

  it('names annotations and what they say', () => {
    const annotations = { 'container.seccomp.security.alpha.kubernetes.io/c': 'unconfined' };
    assert.deepEqual(standardViolations(pod({}, {}, annotations), 'baseline', 18), [
      {
        rule: 'seccompProfile',
        detail: 'forbidden annotation container.seccomp.security.alpha.kubernetes.io/c="unconfined"',
      },
    ]);
  });
});
