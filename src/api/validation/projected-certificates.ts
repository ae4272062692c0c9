import type * as core from '../generated/core-v1.ts';
import type { Cause } from '../status-error.ts';
import { invalidEach, invalidValue, notSupported, required } from './field-error.ts';
import { validateNonReservedPath } from './paths.ts';
import { validateLabelSelector } from './selector.ts';
import {
  bundleNameProblems,
  signerOfBundleName,
  validateMaxExpiration,
  validateSignerName,
  validateUserAnnotations,
} from './signer.ts';

/** A bundle by its name, or all of a signer (KEP-3257). */
export function validateTrustBundle(source: core.ClusterTrustBundleProjection, path: string): Cause[] {
  const { name, signerName, labelSelector } = source;
  const errors: Cause[] = [];
  if (name !== undefined && signerName !== undefined)
    errors.push(invalidValue(path, source, 'only one of name and signerName may be used'));
  else if (name !== undefined) {
    if (!name) errors.push(required(`${path}.name`, 'must be a valid object name'));
    else errors.push(...invalidEach(`${path}.name`, name, bundleNameProblems(name, signerOfBundleName(name))));
    if (labelSelector)
      errors.push(
        invalidValue(`${path}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified'),
      );
  } else if (signerName !== undefined) {
    if (!signerName) errors.push(required(`${path}.signerName`, 'must be a valid signer name'));
    else errors.push(...validateSignerName(`${path}.signerName`, signerName));
    errors.push(...validateLabelSelector(labelSelector, `${path}.labelSelector`));
  } else errors.push(required(path, 'either name or signerName must be specified'));
  return [...errors, ...validateFilePath(source.path, `${path}.path`)];
}

const keyTypes = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096'];
export const certificatePaths = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const;

/** A key, and the certificate that a signer gives for it (KEP-4317). */
export function validatePodCertificate(source: core.PodCertificateProjection, path: string): Cause[] {
  const { signerName, keyType = '', maxExpirationSeconds: seconds, userAnnotations } = source;
  const given = certificatePaths.filter((name) => source[name]);
  return [
    ...validateSignerName(`${path}.signerName`, signerName),
    ...(keyTypes.includes(keyType) ? [] : [notSupported(`${path}.keyType`, keyType, keyTypes)]),
    ...(seconds === undefined ? [] : validateMaxExpiration(signerName ?? '', seconds, `${path}.maxExpirationSeconds`)),
    ...validateUserAnnotations(userAnnotations, `${path}.userAnnotations`),
    ...(given.length > 0
      ? given.flatMap((name) => validateFilePath(source[name], `${path}.${name}`))
      : [required(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath')]),
  ];
}

function validateFilePath(file: string | undefined, path: string): Cause[] {
  return file ? validateNonReservedPath(file, path) : [required(path)];
}
