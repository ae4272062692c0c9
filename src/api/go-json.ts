/** How Go's encoding/json and sigs.k8s.io/json name things in their messages. */

/** A JSON value as an UnmarshalTypeError names it. */
export function goValueName(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : 'object';
}

/** A text in double quotes as Go's strconv.Quote writes it. */
export function goQuote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to be escaped
  return `"${text.replace(/[\\"\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029\ufeff]/g, escapeRune)}"`;
}

const shortEscapes: Record<string, string> = {
  '\\': '\\\\',
  '"': '\\"',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function escapeRune(rune: string): string {
  const short = shortEscapes[rune];
  if (short) return short;
  const code = rune.charCodeAt(0);
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
