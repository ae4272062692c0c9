import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { type CertificateRequest, type Issuer, issue, type KeyPair, newPrivateKey } from './certificate.ts';
import { readIfPresent, writeSecret } from './secret-file.ts';

export type { KeyPair } from './certificate.ts';

/** Every certificate and key of a cluster, in memory; the files have the same names (kubeadm's layout where it has one). */
export interface Pki {
  ca: KeyPair;
  /** What the API server shows to clients. */
  apiserver: KeyPair;
  /** What the API server shows to kubelets. */
  apiserverKubeletClient: KeyPair;
  admin: KeyPair;
  controllerManager: KeyPair;
  scheduler: KeyPair;
  /** What the kubelet shows to the API server, and to its own clients. */
  kubeletClient: KeyPair;
  kubeletServer: KeyPair;
  /** The node's service proxy and DNS. */
  kubeProxy: KeyPair;
  /** Signs the certificate with which the API server speaks to aggregated API servers. */
  frontProxyCa: KeyPair;
  frontProxyClient: KeyPair;
  /** Private key (ES256) of service account tokens, as PEM. */
  serviceAccountKey: string;
  /** Another client certificate of this cluster, not kept on disk. */
  issueClient(commonName: string, organizations: string[]): KeyPair;
}

export interface PkiOptions {
  /** DNS names of the API server beyond the fixed ones, such as the host's name. */
  names: string[];
  /** Addresses of the API server beyond the loopback ones: the `kubernetes` Service's and the node's. */
  addresses: string[];
  nodeName: string;
  /** Addresses of the kubelet. @default addresses */
  nodeAddresses?: string[];
  clock: Clock;
}

const dayMs = 24 * 60 * 60 * 1000;
const caDays = 3650;
const leafDays = 365;
/** What expires sooner than this is issued anew at the start. */
const renewBeforeDays = 30;

const fixedNames = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'localhost',
];

/**
 * Reads the cluster's PKI from `dir` and issues what is missing, damaged, about to expire, or no longer fits (other
 * addresses, another CA). A crash at any moment leaves files that the next call reads or replaces.
 */
export async function ensurePki(dir: string, options: PkiOptions): Promise<Pki> {
  const now = options.clock.now();
  const [ca, frontProxyCa, serviceAccountKey] = await Promise.all([
    ensureAuthority(dir, 'ca', 'kubernetes', now),
    ensureAuthority(dir, 'front-proxy-ca', 'front-proxy-ca', now),
    ensureKey(path.join(dir, 'sa.key')),
  ]);
  const cluster = issuerOf('kubernetes', ca);
  const frontProxy = issuerOf('front-proxy-ca', frontProxyCa);
  const client = (file: string, commonName: string, organizations: string[] = [], issuer = cluster) =>
    ensureLeaf(dir, file, { commonName, organizations, usage: 'client', ...validity(now, leafDays) }, issuer);
  const server = (file: string, commonName: string, subjectAltNames: string[], organizations: string[] = []) =>
    ensureLeaf(
      dir,
      file,
      { commonName, organizations, subjectAltNames, usage: 'server', ...validity(now, leafDays) },
      cluster,
    );
  const { names, addresses, nodeName, nodeAddresses = addresses } = options;
  const node = `system:node:${nodeName}`;
  const [apiserver, apiserverKubeletClient, admin, controllerManager, scheduler, kubeletClient, kubeletServer, proxy] =
    await Promise.all([
      server('apiserver', 'kube-apiserver', unique([...fixedNames, ...names, '127.0.0.1', '::1', ...addresses])),
      client('apiserver-kubelet-client', 'kube-apiserver-kubelet-client', ['system:masters']),
      client('admin', 'kubernetes-admin', ['system:masters']),
      client('controller-manager', 'system:kube-controller-manager'),
      client('scheduler', 'system:kube-scheduler'),
      client('kubelet-client', node, ['system:nodes']),
      server('kubelet', node, unique([nodeName, 'localhost', '127.0.0.1', ...nodeAddresses]), ['system:nodes']),
      client('front-proxy-client', 'front-proxy-client', [], frontProxy),
    ]);
  // Last: the node process takes this certificate as the sign that all files are there.
  const kubeProxy = await client('kube-proxy', 'system:kube-proxy');
  return {
    ca,
    apiserver,
    apiserverKubeletClient,
    admin,
    controllerManager,
    scheduler,
    kubeletClient,
    kubeletServer,
    kubeProxy,
    frontProxyCa,
    frontProxyClient: proxy,
    serviceAccountKey,
    issueClient: (commonName, organizations) =>
      issue({ commonName, organizations, usage: 'client', ...validity(options.clock.now(), leafDays) }, cluster.issuer),
  };
}

interface Authority {
  issuer: Issuer;
  certificate: X509Certificate;
}

async function ensureAuthority(dir: string, file: string, commonName: string, now: number): Promise<KeyPair> {
  const found = await readPair(dir, file);
  // Not even one that seems to begin in the future: then the clock was set back, and a new one would cut everybody off.
  if (found && parsePair(found, now)) return found;
  const made = issue({ commonName, usage: 'ca', ...validity(now, caDays) });
  // The key is on disk before the certificate that tells the world to trust it.
  await writeSecret(path.join(dir, `${file}.key`), made.key, { durable: true });
  await writeSecret(path.join(dir, `${file}.crt`), made.certificate, { durable: true });
  return made;
}

async function ensureLeaf(
  dir: string,
  file: string,
  request: CertificateRequest,
  authority: Authority,
): Promise<KeyPair> {
  const found = await readPair(dir, file);
  if (found && fits(found, request, authority)) return found;
  const made = issue(request, authority.issuer);
  // Not synced: what a power cut damages is issued again. The key first: who sees the certificate finds its key.
  await writeSecret(path.join(dir, `${file}.key`), made.key);
  await writeSecret(path.join(dir, `${file}.crt`), made.certificate);
  return made;
}

async function ensureKey(file: string): Promise<string> {
  const found = await readIfPresent(file);
  if (found && isPrivateKey(found)) return found;
  const made = newPrivateKey().pem;
  await writeSecret(file, made, { durable: true });
  return made;
}

async function readPair(dir: string, file: string): Promise<KeyPair | undefined> {
  const [certificate, key] = await Promise.all([
    readIfPresent(path.join(dir, `${file}.crt`)),
    readIfPresent(path.join(dir, `${file}.key`)),
  ]);
  return certificate && key ? { certificate, key } : undefined;
}

/** The certificate, if it belongs to the key and lasts long enough from `now`. */
function parsePair(pair: KeyPair, now: number): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pair.certificate);
    const lasts = certificate.validToDate.getTime() - now > renewBeforeDays * dayMs;
    return lasts && certificate.checkPrivateKey(createPrivateKey(pair.key)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function fits(pair: KeyPair, request: CertificateRequest, authority: Authority): boolean {
  const certificate = parsePair(pair, request.notBefore + clockSkewMs);
  if (!certificate?.checkIssued(authority.certificate)) return false;
  if (certificate.validFromDate.getTime() > request.notBefore + clockSkewMs) return false;
  if (!certificate.verify(authority.certificate.publicKey)) return false;
  if (!certificate.subject.split('\n').includes(`CN=${request.commonName}`)) return false;
  return (request.subjectAltNames ?? []).every((name) =>
    isIP(name) ? certificate.checkIP(name) !== undefined : certificate.checkHost(name) !== undefined,
  );
}

function isPrivateKey(text: string): boolean {
  try {
    createPrivateKey(text);
    return true;
  } catch {
    return false;
  }
}

function issuerOf(commonName: string, pair: KeyPair): Authority {
  return {
    issuer: { commonName, key: createPrivateKey(pair.key) },
    certificate: new X509Certificate(pair.certificate),
  };
}

/** Certificates begin in the past: for clients whose clocks are behind, and for a clock that is set back later. */
const clockSkewMs = 30 * dayMs;

function validity(now: number, days: number): { notBefore: number; notAfter: number } {
  return { notBefore: now - clockSkewMs, notAfter: now + days * dayMs };
}

function unique(names: string[]): string[] {
  return [...new Set(names.filter((name) => name !== ''))];
}
