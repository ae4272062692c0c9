import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { certificateSigningRequests } from './api/resource.ts';
import { readIfPresent, writeSecret } from './apiserver/pki/secret-file.ts';
import { newSigningRequest } from './apiserver/pki/signing-request.ts';
import type { Clock } from './base/clock.ts';
import { UserError } from './base/errors.ts';
import type { Client } from './client/client.ts';

const pollMs = 25;
const patienceMs = 30_000;
/** What expires sooner than this is asked for anew at the start. */
export const renewBeforeMs = 30 * 24 * 60 * 60 * 1000;

/** A certificate of a node, by the name of its files. */
export type NodeCertificate = 'kubelet-client' | 'kubelet' | 'kube-proxy';

interface Wanted {
  file: NodeCertificate;
  signerName: string;
  commonName: string;
  organizations?: string[];
  subjectAltNames?: string[];
  usage: 'client auth' | 'server auth';
}

/** What a node that is no neighbour of the control plane shows to others. */
export function nodeCertificates(nodeName: string, nodeAddress: string): Record<NodeCertificate, Wanted> {
  const commonName = `system:node:${nodeName}`;
  const organizations = ['system:nodes'];
  return {
    'kubelet-client': {
      ...{ file: 'kubelet-client', commonName, organizations, usage: 'client auth' },
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    },
    kubelet: {
      ...{ file: 'kubelet', commonName, organizations, usage: 'server auth' },
      signerName: 'kubernetes.io/kubelet-serving',
      subjectAltNames: [nodeName, nodeAddress],
    },
    'kube-proxy': {
      ...{ file: 'kube-proxy', commonName: 'system:kube-proxy', usage: 'client auth' },
      signerName: 'kubernetes.io/kube-apiserver-client',
    },
  };
}

/** How long the certificate in the files lasts yet, in milliseconds; 0 if there is none of this CA. */
export async function certificateLifeMs(dir: string, file: NodeCertificate, ca: string, clock: Clock): Promise<number> {
  const [certificate, key] = await Promise.all([
    readIfPresent(path.join(dir, `${file}.crt`)),
    readIfPresent(path.join(dir, `${file}.key`)),
  ]);
  if (!certificate || !key) return 0;
  try {
    const parsed = new X509Certificate(certificate);
    const isOurs = parsed.checkPrivateKey(createPrivateKey(key)) && parsed.verify(new X509Certificate(ca).publicKey);
    return isOurs ? Math.max(0, parsed.validToDate.getTime() - clock.now()) : 0;
  } catch {
    return 0;
  }
}

/** Asks the cluster for a certificate by a CertificateSigningRequest, and keeps it (kubelet certificate/bootstrap). */
export async function requestCertificate(client: Client, dir: string, wanted: Wanted): Promise<void> {
  const { key, request } = newSigningRequest(wanted);
  const name = `node-csr-${randomBytes(12).toString('hex')}`;
  await client.create(certificateSigningRequests, {
    metadata: { name },
    spec: {
      signerName: wanted.signerName,
      request: Buffer.from(request).toString('base64'),
      usages: ['digital signature', wanted.usage],
    },
  } as never);
  const certificate = await untilSigned(client, name, wanted);
  // The key first: who sees the certificate finds its key.
  await writeSecret(path.join(dir, `${wanted.file}.key`), key);
  await writeSecret(path.join(dir, `${wanted.file}.crt`), certificate);
}

async function untilSigned(client: Client, name: string, { commonName, signerName }: Wanted): Promise<string> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { status } = await client.get(certificateSigningRequests, name);
    if (status?.certificate) return Buffer.from(status.certificate, 'base64').toString('utf8');
    const refused = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (refused) throw new Error(`the request for a certificate of ${commonName} was refused: ${refused.message}`);
    if (performance.now() > deadline)
      throw new UserError(`nobody has signed the certificate of ${commonName} (${signerName}) within 30 s`, {
        hint: `kubectl get csr ${name} says why; kubectl certificate approve ${name} approves it`,
      });
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
