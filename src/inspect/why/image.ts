import type { Pod } from '../../api/generated/core-v1.ts';
import { containerStatuses, describe, describeEvent, eventsOf, oneLine, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

const reasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

interface Kind {
  code: string;
  pattern: RegExp;
  cause(image: string): string;
  hints(image: string): string[];
}

/** What a registry's or runtime's message means; the first that matches. Words of containerd, CRI-O, docker and Vitrine. */
const kinds: Kind[] = [
  {
    code: 'ImagePlatform',
    pattern: /no match(ing manifest)? for platform|no matching manifest|no image found in (image index|manifest list)/i,
    cause: (image) => `image "${image}" is not built for this machine's platform`,
    hints: () => ['build or choose an image for it: docker buildx imagetools inspect shows its platforms'],
  },
  {
    code: 'ImageRateLimited',
    pattern: /toomanyrequests|rate limit|\b429\b/i,
    cause: (image) => `the registry ${registryOf(image)} refuses more pulls for now (rate limit)`,
    hints: () => ['wait, log in with an imagePullSecret, or load the image: vitrine image load'],
  },
  {
    code: 'ImageUnauthorized',
    pattern: /unauthorized|authentication required|denied|forbidden|\b40[13]\b|no basic auth|insufficient_scope/i,
    cause: (image) => `the registry ${registryOf(image)} does not let us pull "${image}" (or it does not exist there)`,
    hints: () => [
      'is the name right? A registry says "denied" of repositories that do not exist, too',
      'kubectl create secret docker-registry NAME …, and name it in spec.imagePullSecrets',
    ],
  },
  {
    code: 'ImageNotFound',
    pattern: /not found|manifest unknown|name unknown|repository does not exist|\b404\b/i,
    cause: (image) => `image "${image}" does not exist in ${registryOf(image)}`,
    hints: (image) => [`check the name and the tag of "${image}"`],
  },
  {
    code: 'RegistryCertificate',
    pattern: /x509|certificate|tls:/i,
    cause: (image) => `the certificate of ${registryOf(image)} is not trusted`,
    hints: () => ["add the registry's CA to this host"],
  },
  {
    code: 'RegistryUnreachable',
    pattern:
      /no such host|ENOTFOUND|EAI_AGAIN|connection refused|ECONNREFUSED|ECONNRESET|i\/o timeout|timed? ?out|ETIMEDOUT|unreachable|network|fetch failed|socket|context deadline/i,
    cause: (image) => `the registry ${registryOf(image)} cannot be reached from the node`,
    hints: () => [
      'check DNS, proxy and firewall of the host',
      'or load the image from a file: vitrine image load FILE',
    ],
  },
];

/** Images that cannot be had: name, registry, permission, platform. */
export function diagnoseImages(pod: Pod, facts: WhyFacts): Finding[] {
  return containerStatuses(pod).flatMap(({ role, status }): Finding[] => {
    const { reason, message } = status.state?.waiting ?? {};
    if (!reason || !reasons.has(reason)) return [];
    const image = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(
      ({ name }) => name === status.name,
    )?.image;
    const events = eventsOf(facts, pod).filter((event) =>
      /^(Failed|ErrImageNeverPull|InspectFailed)$/.test(event.reason ?? ''),
    );
    const pull = events.find((event) => /pull/i.test(event.message ?? '') && event.message!.includes(image ?? ''));
    const base = { severity: 'error' as const, subject: describe(pod) };
    const evidence = [
      `${role} ${status.name}: ${reason}${message ? `: ${oneLine(message)}` : ''}`,
      ...(pull ? [describeEvent(pull, facts.nowMs)] : []),
      ...(pod.spec.imagePullSecrets ?? [])
        .filter(({ name }) => facts.missing.has(`Secret ${pod.metadata.namespace}/${name}`))
        .map(({ name }) => `imagePullSecret "${name}" does not exist`),
    ];
    return [
      { ...base, ...classify(reason, `${message ?? ''} ${pull?.message ?? ''}`, image ?? status.image), evidence },
    ];
  });
}

function classify(reason: string, message: string, image: string): Pick<Finding, 'code' | 'cause' | 'hints'> {
  if (reason === 'InvalidImageName')
    return {
      code: 'InvalidImageName',
      cause: `"${image}" is not a valid image name`,
      hints: ['an image name is lower case: registry/repository:tag'],
    };
  if (reason === 'ErrImageNeverPull')
    return {
      code: 'ImageNeverPull',
      cause: `image "${image}" is not on the node, and imagePullPolicy: Never forbids to pull it`,
      hints: ['vitrine image load FILE', 'or imagePullPolicy: IfNotPresent'],
    };
  // The image's own name must not decide: "denied-app" is no refusal.
  const kind = kinds.find(({ pattern }) => pattern.test(message.replaceAll(image, '')));
  if (kind) return { code: kind.code, cause: kind.cause(image), hints: kind.hints(image) };
  return {
    code: 'ImagePullFailed',
    cause: `image "${image}" cannot be pulled`,
    hints: [`vitrine image pull ${image}`],
  };
}

/** 'docker.io' for 'nginx', as docker's reference parser decides (distribution/reference normalize.go). */
function registryOf(image: string): string {
  const first = image.split('/')[0]!;
  return image.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}
