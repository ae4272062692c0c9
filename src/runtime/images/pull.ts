import { causes } from '../../base/errors.ts';
import { ImageError, type PulledImage, type PullOptions } from '../runtime.ts';
import type { Descriptor } from './blobs.ts';
import type { StoreParts } from './images.ts';
import { inParallel, installImage, layersOf, unpackBlob } from './install.ts';
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
/** Layers on their way at once, as in skopeo. */
const parallelLayers = 6;
const maxConfigBytes = 8 << 20;

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
): Promise<PulledImage> {
  const reference = parseReference(name);
  try {
    const { client, target, usedCredential } = await resolve(reference, options, config, parts);
    const manifest = await fetchManifest(parts, client, target);
    await fetchContent(parts, client, manifest, options);
    const digestName = `${repositoryOf(reference)}@${target.digest}`;
    const names = reference.digest ? [digestName] : [formatReference(reference), digestName];
    const image = await installImage(parts, manifest, names, target);
    return { ...image, ...(usedCredential !== undefined && { usedCredential }) };
  } catch (error) {
    const message = `failed to pull and unpack image "${name}": ${(error as Error).message}`;
    const { status = 0 } = causes(error).find((one) => one instanceof RegistryError) ?? {};
    throw new ImageError(status >= 500 ? 'RegistryUnavailable' : 'ErrImagePull', message, error);
  }
}

/** Finds which endpoint and credential lead to the image, and stores the document that the reference stands for. */
async function resolve(
  reference: Reference,
  options: PullOptions,
  config: RegistryConfig,
  parts: StoreParts,
): Promise<{ client: RegistryClient; target: Descriptor; usedCredential: number | undefined }> {
  const full = formatReference(reference);
  let failure: Error | undefined;
  for (const endpoint of endpointsOf(reference.domain, config)) {
    if (endpoint.fallback && !speaksOtherProtocol(failure)) continue;
    if (endpoint.onlyDigests && !reference.digest) continue;
    // What a Secret says of a registry is not for those that stand in for it (containerd's ParseAuth).
    const credentials: Credential[] = endpoint.mirror ? [{}] : [...(options.credentials ?? []), {}];
    for (const [i, credential] of credentials.entries()) {
      const client = new RegistryClient(endpoint, reference.path, credential, options.signal);
      try {
        const target = await resolveDigest(parts, client, reference);
        // What a mirror gives to anybody is still had in the name of who asked.
        const usedCredential = i < (options.credentials?.length ?? 0) ? i : undefined;
        return { client, target, usedCredential };
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

/** TLS to a server that speaks plain HTTP, or the other way round. */
function speaksOtherProtocol(failure: Error | undefined): boolean {
  if (failure instanceof RegistryError) return failure.status === 400 && !failure.fromRegistry;
  const codes = causes(failure).map((error) => (error as NodeJS.ErrnoException).code ?? '');
  return codes.some((code) => /^(EPROTO|ECONNRESET|HPE_|ERR_SSL)/.test(code));
}

function resolveFailure(failure: Error | undefined, full: string, reference: Reference): string {
  if (!(failure instanceof RegistryError)) return failure?.message ?? 'no endpoint';
  if (failure.status === 404) return `${full}: not found`;
  if (failure.status === 401) {
    return `pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed (registry ${reference.domain})`;
  }
  return failure.message;
}

/**
 * What the reference stands for now. A tag is asked for with HEAD first, which registries do not count as a pull, and the
 * document is fetched only if it is another one than before.
 */
async function resolveDigest(parts: StoreParts, client: RegistryClient, reference: Reference): Promise<Descriptor> {
  if (reference.digest) return fetchDocument(parts, client, reference.digest);
  const tag = reference.tag ?? 'latest';
  const known = await client.digest(client.url('manifests', tag), { accept }).catch((error: Error) => {
    // Some answer HEAD badly that answer GET well.
    if (error instanceof RegistryError && error.status !== 401 && error.status !== 403) return undefined;
    throw error instanceof RegistryError ? error : requestFailed(client.url('manifests', tag), 'Head', error);
  });
  return fetchDocument(parts, client, known !== undefined && parts.blobs.has(known) ? known : tag);
}

function requestFailed(url: URL, method: string, cause: Error): Error {
  return new Error(`failed to do request: ${method} "${url}": ${cause.message}`, { cause });
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
    throw requestFailed(url, 'Get', error);
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

/** The config first, as it tells what each layer must hold; then each layer is unpacked as soon as it is there. */
async function fetchContent(
  parts: StoreParts,
  client: RegistryClient,
  { digest }: Descriptor,
  options: PullOptions,
): Promise<void> {
  const manifest = parts.blobs.json<Manifest>(digest);
  if (manifest.config.size > maxConfigBytes)
    throw new Error(`config ${manifest.config.digest} of ${manifest.config.size} bytes is too long`);
  await fetchBlob(parts, client, manifest.config, options);
  await inParallel(parallelLayers, layersOf(parts, manifest), async (layer) => {
    await fetchBlob(parts, client, layer.blob, options);
    await unpackBlob(parts, layer).catch((error: Error) => {
      throw new Error(`failed to extract layer ${layer.diffId}: ${error.message}`, { cause: error });
    });
  });
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
