const longest = 5000;

/** Collects a log and shows it at most once a frame: a container can write faster than a page can draw. */
export class LogLines {
  readonly #show: (text: string) => void;
  /** Whole lines, and what follows the last of them. */
  #lines: string[] = [''];
  /** Whether a frame is due that will show it. */
  #due = false;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  add(text: string): void {
    const parts = withoutControls(text).split('\n');
    this.#lines[this.#lines.length - 1] += parts[0] ?? '';
    for (const part of parts.slice(1)) this.#lines.push(part);
    if (this.#lines.length > longest) this.#lines.splice(0, this.#lines.length - longest);
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#show(this.#lines.join('\n'));
    });
  }
}

/** Colours and cursor movements of terminals (ECMA-48) mean nothing here; other control characters neither. */
export function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]/g, '');
}
