import type { Plugin } from '../plugin.ts';

const minBytes = 23 * 1024 * 1024;
const maxBytesPerContainer = 1000 * 1024 * 1024;

/** Prefers nodes that have the Pod's images already, the larger the better (imagelocality/image_locality.go). */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  normalise: 'absolute',
  score: (pod, { node }) => {
    const sizes = new Map(
      (node.status?.images ?? []).flatMap((image) => (image.names ?? []).map((name) => [name, image.sizeBytes ?? 0])),
    );
    const total = pod.spec.containers.reduce((sum, container) => sum + (sizes.get(container.image ?? '') ?? 0), 0);
    const max = maxBytesPerContainer * pod.spec.containers.length;
    return (100 * (Math.min(Math.max(total, minBytes), max) - minBytes)) / (max - minBytes);
  },
};
