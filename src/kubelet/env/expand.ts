/**
 * Replaces $(NAME) by the first map that knows NAME; unknown references stay as they are, and $$ is one $
 * (third_party/forked/golang/expansion).
 */
export function expand(text: string, ...maps: ReadonlyMap<string, string>[]): string {
  if (!text.includes('$')) return text;
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, next: string, name: string) => {
    if (next === '$') return '$';
    for (const map of maps) {
      const value = map.get(name);
      if (value !== undefined) return value;
    }
    return whole;
  });
}
