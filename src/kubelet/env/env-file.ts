/**
 * Variables of an environment file (KEP-3721; kubelet util/env ParseEnv): NAME=VALUE without quotes or escapes, white
 * space around both ignored, '#' begins a comment line, a backslash at the end of a line joins the next with one space.
 */
export function parseEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  let joined: string | undefined;
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) {
      if (joined !== undefined && index < lines.length - 1)
        throw invalid(index, 'blank line or comment in continuation');
      continue;
    }
    const whole: string = joined === undefined ? line : `${joined} ${line}`;
    joined = undefined;
    if (whole.endsWith('\\')) {
      joined = whole.slice(0, -1).trimEnd();
      continue;
    }
    const equals = whole.indexOf('=');
    const name = whole.slice(0, Math.max(0, equals)).trim();
    if (name === '') throw invalid(index);
    if (!variables.has(name)) variables.set(name, whole.slice(equals + 1).trim());
  }
  if (joined !== undefined) throw new Error('unexpected end of file: unfinished line continuation');
  return variables;
}

const invalid = (index: number, why?: string) =>
  new Error(`invalid environment variable format at line ${index + 1}${why ? `: ${why}` : ''}`);
