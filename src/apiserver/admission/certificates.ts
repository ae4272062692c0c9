import { isDeepStrictEqual } from 'node:util';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { ClusterTrustBundle, PodCertificateRequest } from '../../api/generated/certificates-v1beta1.ts';
import { invalid } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import { invalidValue } from '../../api/validation/field-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { ClusterAuthorizer } from '../authorization/authorizers.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../request.ts';
import { refuse } from './refuse.ts';

const group = 'certificates.k8s.io';
const isA = ({ resource }: AdmissionAttributes, name: string) => resource.group === group && resource.resource === name;

/** Who may approve and sign for a signer, and what nobody may ask for (plugin/pkg/admission/certificates). */
export function certificatePermissions(authorizer: ClusterAuthorizer, clock: Clock): AdmissionPlugin[] {
  const isRequest = (attributes: AdmissionAttributes) => isA(attributes, 'certificatesigningrequests');
  const signerOf = ({ oldObject }: AdmissionAttributes) =>
    (oldObject as CertificateSigningRequest | undefined)?.spec.signerName ?? '';
  return [
    {
      // Part of the storage of the requests in Kubernetes (pkg/registry/certificates/certificates/strategy.go).
      name: 'CertificateRequester',
      handles: (attributes) =>
        isRequest(attributes) && attributes.subresource === '' && attributes.operation === 'CREATE',
      async admit({ object, user }) {
        const { spec } = object as CertificateSigningRequest;
        spec.username = user.name;
        spec.groups = user.groups;
        if (user.uid) spec.uid = user.uid;
        else delete spec.uid;
        if (user.extra) spec.extra = user.extra;
        else delete spec.extra;
      },
    },
    {
      // As well.
      name: 'CertificateConditions',
      handles: (attributes) =>
        isRequest(attributes) && attributes.subresource !== '' && attributes.operation === 'UPDATE',
      async admit({ object, oldObject }) {
        const [wanted, old] = [object, oldObject] as (CertificateSigningRequest | undefined)[];
        const now = formatTime(new Date(clock.now()));
        for (const condition of wanted?.status?.conditions ?? []) {
          const before = old?.status?.conditions?.find(({ type }) => type === condition.type);
          condition.lastUpdateTime ??= now;
          condition.lastTransitionTime ??=
            before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
        }
      },
    },
    {
      name: 'CertificateApproval',
      handles: (attributes) =>
        isRequest(attributes) && attributes.subresource === 'approval' && attributes.operation === 'UPDATE',
      async validate(attributes) {
        const signer = signerOf(attributes);
        if (mayUse(authorizer, attributes, 'approve', signer)) return;
        throw refuse(attributes, `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`);
      },
    },
    {
      name: 'CertificateSigning',
      handles: (attributes) =>
        isRequest(attributes) && attributes.subresource === 'status' && attributes.operation === 'UPDATE',
      async validate(attributes) {
        const [wanted, old] = [attributes.object, attributes.oldObject] as (CertificateSigningRequest | undefined)[];
        if (wanted?.status?.certificate === old?.status?.certificate) return;
        const signer = signerOf(attributes);
        if (mayUse(authorizer, attributes, 'sign', signer)) return;
        throw refuse(attributes, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
      },
    },
    {
      name: 'CertificateSubjectRestriction',
      handles: (attributes) =>
        isRequest(attributes) && attributes.subresource === '' && attributes.operation === 'CREATE',
      async validate(attributes) {
        const { spec } = attributes.object as CertificateSigningRequest;
        if (spec.signerName !== 'kubernetes.io/kube-apiserver-client') return;
        // The name of the group can stand nowhere else in a request but in its subject.
        if (
          Buffer.from(
            Buffer.from(spec.request ?? '', 'base64')
              .toString()
              .replace(/-----[^-]+-----|\s/g, ''),
            'base64',
          ).includes('system:masters')
        ) {
          throw refuse(
            attributes,
            'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
          );
        }
      },
    },
  ];
}

/** Who may say whom a signer trusts, and who may issue certificates of Pods in its name (KEP-3257, KEP-4317). */
export function signerPermissions(authorizer: ClusterAuthorizer, clock: Clock): AdmissionPlugin[] {
  return [
    {
      name: 'ClusterTrustBundleAttest',
      handles: (attributes) => isA(attributes, 'clustertrustbundles') && attributes.operation !== 'DELETE',
      async validate(attributes) {
        const [wanted, old] = [attributes.object, attributes.oldObject] as (ClusterTrustBundle | undefined)[];
        const signer = wanted?.spec.signerName;
        // Nothing is said anew where only metadata changes.
        if (!signer || (old && isDeepStrictEqual(wanted.spec, old.spec))) return;
        if (mayUse(authorizer, attributes, 'attest', signer)) return;
        throw refuse(attributes, `user not permitted to attest for signerName ${JSON.stringify(signer)}`);
      },
    },
    {
      // Part of the storage of the requests in Kubernetes (pkg/registry/certificates/podcertificaterequest/strategy.go).
      name: 'PodCertificateSigning',
      handles: (attributes) =>
        isA(attributes, 'podcertificaterequests') &&
        attributes.subresource === 'status' &&
        attributes.operation === 'UPDATE',
      async validate(attributes) {
        const { spec, status, metadata } = attributes.object as PodCertificateRequest;
        if (!mayUse(authorizer, attributes, 'sign', spec.signerName))
          throw refuse(
            attributes,
            `user not permitted to sign requests with signerName ${JSON.stringify(spec.signerName)}`,
          );
        const old = attributes.oldObject as PodCertificateRequest | undefined;
        const { notBefore } = status ?? {};
        if (!notBefore || old?.status?.notBefore === notBefore) return;
        if (Math.abs(Date.parse(notBefore) - clock.now()) < 5 * 60_000) return;
        const message = "must be set to within 5 minutes of kube-apiserver's current time";
        throw invalid(attributes.resource, metadata.name, [invalidValue('status.notBefore', notBefore, message)]);
      },
    },
  ];
}

/** The exact signer, or all of its domain: 'example.com/*'. */
function mayUse(authorizer: ClusterAuthorizer, { user }: AdmissionAttributes, verb: string, signer: string): boolean {
  const domain = signer.slice(0, signer.indexOf('/') + 1);
  return [signer, `${domain}*`].some(
    (name) =>
      authorizer.decide(user, {
        isResourceRequest: true,
        verb,
        path: '',
        group,
        version: '*',
        resource: 'signers',
        subresource: '',
        namespace: '',
        name,
      }).allowed,
  );
}
