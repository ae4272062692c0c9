import type { Kind } from '../kind.ts';

const kinds: readonly Kind[] = [];
const byType = new Map(kinds.map((kind) => [kind.type, kind]));

/** What the kind with this type, such as 'apps/v1.Deployment', adds to the generic implementation. */
export function kindOf(type: string): Kind | undefined {
  return byType.get(type);
}
