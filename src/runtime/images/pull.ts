import { ImageError, type ImageInfo, type PullOptions } from '../runtime.ts';
import type { Descriptor } from './blobs.ts';
import { installImage, type StoreParts } from './images.ts';
import { choosePlatform, type Index, looksLikeIndex, type Manifest } from './manifest.ts';
import { isIndex, isManifest, mediaTypes } from './media-types.ts';
import { formatReference, parseReference, type Reference, repositoryOf } from './reference.ts';
import { RegistryClient, RegistryError, readBody } from './registry.ts';
import type { Credential } from './registry-auth.ts';
import { endpointsOf, type RegistryConfig, readRegistryConfig } from './registry-config.ts';

const accept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  '*/*',
].join(', ');
const attempts = 5;
const parallelLayers = 3;

/**
 * Pulls the image of a full name: asks the registry's mirrors and then itself, with each credential and then none, and
 * takes the first answer. What arrives is stored only if it has its digest. Errors read as containerd words them, as
 * that is what people find when they search for the text of an Event.
 */
export async function pullImage(
  parts: StoreParts,
  name: string,
  options: PullOptions,
  config: RegistryConfig = readRegistryConfig(parts.dir),
): Promise<ImageInfo> {
  const reference = parseReference(name);
  try {
    const { client, target } = await resolve(reference, options, config, parts);
    const manifest = await fetchManifest(parts, client, target);
    await fetchContent(parts, client, manifest, options);
    const digestName = `${repositoryOf(reference)}@${target.digest}`;
    const names = reference.digest ? [digestName] : [formatReference(reference), digestName];
    return await installImage(parts, manifest, names, target);
  } catch (error) {
    const message = `failed to pull and unpack image "${name}": ${(error as Error).message}`;
    throw new ImageError('ErrImagePull', message, error);
  }
}

/** Finds which endpoint and credential lead to the image, and stores the document that the reference stands for. */
async function resolve(
  reference: Reference,
  options: PullOptions,
  config: RegistryConfig,
  parts: StoreParts,
): Promise<{ client: RegistryClient; target: Descriptor }> {
  const full = formatReference(reference);
  const credentials: Credential[] = [...(options.credentials ?? []), {}];
  let failure: Error | undefined;
  for (const endpoint of endpointsOf(reference.domain, config)) {
    for (const credential of credentials) {
      const client = new RegistryClient(endpoint, reference.path, credential, options.signal);
      try {
        return { client, target: await fetchDocument(parts, client, reference.digest ?? reference.tag ?? 'latest') };
      } catch (error) {
        failure = error as Error;
        if (options.signal?.aborted) throw error;
        const denied = error instanceof RegistryError && (error.status === 401 || error.status === 403);
        if (!denied) break; // another credential would not help
      }
    }
  }
  throw new Error(`failed to resolve reference "${full}": ${resolveFailure(failure, full, reference)}`, {
    cause: failure,
  });
}

function resolveFailure(failure: Error | undefined, full: string, reference: Reference): string {
  if (!(failure instanceof RegistryError)) return failure?.message ?? 'no endpoint';
  if (failure.status === 404) return `${full}: not found`;
  if (failure.status === 401) {
    return `pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed (registry ${reference.domain})`;
  }
  return failure.message;
}

/** Fetches a manifest or an index, verifies and stores it. */
async function fetchDocument(parts: StoreParts, client: RegistryClient, reference: string): Promise<Descriptor> {
  const isDigest = reference.includes(':');
  const url = client.url('manifests', reference);
  if (isDigest && parts.blobs.has(reference)) {
    const { mediaType = mediaTypes.ociManifest } = parts.blobs.json<Manifest>(reference);
    return { mediaType, digest: reference, size: parts.blobs.size(reference) };
  }
  const response = await client.get(url, { accept }).catch((error: Error) => {
    if (error instanceof RegistryError) throw error;
    throw new Error(`failed to do request: Get "${url}": ${error.message}`, { cause: error });
  });
  const body = await readBody(response);
  const declared = (response.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  const document = JSON.parse(body.toString()) as { mediaType?: string; schemaVersion?: number };
  const mediaType = document.mediaType ?? declared;
  if (
    document.schemaVersion !== 2 ||
    !(isIndex(mediaType) || isManifest(mediaType) || looksLikeIndex(document as Index))
  ) {
    throw new Error(`media type "${mediaType}" is not supported`);
  }
  if (isDigest) {
    await parts.blobs.putStream(
      (async function* () {
        yield body;
      })(),
      reference,
    );
    return { mediaType, digest: reference, size: body.length };
  }
  return parts.blobs.put(body, mediaType);
}

/** The manifest for this machine. */
async function fetchManifest(parts: StoreParts, client: RegistryClient, target: Descriptor): Promise<Descriptor> {
  const document = parts.blobs.json<Index | Manifest>(target.digest);
  if (!looksLikeIndex(document as Index, target.mediaType)) return target;
  const chosen = choosePlatform(document as Index);
  if (!chosen) throw new Error('no match for platform in manifest: not found');
  return fetchManifest(parts, client, await fetchDocument(parts, client, chosen.digest));
}

async function fetchContent(
  parts: StoreParts,
  client: RegistryClient,
  { digest }: Descriptor,
  options: PullOptions,
): Promise<void> {
  const manifest = parts.blobs.json<Manifest>(digest);
  const queue = [manifest.config, ...manifest.layers];
  const worker = async () => {
    for (let blob = queue.shift(); blob; blob = queue.shift()) await fetchBlob(parts, client, blob, options);
  };
  await Promise.all(Array.from({ length: parallelLayers }, worker));
}

async function fetchBlob(
  parts: StoreParts,
  client: RegistryClient,
  blob: Descriptor,
  options: PullOptions,
): Promise<void> {
  const report = (doneBytes: number) => options.onProgress?.({ layer: blob.digest, doneBytes, totalBytes: blob.size });
  if (!parts.blobs.has(blob.digest)) {
    await parts.blobs.putStream(download(client, blob, report), blob.digest).catch((error: Error) => {
      throw new Error(`failed to copy: ${blob.digest}: ${error.message}`, { cause: error });
    });
  }
  report(blob.size);
}

/** The bytes of a blob; after a broken connection it goes on where it was, with a Range request. */
async function* download(
  client: RegistryClient,
  blob: Descriptor,
  report: (doneBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const url = client.url('blobs', blob.digest);
  let done = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await client.get(url, done > 0 ? { range: `bytes=${done}-` } : {});
      let skip = done > 0 && response.statusCode !== 206 ? done : 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        const useful = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - useful.length;
        if (useful.length === 0) continue;
        done += useful.length;
        if (done > blob.size)
          throw new RegistryError(`blob is larger than the ${blob.size} bytes of its descriptor`, 0);
        report(done);
        yield useful;
      }
      if (done === blob.size) return;
      throw new Error(`connection closed after ${done} of ${blob.size} bytes`);
    } catch (error) {
      const final = error instanceof RegistryError && error.status < 500 && error.status !== 429;
      if (final || attempt >= attempts || (error as Error).name === 'AbortError') throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt));
    }
  }
}
