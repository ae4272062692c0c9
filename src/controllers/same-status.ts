/** Whether two statuses say the same: a field that is absent and one that is zero or empty do, as the server drops those. */
export function sameStatus(a: object | undefined, b: object | undefined): boolean {
  return canonical(a ?? {}) === canonical(b ?? {});
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value)
    .filter(([, entry]) => entry !== undefined && entry !== null && entry !== 0 && entry !== '')
    .map(([name, entry]) => [name, canonical(entry)] as const)
    .filter(([, text]) => text !== '{}' && text !== '[]')
    .sort(([x], [y]) => (x < y ? -1 : 1));
  return `{${entries.map(([name, text]) => `${name}:${text}`).join()}}`;
}
