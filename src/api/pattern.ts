import v8 from 'node:v8';

/**
 * A regular expression of somebody who is not trusted: Go's RE2 has no look-around and no back references, and takes
 * linear time. V8 does so too, where it can, once it has gone back and forth too often.
 */
v8.setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

const cacheSize = 1000;
/** Compiled expressions by flags and text, oldest first. */
const compiled = new Map<string, RegExp>();

/** Compiles an expression in RE2's syntax. Throws where it is none. */
export function compilePattern(pattern: string, flags = ''): RegExp {
  const key = `${flags}/${pattern}`;
  const known = compiled.get(key);
  // A global expression remembers where it was.
  if (known) return flags ? new RegExp(known) : known;
  if (/\(\?(?:<?[=!])|\\[1-9]|\\k</.test(pattern))
    throw new Error(`error parsing regexp: invalid or unsupported Perl syntax: \`${pattern}\``);
  const expression = translated(pattern, flags);
  if (compiled.size >= cacheSize) compiled.delete(compiled.keys().next().value!);
  compiled.set(key, expression);
  return expression;
}

const classes: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  digit: '0-9',
  lower: 'a-z',
  space: '\\s',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

function translated(pattern: string, flags: string): RegExp {
  const [, inline = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const source = (inline ? pattern.slice(inline.length + 3) : pattern)
    .replaceAll('(?P<', '(?<')
    .replace(/\[:(\^?)(\w+):\]/g, (all, _not: string, name: string) => classes[name] ?? all)
    .replace(/\\([AzQE])/g, (_, letter: string) => ({ A: '^', z: '$' })[letter] ?? '')
    .replace(/\\([pP])([A-Z])(?!\{)/g, '\\$1{$2}');
  // The linear engine knows only code units: code points where nothing else will do.
  const unicode = /\\[pP]\{|\\x\{|[^\0-\uFFFF]/u.test(source) ? 'u' : '';
  return new RegExp(source.replace(/\\x\{/g, '\\u{'), flags + inline + unicode);
}
