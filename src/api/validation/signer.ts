import { dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { invalidEach, invalidValue, required, tooLong } from './field-error.ts';
import { validateAnnotations } from './metadata.ts';

/** 'example.com/signer-name', or such a name with more parts (pkg/apis/core/validation ValidateSignerName). */
export function validateSignerName(field: string, name: string | undefined): Cause[] {
  if (!name) return [required(field)];
  const [domain = '', ...path] = name.split('/');
  if (path.length === 0 || path.join('/') === '')
    return [
      invalidValue(field, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"'),
    ];
  // As long as a name that is made of it may be, with its parts of 253 and 63 characters and the slash.
  const most = 253 + 1 + 317;
  return [
    ...(name.length > most ? [tooLong(field, most)] : []),
    ...invalidEach(field, domain, dns1123Subdomain(domain)),
    ...path.flatMap((part) => invalidEach(field, part, dns1123Subdomain(part))),
  ];
}

const isKubernetesSigner = (name: string): boolean => {
  const domain = name.split('/')[0] ?? '';
  return domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io');
};

/** A bundle's name begins with its signer, ':' for '/' (ValidateClusterTrustBundleName). */
export function bundleNameProblems(name: string, signerName: string | undefined): string[] {
  if (!signerName)
    return name.includes(':')
      ? ['ClusterTrustBundle without signer name must not have ":" in its name']
      : dns1123Subdomain(name);
  const prefix = `${signerName.replaceAll('/', ':')}:`;
  if (!name.startsWith(prefix))
    return [`ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`];
  return dns1123Subdomain(name.slice(prefix.length));
}

/** The signer that a bundle's name tells of: all but its last part. */
export function signerOfBundleName(name: string): string | undefined {
  return name.includes(':') ? name.slice(0, name.lastIndexOf(':')).replaceAll(':', '/') : undefined;
}

/** What a Pod's author tells the signer (ValidateUserAnnotations). */
export function validateUserAnnotations(annotations: Record<string, string> | undefined, path: string): Cause[] {
  const plain = Object.keys(annotations ?? {}).filter((key) => !/^[^/]+\/[^/]+$/.test(key));
  return [
    ...validateAnnotations(annotations, path),
    ...plain.map((key) => invalidValue(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")')),
  ];
}

const hour = 3600;

/** How long a certificate may live, in seconds: from an hour to 91 days, of Kubernetes's own signers to one. */
export function validateMaxExpiration(signerName: string, seconds: number | undefined, path: string): Cause[] {
  if (seconds === undefined) return [required(path, 'must be set')];
  const most = isKubernetesSigner(signerName) ? 24 * hour : 91 * 24 * hour;
  return seconds >= hour && seconds <= most
    ? []
    : [invalidValue(path, seconds, `must be in the range [${hour}, ${most}]`)];
}
