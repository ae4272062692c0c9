import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ConfigFile } from './manifest.ts';
import { normalizeName, parseReference, repositoryOf } from './reference.ts';
import { assembleTar, chainIds } from './tar-split.ts';

/** An image in the store of docker or of podman, buildah and CRI-O on this machine. */
export interface LocalImage {
  /** 'sha256:…' of its config. */
  id: string;
  /** Under which digests a registry had it; none when it was built here. */
  digests: string[];
  config: Buffer;
  /** The archive of each layer, lowest first. */
  layers: (() => AsyncIterable<Buffer>)[];
}

export interface LocalStores {
  /** @default '/var/lib/docker' */
  docker: string;
  /** @default '/var/lib/containers/storage' */
  containers: string;
}

export const defaultLocalStores: LocalStores = {
  docker: '/var/lib/docker',
  containers: '/var/lib/containers/storage',
};

/** The image of this full name that another engine of the machine has. Reads its files; needs no daemon. */
export function findLocalImage(name: string, stores: LocalStores): LocalImage | undefined {
  return findInDocker(name, path.join(stores.docker)) ?? findInContainersStorage(name, stores.containers);
}

/** moby image/fs.go, reference/store.go, layer/filestore.go: metadata in image/overlay2, files in overlay2/<cache id>/diff. */
function findInDocker(name: string, root: string): LocalImage | undefined {
  const meta = path.join(root, 'image/overlay2');
  const file = path.join(meta, 'repositories.json');
  if (!existsSync(file)) return undefined;
  const { Repositories: repositories } = readJson<{ Repositories: Record<string, Record<string, string>> }>(file);
  const ids = new Map(Object.values(repositories).flatMap((one) => Object.entries(one)));
  const id = [...ids].find(([familiar]) => normalizeName(familiar) === name)?.[1];
  if (!id) return undefined;
  const repository = repositoryOf(parseReference(name));
  const digests = [...ids].flatMap(([familiar, other]) => {
    const reference = parseReference(familiar);
    return other === id && reference.digest && repositoryOf(reference) === repository ? [reference.digest] : [];
  });
  const config = readFileSync(path.join(meta, 'imagedb/content', id.replace(':', '/')));
  const layers = chainIds(diffIdsOf(config)).map((chain) => {
    const layer = path.join(meta, 'layerdb', chain.replace(':', '/'));
    const cacheId = readFileSync(path.join(layer, 'cache-id'), 'utf8').trim();
    return () => assembleTar(path.join(layer, 'tar-split.json.gz'), path.join(root, 'overlay2', cacheId, 'diff'));
  });
  return { id, digests, config, layers };
}

interface StoredImage {
  id: string;
  digest?: string;
  names?: string[];
  layer: string;
}

interface StoredLayer {
  id: string;
  parent?: string;
}

/** containers/storage images.go, layers.go: metadata in overlay-images and overlay-layers, files in overlay/<id>/diff. */
function findInContainersStorage(name: string, root: string): LocalImage | undefined {
  const file = path.join(root, 'overlay-images/images.json');
  if (!existsSync(file)) return undefined;
  // podman files what it builds under localhost/.
  const wanted = [name, name.replace(/^docker\.io\/library\//, 'localhost/')];
  const images = readJson<StoredImage[]>(file);
  const image = wanted.map((one) => images.find(({ names }) => names?.includes(one))).find((found) => found);
  if (!image) return undefined;
  const own = image.names?.includes(name) ? name : '';
  const id = `sha256:${image.id}`;
  const config = readFileSync(path.join(root, 'overlay-images', image.id, bigDataName(id)));
  const all = readJson<StoredLayer[]>(path.join(root, 'overlay-layers/layers.json'));
  const byId = new Map(all.map((layer) => [layer.id, layer]));
  const stack: string[] = [];
  for (let layer = byId.get(image.layer); layer; layer = byId.get(layer.parent ?? '')) stack.unshift(layer.id);
  return {
    id,
    digests: image.digest && own && !own.startsWith('localhost/') ? [image.digest] : [],
    config,
    layers: stack.map(
      (layer) => () =>
        assembleTar(
          path.join(root, 'overlay-layers', `${layer}.tar-split.gz`),
          path.join(root, 'overlay', layer, 'diff'),
        ),
    ),
  };
}

/** containers/storage makeBigDataBaseName: names that might be no file names are written as base64. */
function bigDataName(name: string): string {
  return `=${Buffer.from(name).toString('base64')}`;
}

function diffIdsOf(config: Buffer): string[] {
  return (JSON.parse(config.toString()) as ConfigFile).rootfs.diff_ids;
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}
