/** '1 process', '2 processes', '3 Pods'. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : /(s|x)$/.test(noun) ? 'es' : 's'}`;
}
