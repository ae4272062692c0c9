import { createHmac, randomBytes } from 'node:crypto';
import { pem } from '../../api/der.ts';
import type { ClusterTrustBundle } from '../../api/generated/certificates-v1beta1.ts';
import type { ClusterTrustBundleProjection } from '../../api/generated/core-v1.ts';
import { pemBlocks } from '../../api/pem.ts';
import { builtin } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import { hasReason, notFound } from '../../api/status-error.ts';
import type { Client } from '../../client/client.ts';
import type { Informer, InformerFactory } from '../../client/informer.ts';

const bundles = builtin<ClusterTrustBundle>('certificates.k8s.io', 'v1beta1', 'clustertrustbundles');

/** What ClusterTrustBundles say, for volumes (KEP-3257, kubelet clustertrustbundle_manager.go). */
export class TrustBundles {
  readonly #client: Client;
  readonly #informers: InformerFactory;
  /** Told the uids of Pods whose bundles have changed. */
  readonly #changed: (podUids: string[]) => void;
  /** Pods that have asked for bundles. */
  readonly #users = new Set<string>();
  /** All bundles, followed since the first Pod asked. */
  #followed: Promise<Informer<ClusterTrustBundle>> | undefined;

  constructor(parts: { client: Client; informers: InformerFactory; changed: (podUids: string[]) => void }) {
    this.#client = parts.client;
    this.#informers = parts.informers;
    this.#changed = parts.changed;
  }

  /** The anchors of one bundle, or of all of a signer that are selected, as PEM. */
  async get(podUid: string, source: ClusterTrustBundleProjection): Promise<string> {
    this.#users.add(podUid);
    this.#followed ??= this.#follow();
    this.#followed.catch(() => (this.#followed = undefined));
    const all = await this.#followed;
    const { name, signerName, labelSelector, optional } = source;
    if (name !== undefined) {
      const bundle = all.get(name);
      if (!bundle && !optional) throw new Error(`while getting ClusterTrustBundle: ${notFound(bundles, name).message}`);
      return normalizeAnchors(bundle ? [bundle] : []);
    }
    const selects = compileSelector(labelSelector);
    const found = all.list().filter(({ spec, metadata }) => spec.signerName === signerName && selects(metadata.labels));
    if (found.length === 0 && !optional)
      throw new Error('combination of signerName and labelSelector matched zero ClusterTrustBundles');
    return normalizeAnchors(found);
  }

  forget(podUid: string): void {
    this.#users.delete(podUid);
  }

  async #follow(): Promise<Informer<ClusterTrustBundle>> {
    try {
      await this.#client.list(bundles, { limit: 1 });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      throw new Error('ClusterTrustBundle projection needs certificates.k8s.io/v1beta1, which is not served', {
        cause: error,
      });
    }
    const informer = this.#informers.informer(bundles);
    await informer.whenSynced();
    const changed = () => this.#changed([...this.#users]);
    informer.on({ added: changed, updated: changed, deleted: changed });
    return informer;
  }
}

/** Orders the anchors, and is another one after each start: nobody shall rely on the order. */
const salt = randomBytes(16);

/** Each anchor once, without headers and what stands between, always in the same order. */
function normalizeAnchors(all: ClusterTrustBundle[]): string {
  const anchors = new Map<string, Buffer>();
  for (const { spec } of all)
    for (const { bytes } of pemBlocks(spec.trustBundle))
      anchors.set(createHmac('sha256', salt).update(bytes).digest('hex'), bytes);
  return [...anchors.keys()]
    .sort()
    .map((digest) => pem('CERTIFICATE', anchors.get(digest)!))
    .join('');
}
