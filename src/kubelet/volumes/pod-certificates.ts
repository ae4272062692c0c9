import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { pem } from '../../api/der.ts';
import type { PodCertificateRequest } from '../../api/generated/certificates-v1beta1.ts';
import type { Pod, PodCertificateProjection } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { pemBlocks } from '../../api/pem.ts';
import { emptyRequest } from '../../api/pkcs10.ts';
import { builtin, nodes, serviceAccounts } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Informer, InformerFactory } from '../../client/informer.ts';

const requests = builtin<PodCertificateRequest>('certificates.k8s.io', 'v1beta1', 'podcertificaterequests');
const minuteMs = 60_000;
/** A request that has not been seen for so long has been deleted. */
const abandonAfterMs = 10 * minuteMs;
/** So long after its time a certificate that was not refreshed is overdue. */
const overdueAfterMs = 10 * minuteMs;

/** A private key and its certificate with those that lead to it, both as PEM. */
export interface Credential {
  key: string;
  chain: string;
}

interface Certificate extends Credential {
  beginRefreshMs: number;
  notAfterMs: number;
  /** Reasons of the Events that were written about it. */
  told: Set<string>;
}

/** What one source of one volume of a Pod has. */
interface Projection {
  pod: Pod;
  /** What was issued last. */
  current?: Certificate;
  /** What is being asked for: its name in the API, once that has answered. */
  asked?: { key: string; name?: string; abandonMs: number } | undefined;
  /** A signer has refused, which is for good. */
  refused?: string;
}

export interface CertificateSource {
  volume: string;
  /** Its place among the volume's sources. */
  index: number;
  projection: PodCertificateProjection;
}

interface Parts {
  client: Client;
  informers: InformerFactory;
  events: EventRecorder;
  clock: Clock;
  nodeName: string;
  /** Told the uids of Pods that have something new. */
  changed: (podUids: string[]) => void;
  /** Up to a number of milliseconds, so that Pods that began together do not refresh together. */
  jitter?: (mostMs: number) => number;
}

/**
 * Keys that the kubelet makes for Pods, and certificates that a signer gives for them (KEP-4317, kubelet
 * podcertificatemanager.go). Nothing is kept over a restart: all is asked for anew.
 */
export class PodCertificates {
  readonly #parts: Parts;
  /** By Pod, volume and place of the source. */
  readonly #projections = new Map<string, Projection>();
  /** The requests of this node, followed since the first Pod asked. */
  #followed: Promise<Informer<PodCertificateRequest>> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What was issued last. Asks for it, or for the next one, where it is time to. */
  async get(pod: Pod, source: CertificateSource): Promise<Credential> {
    const id = `${pod.metadata.uid}/${source.volume}/${source.index}`;
    const found = this.#projections.get(id) ?? { pod };
    this.#projections.set(id, found);
    found.pod = pod;
    if (found.refused) throw new Error(found.refused);
    if (this.#isDue(found)) await this.#ask(found, source.projection);
    if (!found.current) throw new Error('credential bundle is not issued yet');
    return found.current;
  }

  /** Pods that need a look: a certificate to be refreshed, a request that is gone. */
  due(): Set<string> {
    const all = [...this.#projections.values()];
    for (const one of all) {
      this.#tellLate(one);
      if (one.asked && one.asked.abandonMs < this.#parts.clock.now()) one.asked = undefined;
    }
    return new Set(all.filter((one) => !one.refused && this.#isDue(one)).map(({ pod }) => pod.metadata.uid));
  }

  forget(podUid: string): void {
    for (const id of this.#projections.keys()) if (id.startsWith(`${podUid}/`)) this.#projections.delete(id);
  }

  #isDue({ asked, current }: Projection): boolean {
    return !asked && (!current || current.beginRefreshMs <= this.#parts.clock.now());
  }

  #jitter(): number {
    return (this.#parts.jitter ?? ((mostMs) => Math.random() * mostMs))(5 * minuteMs);
  }

  #tellLate({ pod, current }: Projection): void {
    const now = this.#parts.clock.now();
    const tell = (reason: string, message: string) => {
      if (!current || current.told.has(reason)) return;
      current.told.add(reason);
      this.#parts.events.event(pod, 'Warning', reason, message);
    };
    if (current && now > current.beginRefreshMs + overdueAfterMs)
      tell('CertificateOverdueForRefresh', 'PodCertificate refresh overdue');
    if (current && now > current.notAfterMs) tell('CertificateExpired', 'PodCertificate expired');
  }

  async #ask(projection: Projection, source: PodCertificateProjection): Promise<void> {
    const { client, clock } = this.#parts;
    // Before anything is awaited, so that two looks at once ask once.
    projection.asked = { key: '', abandonMs: clock.now() + abandonAfterMs + this.#jitter() };
    try {
      this.#followed ??= this.#follow();
      this.#followed.catch(() => (this.#followed = undefined));
      const informer = await this.#followed;
      const privateKey = await newKey(source.keyType ?? '');
      projection.asked.key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      const made = await client.create(requests, await this.#request(projection.pod, source, privateKey));
      projection.asked.name = made.metadata.name;
      // It may have been decided before we knew its name.
      this.#seen(informer.get(keyOf(made)) ?? made);
    } catch (error) {
      projection.asked = undefined;
      throw error;
    }
  }

  async #request(pod: Pod, source: PodCertificateProjection, privateKey: KeyObject) {
    const { client, nodeName } = this.#parts;
    const { name, namespace, uid } = pod.metadata;
    const serviceAccountName = pod.spec.serviceAccountName ?? 'default';
    const [account, node] = await Promise.all([
      client.get(serviceAccounts, serviceAccountName, namespace),
      client.get(nodes, nodeName),
    ]);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
    return {
      metadata: { generateName: 'req-', name: '', namespace, ownerReferences },
      spec: {
        signerName: source.signerName ?? '',
        podName: name,
        podUID: uid,
        serviceAccountName,
        serviceAccountUID: account.metadata.uid,
        nodeName,
        nodeUID: node.metadata.uid,
        ...(source.maxExpirationSeconds !== undefined && { maxExpirationSeconds: source.maxExpirationSeconds }),
        stubPKCS10Request: emptyRequest(privateKey).toString('base64'),
        ...(source.userAnnotations && { unverifiedUserAnnotations: source.userAnnotations }),
      },
    };
  }

  async #follow(): Promise<Informer<PodCertificateRequest>> {
    const { client, informers, nodeName } = this.#parts;
    const fieldSelector = `spec.nodeName=${nodeName}`;
    await client.list(requests, { fieldSelector, limit: 1 });
    const informer = informers.informer(requests, { fieldSelector });
    await informer.whenSynced();
    const seen = (request: PodCertificateRequest) => this.#seen(request);
    informer.on({ added: seen, updated: seen, deleted: (request) => this.#gone(request) });
    return informer;
  }

  #projectionOf({ metadata, spec }: PodCertificateRequest): Projection | undefined {
    return [...this.#projections.values()].find(
      ({ pod, asked }) => pod.metadata.uid === spec.podUID && asked?.name === metadata.name,
    );
  }

  #gone(request: PodCertificateRequest): void {
    const projection = this.#projectionOf(request);
    if (!projection) return;
    projection.asked = undefined;
    this.#parts.changed([request.spec.podUID]);
  }

  /** Takes what the signer has decided. */
  #seen(request: PodCertificateRequest): void {
    const projection = this.#projectionOf(request);
    const decided = request.status?.conditions?.find(({ status }) => status === 'True');
    if (!projection?.asked || !decided) return;
    const { type, reason, message } = decided;
    if (type === 'Issued') projection.current = this.#issued(projection.asked.key, request);
    else {
      const how = type === 'Denied' ? 'denied' : 'failed';
      projection.refused = `PodCertificateRequest was permanently ${how}: reason=${JSON.stringify(reason)} message=${JSON.stringify(message)}`;
      const told = `PodCertificateRequest ${keyOf(request)} ${how === 'denied' ? 'was denied' : how}, reason=${JSON.stringify(reason)}, message=${JSON.stringify(message)}`;
      this.#parts.events.event(projection.pod, 'Warning', type, told);
    }
    projection.asked = undefined;
    this.#parts.changed([request.spec.podUID]);
  }

  #issued(key: string, { status }: PodCertificateRequest): Certificate {
    const { certificateChain = '', beginRefreshAt = '', notAfter = '' } = status ?? {};
    return {
      key,
      chain: pemBlocks(certificateChain)
        .map(({ bytes }) => pem('CERTIFICATE', bytes))
        .join(''),
      beginRefreshMs: Date.parse(beginRefreshAt) + this.#jitter(),
      notAfterMs: Date.parse(notAfter),
      told: new Set(),
    };
  }
}

const generate = promisify(generateKeyPair);
const curves: Record<string, string> = { ECDSAP256: 'P-256', ECDSAP384: 'P-384', ECDSAP521: 'P-521' };

async function newKey(type: string): Promise<KeyObject> {
  if (type === 'ED25519') return (await generate('ed25519')).privateKey;
  if (curves[type]) return (await generate('ec', { namedCurve: curves[type] })).privateKey;
  const [, bits] = /^RSA(3072|4096)$/.exec(type) ?? [];
  if (!bits) throw new Error(`unknown key type "${type}"`);
  return (await generate('rsa', { modulusLength: Number(bits) })).privateKey;
}
