import { open, rename, rm } from 'node:fs/promises';
import type { Blobs } from './blobs.ts';
import { fileChunks } from './decompress.ts';
import type { ImageRecord } from './image-records.ts';
import type { Index } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts';

/** Writes an archive that is both an OCI layout and what `docker load` reads, as docker 25 and later save. */
export async function saveArchive(blobs: Blobs, record: ImageRecord, file: string): Promise<void> {
  const { manifest, manifestDigest, info } = record;
  const names = info.names.length > 0 ? info.names : [undefined];
  const descriptor = {
    mediaType: manifest.mediaType ?? mediaTypes.ociManifest,
    digest: manifestDigest,
    size: blobs.size(manifestDigest),
  };
  const index: Index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: names.map((name) => ({
      ...descriptor,
      ...(name && {
        annotations: {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
        },
      }),
    })),
  };
  const docker = [
    {
      Config: blobName(manifest.config.digest),
      RepoTags: info.names.map(familiarName),
      Layers: manifest.layers.map((layer) => blobName(layer.digest)),
    },
  ];
  const digests = new Set([manifestDigest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)]);
  const temporary = `${file}.tmp-${process.pid}`;
  const out = await open(temporary, 'w', 0o644);
  try {
    const member = async (name: string, size: number, body: AsyncIterable<Buffer> | Buffer[]) => {
      await out.write(tarHeader({ name, type: 'file', mode: 0o644, size }));
      for await (const chunk of body) await out.write(chunk);
      await out.write(tarPadding(size));
    };
    const json = (name: string, value: unknown) => {
      const data = Buffer.from(JSON.stringify(value));
      return member(name, data.length, [data]);
    };
    await json('oci-layout', { imageLayoutVersion: '1.0.0' });
    await json('index.json', index);
    await json('manifest.json', docker);
    for (const digest of digests) await member(blobName(digest), blobs.size(digest), fileChunks(blobs.path(digest)));
    await out.write(tarEnd);
    await out.close();
    await rename(temporary, file);
  } finally {
    await out.close();
    await rm(temporary, { force: true });
  }
}

const blobName = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

/** 'docker.io/library/httpd:2.4' to 'httpd:2.4', as docker writes its own images. */
function familiarName(name: string): string {
  return name.replace(/^docker\.io\/(library\/)?/, '');
}
