import { isIPv4, isIPv6 } from 'node:net';

/**
 * Rules of names, in the words of apimachinery's pkg/util/validation and pkg/api/validate/content. Each returns what is
 * wrong with the value: an empty list when it is right.
 */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${qualified})?`;

const labelPattern = whole(label);
const subdomainPattern = whole(subdomain);
const label1035Pattern = whole(label1035);
const qualifiedPattern = whole(qualified);
const labelValuePattern = whole(labelValue);
const none: string[] = [];

export function dns1123Label(value: string): string[] {
  if (value.length <= 63 && labelPattern.test(value)) return none;
  const problems = tooLongFor(value, 63);
  if (labelPattern.test(value)) return problems;
  if (subdomainPattern.test(value)) return [...problems, 'must not contain dots'];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, regexError(message, label, ['my-name', '123-abc'])];
}

export function dns1123Subdomain(value: string): string[] {
  if (value.length <= 253 && subdomainPattern.test(value)) return none;
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [
    ...tooLongFor(value, 253),
    ...(subdomainPattern.test(value) ? [] : [regexError(message, subdomain, ['example.com'])]),
  ];
}

export function dns1035Label(value: string): string[] {
  if (value.length <= 63 && label1035Pattern.test(value)) return none;
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [
    ...tooLongFor(value, 63),
    ...(label1035Pattern.test(value) ? [] : [regexError(message, label1035, ['my-name', 'abc-123'])]),
  ];
}

export function wildcardDns1123Subdomain(value: string): string[] {
  const pattern = `\\*\\.${subdomain}`;
  if (value.length <= 253 && whole(pattern).test(value)) return none;
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [
    ...tooLongFor(value, 253),
    ...(whole(pattern).test(value) ? [] : [regexError(message, pattern, ['*.example.com'])]),
  ];
}

/** Names that only have to be one segment of a URL (RBAC). */
export function pathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** A label key: 'app', or 'example.com/app'. */
export function qualifiedName(value: string): string[] {
  const known = knownKeys.has(value);
  if (known) return none;
  const problems = labelKeyProblems(value);
  if (problems.length === 0) {
    if (knownKeys.size >= 1024) knownKeys.clear();
    knownKeys.add(value);
  }
  return problems;
}

/** Good label keys seen lately: a cluster has few, and every object is checked for them. */
const knownKeys = new Set<string>();

function labelKeyProblems(value: string): string[] {
  const parts = value.split('/');
  const examples = ['MyName', 'my.name', '123-abc'];
  const message =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  if (parts.length > 2)
    return [
      `a valid label key ${regexError(message, qualified, examples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const name = parts.at(-1) as string;
  const problems: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] as string;
    if (prefix === '') problems.push('prefix part must be non-empty');
    else problems.push(...dns1123Subdomain(prefix).map((problem) => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push('name part must be no more than 63 bytes');
  if (!qualifiedPattern.test(name)) problems.push(`name part ${regexError(message, qualified, examples)}`);
  return problems;
}

export function validLabelValue(value: string): string[] {
  if (value.length <= 63 && labelValuePattern.test(value)) return none;
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [
    ...tooLongFor(value, 63),
    ...(labelValuePattern.test(value) ? [] : [regexError(message, labelValue, ['MyValue', 'my_value', '12345'])]),
  ];
}

/** A name of a port: IANA_SVC_NAME of RFC 6335, lower case. */
export function portName(value: string): string[] {
  const problems = tooLongFor(value, 15);
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export function portNumber(value: number): string[] {
  return inRange(value, 1, 65535);
}

export function inRange(value: number, min: number, max: number): string[] {
  return value >= min && value <= max ? none : [rangeError(min, max)];
}

export const rangeError = (min: number, max: number) => `must be between ${min} and ${max}, inclusive`;

/** Names of environment variables since Kubernetes 1.34 (KEP-4369): any printable ASCII but '='. */
export function environmentName(value: string): string[] {
  if (/^[ -<>-~]+$/.test(value)) return none;
  if (value === '') return ['environment variable name must be non-empty'];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Keys of ConfigMaps and Secrets. */
export function configMapKey(value: string): string[] {
  const problems = tooLongFor(value, 253);
  if (!/^[-._a-zA-Z0-9]+$/.test(value))
    problems.push(
      regexError("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", '[-._a-zA-Z0-9]+', [
        'key.name',
        'KEY_NAME',
        'key-name',
      ]),
    );
  if (value === '.' || value === '..') problems.push(`must not be '${value}'`);
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

export function httpHeaderName(value: string): string[] {
  if (/^[-A-Za-z0-9]+$/.test(value)) return none;
  return [
    regexError("a valid HTTP header must consist of alphanumeric characters or '-'", '[-A-Za-z0-9]+', [
      'X-Header-Name',
    ]),
  ];
}

export function percentage(value: string): string[] {
  if (/^[0-9]+%$/.test(value)) return none;
  return [
    regexError("a valid percent string must be a numeric string followed by an ending '%'", '[0-9]+%', ['1%', '93%']),
  ];
}

/** A generateName: what is added to it takes the place of trailing dashes. */
export function maskTrailingDash(prefix: string): string {
  return prefix.endsWith('-') && prefix.length > 1 ? `${prefix.slice(0, -2)}a` : prefix;
}

function tooLongFor(value: string, max: number): string[] {
  return value.length > max ? [`must be no more than ${max} bytes`] : [];
}

function regexError(message: string, pattern: string, examples: string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}

/** An address as RFC 5952 writes it (apimachinery pkg/util/validation IsValidIP and its callers). */
export function canonicalIp(value: string): string[] {
  const canonical = isIPv4(value) || (isIPv6(value) && new URL(`http://[${value}]`).hostname === `[${value}]`);
  return canonical ? [] : ['must be a canonical form IP address'];
}
