import { createHash } from 'node:crypto';
import type { ImageCheck } from '../runtime.ts';
import { fileChunks } from './decompress.ts';
import { isUnpacked } from './image-records.ts';
import type { StoreParts } from './images.ts';

/** Whether all that the names lead to is there, and whole: by size, with `deep` by digest. Reads only. */
export async function checkImages(parts: StoreParts, { deep = false }: { deep?: boolean }): Promise<ImageCheck> {
  const { names, records, blobs } = parts;
  const problems: ImageCheck['problems'] = [];
  const wanted = new Map<string, number | undefined>();
  for (const [name, descriptor] of names.names()) {
    if (!blobs.has(descriptor.digest))
      problems.push({ about: name, problem: `its manifest ${descriptor.digest} is missing` });
    else wanted.set(descriptor.digest, descriptor.size);
  }
  const all = records.all();
  for (const { info, manifest } of all) {
    const about = info.names[0] ?? info.digests[0] ?? info.id;
    for (const { digest, size } of [manifest.config, ...manifest.layers]) {
      if (!blobs.has(digest)) problems.push({ about, problem: `its blob ${digest} is missing` });
      else wanted.set(digest, size);
    }
    if (!isUnpacked(info)) problems.push({ about, problem: 'not all its layers are unpacked' });
  }
  for (const [digest, size] of wanted) {
    if (size !== undefined && blobs.size(digest) !== size)
      problems.push({ about: digest, problem: `has ${blobs.size(digest)} bytes, and should have ${size}` });
    else if (deep && (await digestOf(blobs.path(digest))) !== digest)
      problems.push({ about: digest, problem: 'its content has another digest' });
  }
  return { problems, images: all.length, blobs: wanted.size };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fileChunks(file)) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}
