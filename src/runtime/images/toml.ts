export type TomlValue = string | number | boolean | TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

/**
 * As much of TOML (toml.io v1.0.0) as containerd's hosts.toml is written in: tables, strings, integers, booleans and
 * arrays. Throws on anything else, with the line.
 */
export function parseToml(text: string): TomlTable {
  const root: TomlTable = {};
  let table = root;
  const reader = new Reader(text);
  for (reader.skip(true); !reader.atEnd(); reader.skip(true)) {
    if (reader.take('[')) {
      if (reader.take('[')) throw reader.error('arrays of tables are not supported');
      table = descend(root, reader.key(), reader);
      reader.expect(']');
    } else {
      const path = reader.key();
      reader.expect('=');
      const owner = descend(table, path.slice(0, -1), reader);
      const name = path.at(-1)!;
      if (name in owner) throw reader.error(`key "${name}" is given twice`);
      owner[name] = reader.value();
    }
    reader.endOfLine();
  }
  return root;
}

function descend(from: TomlTable, path: string[], reader: Reader): TomlTable {
  let at = from;
  for (const name of path) {
    at[name] ??= {};
    const next = at[name];
    if (typeof next !== 'object' || Array.isArray(next)) throw reader.error(`"${name}" is not a table`);
    at = next;
  }
  return at;
}

const escapes: Record<string, string> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' };

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  error(what: string): Error {
    return new Error(`line ${this.#text.slice(0, this.#at).split('\n').length}: ${what}`);
  }

  /** Passes over white space and comments; with `lines` over ends of lines, too. */
  skip(lines: boolean): void {
    const pattern = lines ? /(?:\s|#[^\n]*)*/y : /[ \t]*/y;
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
  }

  take(character: string): boolean {
    this.skip(false);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  expect(character: string): void {
    if (!this.take(character)) throw this.error(`"${character}" expected`);
  }

  endOfLine(): void {
    this.skip(false);
    if (!this.atEnd() && !/[#\r\n]/.test(this.#text[this.#at]!)) throw this.error('end of line expected');
  }

  /** 'host."https://a".header': its parts. */
  key(): string[] {
    const parts: string[] = [];
    do {
      this.skip(false);
      parts.push(/["']/.test(this.#text[this.#at] ?? '') ? this.#string() : this.#match(/[\w-]+/y, 'a key'));
    } while (this.take('.'));
    return parts;
  }

  value(): TomlValue {
    this.skip(false);
    const first = this.#text[this.#at] ?? '';
    if (first === '"' || first === "'") return this.#string();
    if (first === '[') return this.#array();
    const word = this.#match(/[\w+-]+/y, 'a value');
    if (word === 'true' || word === 'false') return word === 'true';
    if (/^[+-]?\d[\d_]*$/.test(word)) return Number(word.replaceAll('_', ''));
    throw this.error(`value ${word} is not supported`);
  }

  #array(): TomlValue[] {
    this.expect('[');
    const values: TomlValue[] = [];
    for (this.skip(true); !this.take(']'); this.skip(true)) {
      values.push(this.value());
      this.skip(true);
      if (!this.take(',') && this.#text[this.#at] !== ']') throw this.error('"," or "]" expected');
    }
    return values;
  }

  #string(): string {
    const quote = this.#text[this.#at];
    if (this.#text.startsWith(quote!.repeat(3), this.#at))
      throw this.error('strings of several lines are not supported');
    if (quote === "'") return this.#match(/'[^'\n]*'/y, 'the end of a string').slice(1, -1);
    const whole = this.#match(/"(?:[^"\\\n]|\\.)*"/y, 'the end of a string').slice(1, -1);
    return whole.replace(/\\(?:u([\da-fA-F]{4})|(.))/g, (_, code?: string, one = '') => {
      if (code) return String.fromCharCode(Number.parseInt(code, 16));
      if (!(one in escapes)) throw this.error(`escape \\${one} is unknown`);
      return escapes[one] as string;
    });
  }

  #match(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined) throw this.error(`${what} expected`);
    this.#at += found.length;
    return found;
  }
}
