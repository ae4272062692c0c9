/**
 * The tag of an image reference as pkg/util/parsers ParseImageName finds it: 'latest' when it has neither tag nor
 * digest, '' when it has a digest only or is no reference.
 */
export function imageTag(image: string): string {
  if (image === '') return '';
  const [name = '', digest] = image.split('@', 2);
  const last = name.slice(name.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  if (colon >= 0) return last.slice(colon + 1);
  return digest === undefined ? 'latest' : '';
}
