import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Limiter } from '../limiter.ts';

/** kubelet.config.k8s.io ImagePullCredentialsVerificationPolicy. */
export const verificationPolicies = [
  'NeverVerify',
  'NeverVerifyPreloadedImages',
  'NeverVerifyAllowlistedImages',
  'AlwaysVerify',
] as const;

export interface Verification {
  policy: (typeof verificationPolicies)[number];
  /** Images that the third policy lets pass: 'registry.example.org/app', or all below with '/*' at the end. */
  allowlist: string[];
}

/** A Secret with which an image may be had, and what it said then. */
export interface SecretCredential {
  uid: string;
  namespace: string;
  name: string;
  credentialHash: string;
}

/** Who may use an image under one of its names. */
interface Access {
  nodePodsAccessible?: boolean;
  kubernetesSecrets?: SecretCredential[];
}

interface PulledRecord {
  apiVersion: string;
  kind: 'ImagePulledRecord';
  lastUpdatedTime: string;
  imageRef: string;
  /** By name of the image, without tag and digest. */
  credentialMapping: Record<string, Access>;
}

interface PullIntent {
  image: string;
}

/** With so many Secrets known a match is no longer recorded (pullmanager writeRecordWhileMatchingLimit). */
const mostMatches = 100;

const apiVersion = 'kubelet.config.k8s.io/v1beta1';

/**
 * With which Secrets the images of this node were pulled: a Pod that cannot show one of them does not get such an image
 * just because it is there (KEP-2535, kubelet images/pullmanager). Kept on disk, as the images are.
 */
export class PullRecords {
  readonly #directory: string;
  readonly #verification: Verification;
  /** Pulls under way, by image: an intent is on disk as long as there is one. */
  readonly #pulling = new Map<string, number>();
  /** Changes one after the other. */
  readonly #changes = new Limiter(1);

  constructor(directory: string, verification: Verification) {
    this.#directory = directory;
    this.#verification = verification;
  }

  /** Whether a Pod with these Secrets has to ask the registry although the image is there. */
  async mustPull(image: string, imageRef: string, secrets: SecretCredential[]): Promise<boolean> {
    const { policy, allowlist } = this.#verification;
    if (policy === 'NeverVerify') return false;
    const record = await this.#read(imageRef);
    const repository = repositoryName(image);
    if (!record && !(await exists(this.#intent(image)))) {
      if (policy === 'NeverVerifyPreloadedImages') return false;
      if (policy === 'NeverVerifyAllowlistedImages' && isAllowed(repository, allowlist)) return false;
    }
    const access = record?.credentialMapping[repository];
    if (!access) return true;
    if (access.nodePodsAccessible) return false;
    const known = access.kubernetesSecrets ?? [];
    const full = known.length >= mostMatches;
    // A Secret that says something else by now is trusted, too: credentials are renewed.
    const matches = (one: SecretCredential) => (other: SecretCredential) =>
      one.credentialHash === other.credentialHash || (!full && isSameSecret(one, other));
    const match = secrets.find((one) => known.some(matches(one)));
    if (match && !full) await this.#allow(image, imageRef, match);
    return match === undefined;
  }

  /** A pull begins: should we die before it is recorded, the image does not pass for one that was always there. */
  async begin(image: string): Promise<void> {
    const running = this.#pulling.get(image) ?? 0;
    this.#pulling.set(image, running + 1);
    if (running > 0) return;
    const kind = 'ImagePullIntent';
    await write(this.#intent(image), JSON.stringify({ apiVersion, kind, image }));
  }

  async failed(image: string): Promise<void> {
    await this.#end(image);
  }

  /** @param secret with which it was had; undefined: anybody may have it */
  async pulled(image: string, imageRef: string, secret: SecretCredential | undefined): Promise<void> {
    await this.#allow(image, imageRef, secret);
    await this.#end(image);
  }

  /**
   * Pulls that a kubelet before us has not recorded any more: what is there of them was pulled, but nobody knows with what
   * (pullmanager initialize).
   */
  async open(resolve: (image: string) => Promise<{ id: string } | undefined>): Promise<void> {
    for (const { image } of await this.#all<PullIntent>('pulling')) {
      const present = await resolve(image).catch(() => undefined);
      if (!present) continue;
      await this.#changes.run(async () => {
        if (!(await this.#read(present.id))) await this.#write(emptyRecord(present.id));
      });
      await fs.rm(this.#intent(image), { force: true });
    }
  }

  /** Forgets all images but these, except what was recorded since (pullmanager PruneUnknownRecords). */
  prune(imageRefs: ReadonlySet<string>, sinceMs: number): Promise<void> {
    return this.#changes.run(async () => {
      for (const { imageRef, lastUpdatedTime } of await this.#all<PulledRecord>('pulled'))
        if (!imageRefs.has(imageRef) && Date.parse(lastUpdatedTime) < sinceMs)
          await fs.rm(this.#record(imageRef), { force: true });
    });
  }

  async #end(image: string): Promise<void> {
    const running = (this.#pulling.get(image) ?? 1) - 1;
    if (running > 0) this.#pulling.set(image, running);
    else {
      this.#pulling.delete(image);
      await fs.rm(this.#intent(image), { force: true });
    }
  }

  #allow(image: string, imageRef: string, secret: SecretCredential | undefined): Promise<void> {
    return this.#changes.run(async () => {
      const record = (await this.#read(imageRef)) ?? emptyRecord(imageRef);
      const name = repositoryName(image);
      const before = record.credentialMapping[name];
      const after = withSecret(before, secret);
      if (after === before) return;
      record.credentialMapping[name] = after;
      await this.#write(record);
    });
  }

  #write(record: PulledRecord): Promise<void> {
    const lastUpdatedTime = new Date().toISOString();
    return write(this.#record(record.imageRef), JSON.stringify({ ...record, lastUpdatedTime }));
  }

  /** All that can be read. */
  async #all<T>(folder: 'pulled' | 'pulling'): Promise<T[]> {
    const directory = path.join(this.#directory, folder);
    const names = await fs.readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const read = async (name: string) => JSON.parse(await fs.readFile(path.join(directory, name), 'utf8')) as T;
    const settled = await Promise.allSettled(names.filter((name) => !name.endsWith('.tmp')).map(read));
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  async #read(imageRef: string): Promise<PulledRecord | undefined> {
    try {
      return JSON.parse(await fs.readFile(this.#record(imageRef), 'utf8')) as PulledRecord;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      // One that cannot be read says that it was pulled, but not with what.
      return emptyRecord(imageRef);
    }
  }

  #record(imageRef: string): string {
    return path.join(this.#directory, 'pulled', fileName(imageRef));
  }

  #intent(image: string): string {
    return path.join(this.#directory, 'pulling', fileName(image));
  }
}

const emptyRecord = (imageRef: string): PulledRecord => ({
  ...{ apiVersion, kind: 'ImagePulledRecord', lastUpdatedTime: '', imageRef, credentialMapping: {} },
});

const fileName = (text: string) => `sha256-${createHash('sha256').update(text).digest('hex')}`;

/** An image that anybody could have once is anybody's. */
function withSecret(access: Access | undefined, secret: SecretCredential | undefined): Access {
  if (access?.nodePodsAccessible) return access;
  if (!secret) return { nodePodsAccessible: true };
  const known = access?.kubernetesSecrets ?? [];
  const same = (one: SecretCredential) => isSameSecret(one, secret);
  if (access && known.some((one) => same(one) && one.credentialHash === secret.credentialHash)) return access;
  return { kubernetesSecrets: [...known.filter((one) => !same(one)), secret] };
}

const isSameSecret = (one: SecretCredential, other: SecretCredential) =>
  one.uid === other.uid && one.namespace === other.namespace && one.name === other.name;

/** The name without tag and digest. */
const repositoryName = (image: string) => image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');

const isAllowed = (repository: string, allowlist: string[]) =>
  allowlist.some((one) => (one.endsWith('/*') ? repository.startsWith(one.slice(0, -1)) : repository === one));

const exists = (file: string) =>
  fs.stat(file).then(
    () => true,
    () => false,
  );

async function write(file: string, text: string): Promise<void> {
  await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await fs.writeFile(`${file}.tmp`, text, { mode: 0o600 });
  await fs.rename(`${file}.tmp`, file);
}
