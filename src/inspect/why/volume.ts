import type { Pod } from '../../api/generated/core-v1.ts';
import { diagnoseClaim } from './claim.ts';
import { describe, describeEvent, eventsOf, oneLine, similarName, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Volumes that are missing or cannot be mounted; claims are diagnosed with their Pod. */
export function diagnoseVolumes(pod: Pod, facts: WhyFacts): Finding[] {
  if (pod.status?.phase && pod.status.phase !== 'Pending') return [];
  const references = [...missingReferences(pod, facts), ...claimsOf(pod, facts)];
  return references.length > 0 ? references : failedMounts(pod, facts);
}

function missingReferences(pod: Pod, { missing, events, nowMs }: WhyFacts): Finding[] {
  const { namespace } = pod.metadata;
  const mount = eventsOf({ events } as WhyFacts, pod).find(({ reason }) => reason === 'FailedMount');
  return (pod.spec.volumes ?? []).flatMap((volume): Finding[] => {
    const sources = volume.projected?.sources ?? [volume as { configMap?: object; secret?: object }];
    return sources.flatMap((source): Finding[] => {
      const { configMap, secret } = source as {
        configMap?: { name?: string; optional?: boolean };
        secret?: { secretName?: string; name?: string; optional?: boolean };
      };
      const name = configMap?.name ?? secret?.secretName ?? secret?.name;
      const kind = configMap ? 'ConfigMap' : 'Secret';
      if (!name || (configMap ?? secret)?.optional || !missing.has(`${kind} ${namespace}/${name}`)) return [];
      return [
        {
          code: `${kind}NotFound`,
          severity: 'error',
          subject: describe(pod),
          cause: `volume ${volume.name} needs ${kind} "${name}", which does not exist`,
          evidence: [`${kind} ${namespace}/${name}: not found`, ...(mount ? [describeEvent(mount, nowMs)] : [])],
          hints: [`create it in namespace ${namespace}, or mark the volume's source optional`],
        },
      ];
    });
  });
}

function claimsOf(pod: Pod, facts: WhyFacts): Finding[] {
  const { namespace, name } = pod.metadata;
  return (pod.spec.volumes ?? []).flatMap((volume): Finding[] => {
    const claimName =
      volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${name}-${volume.name}` : undefined);
    if (!claimName) return [];
    const inNamespace = facts.claims.filter(({ metadata }) => metadata.namespace === namespace);
    const claim = inNamespace.find(({ metadata }) => metadata.name === claimName);
    if (claim) return diagnoseClaim(claim, facts);
    const alike = similarName(
      claimName,
      inNamespace.map(({ metadata }) => metadata.name),
    );
    return [
      {
        code: 'ClaimNotFound',
        severity: 'error',
        subject: describe(pod),
        cause: `volume ${volume.name} needs PersistentVolumeClaim "${claimName}", which does not exist`,
        evidence: [
          `claims in namespace ${namespace}: ${inNamespace.map(({ metadata }) => metadata.name).join(', ') || 'none'}`,
        ],
        hints: [alike ? `was "${alike}" meant?` : `create it in namespace ${namespace}`],
      },
    ];
  });
}

const mountProblems: { code: string; pattern: RegExp; cause(match: RegExpExecArray): string; hints: string[] }[] = [
  {
    code: 'KeyNotFound',
    pattern: /references non-existent (?:config|secret) key: (\S+)/,
    cause: ([, key]) => `a volume names the key "${key}", which its ConfigMap or Secret does not have`,
    hints: ['correct items[].key of the volume'],
  },
  {
    code: 'VolumeSourceNotFound',
    pattern: /(configmap|secret) "([^"]+)" not found/i,
    cause: ([, kind, name]) => `a volume needs ${kind} "${name}", which does not exist`,
    hints: ['create it in the Pod’s namespace'],
  },
  {
    code: 'HostPathType',
    pattern: /hostPath type check failed: (.*)/,
    cause: ([, text]) => `its hostPath is not what type asks for: ${text}`,
    hints: ['make the path on the node, or use type DirectoryOrCreate'],
  },
  {
    code: 'VolumeInUse',
    pattern: /Multi-Attach error for volume "?([^" ]+)/,
    cause: ([, volume]) => `volume ${volume} is still attached to another node`,
    hints: ['the Pod that uses it there must end first'],
  },
];

function failedMounts(pod: Pod, facts: WhyFacts): Finding[] {
  const event = eventsOf(facts, pod).find(({ reason = '' }) =>
    /FailedMount|FailedAttachVolume|FailedMapVolume/.test(reason),
  );
  if (!event) return [];
  const message = oneLine(event.message);
  const base = { severity: 'error' as const, subject: describe(pod), evidence: [describeEvent(event, facts.nowMs)] };
  for (const { code, pattern, cause, hints } of mountProblems) {
    const match = pattern.exec(message);
    if (match) return [{ ...base, code, cause: cause(match), hints }];
  }
  return [{ ...base, code: 'VolumeMountFailed', cause: `a volume cannot be mounted: ${message}`, hints: [] }];
}
