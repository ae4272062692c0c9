import { mkdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { ImageError, type ImageInfo } from '../runtime.ts';
import type { Descriptor } from './blobs.ts';
import { decompress, fileChunks } from './decompress.ts';
import type { StoreParts } from './images.ts';
import { installImage } from './install.ts';
import { type ConfigFile, choosePlatform, type Index, looksLikeIndex, type Manifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { normalizeName } from './reference.ts';
import { readTar } from './tar-reader.ts';

/** Members of an image archive by name: small ones can be read, large ones are streamed. */
interface ArchiveFiles {
  has(name: string): boolean;
  size(name: string): number;
  stream(name: string): AsyncIterable<Buffer>;
}

/** Loads the images of a docker-archive or an OCI archive, which may be compressed, or of an OCI layout directory. */
export async function loadArchive(parts: StoreParts, file: string): Promise<ImageInfo[]> {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) throw new ImageError('ImageLoadFailed', `no such image archive: ${file}`);
  const scratch = parts.blobs.temporary();
  try {
    const files = stats.isDirectory() ? directoryFiles(file) : await archiveFiles(file, scratch);
    if (files.has('index.json')) return await loadOci(parts, files);
    if (files.has('manifest.json')) return await loadDocker(parts, files);
    throw new Error("it holds neither 'index.json' (OCI) nor 'manifest.json' (docker)");
  } catch (error) {
    throw new ImageError('ImageLoadFailed', `load image archive ${file}: ${(error as Error).message}`, error);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function loadOci(parts: StoreParts, files: ArchiveFiles): Promise<ImageInfo[]> {
  const index = await readJson<Index>(files, 'index.json');
  const dockerNames = files.has('manifest.json') ? await readDockerManifest(files) : [];
  const loaded = new Map<string, ImageInfo>();
  for (const entry of index.manifests) {
    const manifest = await importManifest(parts, files, entry);
    if (!manifest) continue;
    const config = parts.blobs.json<Manifest>(manifest.digest).config.digest;
    const names = entryNames(entry);
    for (const docker of dockerNames) {
      if (names.length === 0 && docker.Config.endsWith(config.slice(7))) names.push(...(docker.RepoTags ?? []));
    }
    const repository = `docker.io/library/import@${manifest.digest}`;
    const full = names.length > 0 ? names.map(normalizeName) : [repository];
    const info = await installImage(parts, manifest, full);
    loaded.set(info.id, info);
  }
  if (loaded.size === 0) throw new Error('it holds no image for this machine');
  return [...loaded.keys()].map((id) => parts.records.find(id)?.info as ImageInfo);
}

/** Copies a manifest and all that it needs into the store; an index gives way to its manifest for this machine. */
async function importManifest(
  parts: StoreParts,
  files: ArchiveFiles,
  descriptor: Descriptor,
): Promise<Descriptor | undefined> {
  await importBlob(parts, files, descriptor);
  const document = parts.blobs.json<Manifest | Index>(descriptor.digest);
  if (looksLikeIndex(document as Index, descriptor.mediaType)) {
    const chosen = choosePlatform(document as Index);
    return chosen && files.has(blobName(chosen.digest)) ? importManifest(parts, files, chosen) : undefined;
  }
  const manifest = document as Manifest;
  for (const blob of [manifest.config, ...manifest.layers]) await importBlob(parts, files, blob);
  return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}

async function importBlob(parts: StoreParts, files: ArchiveFiles, { digest }: Descriptor): Promise<void> {
  if (parts.blobs.has(digest)) return;
  if (!files.has(blobName(digest))) throw new Error(`blob ${digest} is missing`);
  await parts.blobs.putStream(files.stream(blobName(digest)), digest);
}

const blobName = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

/** Names that containerd, skopeo and docker put on an entry. A bare tag ('2.4') names no image. */
function entryNames({ annotations = {} }: Descriptor): string[] {
  const name = annotations['io.containerd.image.name'];
  if (name) return [name];
  const reference = annotations['org.opencontainers.image.ref.name'];
  return reference && /[:/]/.test(reference) ? [reference] : [];
}

interface DockerManifest {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

function readDockerManifest(files: ArchiveFiles): Promise<DockerManifest[]> {
  return readJson<DockerManifest[]>(files, 'manifest.json');
}

/** docker save before 25 (moby image/tarexport): configs and layer tars by path, without a manifest, which is made here. */
async function loadDocker(parts: StoreParts, files: ArchiveFiles): Promise<ImageInfo[]> {
  const loaded = new Map<string, ImageInfo>();
  for (const image of await readDockerManifest(files)) {
    const data = await readAll(files, image.Config);
    const config = await parts.blobs.put(data, mediaTypes.ociConfig);
    const { rootfs } = JSON.parse(data.toString()) as ConfigFile;
    if (rootfs.diff_ids.length !== image.Layers.length) throw new Error(`${image.Config} does not fit its layers`);
    const layers: Descriptor[] = [];
    for (const layer of image.Layers) {
      const blob = await parts.blobs.putStream(files.stream(layer));
      layers.push({ mediaType: await layerType(parts, blob.digest), ...blob });
    }
    const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
    const descriptor = await parts.blobs.put(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest);
    const names = (image.RepoTags ?? []).map(normalizeName);
    const full = names.length > 0 ? names : [`docker.io/library/import@${descriptor.digest}`];
    const info = await installImage(parts, descriptor, full);
    loaded.set(info.id, info);
  }
  return [...loaded.keys()].map((id) => parts.records.find(id)?.info as ImageInfo);
}

async function layerType(parts: StoreParts, digest: string): Promise<string> {
  for await (const chunk of fileChunks(parts.blobs.path(digest), 0, 4)) {
    if (chunk[0] === 0x1f && chunk[1] === 0x8b) return mediaTypes.ociLayerGzip;
    if (chunk.length === 4 && chunk.readUInt32LE(0) === 0xfd2fb528) return mediaTypes.ociLayerZstd;
  }
  return mediaTypes.ociLayer;
}

// ---- access to the members

async function readAll(files: ArchiveFiles, name: string): Promise<Buffer> {
  if (!files.has(name)) throw new Error(`member '${name}' is missing`);
  if (files.size(name) > 64 << 20) throw new Error(`member '${name}' is too long`);
  const chunks: Buffer[] = [];
  for await (const chunk of files.stream(name)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function readJson<T>(files: ArchiveFiles, name: string): Promise<T> {
  return JSON.parse((await readAll(files, name)).toString()) as T;
}

function directoryFiles(dir: string): ArchiveFiles {
  const place = (name: string) => path.join(dir, path.join('/', name));
  return {
    has: (name) => statSync(place(name), { throwIfNoEntry: false })?.isFile() ?? false,
    size: (name) => statSync(place(name)).size,
    stream: (name) => fileChunks(place(name)),
  };
}

/** Where each member's bytes are: in the archive itself if it is plain, else in a copy that is written while reading. */
async function archiveFiles(file: string, scratch: string): Promise<ArchiveFiles> {
  mkdirSync(scratch);
  const members = new Map<string, { offset: number; size: number }>();
  const links = new Map<string, string>();
  const copyPath = path.join(scratch, 'data');
  const copy = await open(copyPath, 'w', 0o600);
  let offset = 0;
  try {
    for await (const entry of readTar(decompress(fileChunks(file)))) {
      const name = path.join('/', entry.name).slice(1);
      if (entry.type === 'symlink') links.set(name, path.join('/', path.dirname(name), entry.linkName).slice(1));
      if (entry.type === 'link') links.set(name, path.join('/', entry.linkName).slice(1));
      if (entry.type !== 'file') continue;
      members.set(name, { offset, size: entry.size });
      for await (const chunk of entry.body) await copy.write(chunk);
      offset += entry.size;
    }
  } finally {
    await copy.close();
  }
  const member = (name: string) => members.get(links.get(name) ?? name);
  return {
    has: (name) => member(name) !== undefined,
    size: (name) => member(name)?.size ?? 0,
    stream: (name) => {
      const found = member(name);
      if (!found) throw new Error(`member '${name}' is missing`);
      return fileChunks(copyPath, found.offset, found.size);
    },
  };
}
