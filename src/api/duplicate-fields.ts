/**
 * The fields that occur twice in one object of a JSON text, as sigs.k8s.io/json reports them. JSON.parse silently keeps
 * the last. The text is known to be well-formed.
 */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const scanner = new Scanner(text, found);
  scanner.value();
  return found;
}

const quote = 0x22;
const backslash = 0x5c;

class Scanner {
  readonly #text: string;
  readonly #found: string[];
  /** Index of the next character to read. */
  #at = 0;
  /** Keys and '[i]' from the root to the current value. */
  readonly #path: string[] = [];

  constructor(text: string, found: string[]) {
    this.#text = text;
    this.#found = found;
  }

  value(): void {
    this.#skipSpace();
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        this.#object();
        return;
      case 0x5b:
        this.#list();
        return;
      case quote:
        this.#string();
        return;
      default:
        this.#literal();
    }
  }

  #object(): void {
    this.#at++;
    const first: string[] = [];
    let keys: Set<string> | undefined;
    for (;;) {
      this.#skipSpace();
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x7d || Number.isNaN(code)) break;
      if (code === 0x2c) {
        this.#at++;
        continue;
      }
      const key = this.#string();
      // Most objects have few keys: comparing them beats making a set.
      if (first.length < 8 ? first.includes(key) : keys?.has(key)) this.#report(key);
      if (first.length < 8) first.push(key);
      else {
        keys ??= new Set(first);
        keys.add(key);
      }
      this.#skipSpace();
      this.#at++;
      this.#path.push(key);
      this.value();
      this.#path.pop();
      if (first.length === 8) keys ??= new Set(first);
    }
    this.#at++;
  }

  #list(): void {
    this.#at++;
    let index = 0;
    for (;;) {
      this.#skipSpace();
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x5d || Number.isNaN(code)) break;
      if (code === 0x2c) {
        this.#at++;
        continue;
      }
      this.#path.push(`[${index++}]`);
      this.value();
      this.#path.pop();
    }
    this.#at++;
  }

  #string(): string {
    const start = this.#at++;
    let escaped = false;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at++);
      if (code === quote || Number.isNaN(code)) break;
      if (code !== backslash) continue;
      escaped = true;
      this.#at++;
    }
    return escaped ? JSON.parse(this.#text.slice(start, this.#at)) : this.#text.slice(start + 1, this.#at - 1);
  }

  #literal(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x2c || code === 0x7d || code === 0x5d || code <= 0x20 || Number.isNaN(code)) return;
      this.#at++;
    }
  }

  #skipSpace(): void {
    while (this.#text.charCodeAt(this.#at) <= 0x20) this.#at++;
  }

  #report(key: string): void {
    let path = '';
    for (const part of [...this.#path, key]) path += path === '' || part.startsWith('[') ? part : `.${part}`;
    this.#found.push(`duplicate field ${JSON.stringify(path)}`);
  }
}
