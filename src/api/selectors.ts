import type { LabelSelector } from './generated/meta-v1.ts';
import { qualifiedName, validLabelValue } from './names.ts';

/** Labels or field values by name. */
export type Labels = Readonly<Record<string, string>>;

/** Operators of apimachinery pkg/selection. */
export type Operator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** All requirements hold, or the selector does not match. No requirements: everything matches. */
export type Selector = readonly Requirement[];

/** A label selector of a query string (apimachinery pkg/labels Parse). Throws an Error whose message is kube-apiserver's. */
export function parseLabelSelector(text: string): Selector {
  const requirements = new LabelParser(tokenize(text)).parse();
  return requirements.sort((a, b) => compareText(a.key, b.key));
}

export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  for (const requirement of selector) if (!meets(requirement, labels ?? none)) return false;
  return true;
}

/** The text that `parseLabelSelector` reads back. */
export function formatLabelSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(',');
}

/**
 * The matcher of a LabelSelector as objects carry it (metav1.LabelSelectorAsSelector): undefined matches nothing, an
 * empty one everything.
 */
export function compileSelector(selector: LabelSelector | undefined): (labels: Labels | undefined) => boolean {
  if (!selector) return () => false;
  const requirements = selectorRequirements(selector);
  const [only] = requirements;
  if (!only) return () => true;
  if (requirements.length === 1) return (labels) => meets(only, labels ?? none);
  return (labels) => matchesLabels(requirements, labels);
}

/** The requirements of a LabelSelector. Throws on an unknown operator and on bad keys and values. */
export function selectorRequirements(selector: LabelSelector): Selector {
  const requirements: Requirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    requirements.push(requirement(key, '=', [value]));
  }
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const known = expressionOperators[operator];
    if (!known) throw new Error(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(requirement(key, known, values ?? []));
  }
  return requirements.sort((a, b) => compareText(a.key, b.key));
}

/** What `kubectl get -o wide` shows of a LabelSelector (metav1.FormatLabelSelector). */
export function formatSelector(selector: LabelSelector | undefined): string {
  if (!selector) return '<none>';
  try {
    return formatLabelSelector(selectorRequirements(selector)) || '<none>';
  } catch {
    return '<error>';
  }
}

/** A field selector of a query string (apimachinery pkg/fields ParseSelector); its requirements are sorted by their text. */
export function parseFieldSelector(text: string): Selector {
  const requirements: Requirement[] = [];
  for (const term of splitFieldTerms(text).sort()) {
    if (!term) continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (!match) throw new Error(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, key = '', operator, value = ''] = match;
    requirements.push({ key, operator: operator === '!=' ? '!=' : '=', values: [unescapeFieldValue(value)] });
  }
  // '==' is written '=', which changes the order.
  return requirements.sort((a, b) => compareText(formatFieldRequirement(a), formatFieldRequirement(b)));
}

/** Whether the object's field values match; a field that is not there counts as ''. */
export function matchesFields(selector: Selector, field: (name: string) => string): boolean {
  for (const { key, operator, values } of selector) {
    if ((field(key) === values[0]) === (operator === '!=')) return false;
  }
  return true;
}

export function formatFieldSelector(selector: Selector): string {
  return selector.map(formatFieldRequirement).join(',');
}

/** The value that `key` must have, if the selector names exactly one: lets a lookup replace a scan. */
export function requiredValue(selector: Selector, key: string): string | undefined {
  for (const requirement of selector) {
    if (requirement.key !== key || requirement.values.length !== 1) continue;
    if (requirement.operator === '=' || requirement.operator === '==' || requirement.operator === 'in') {
      return requirement.values[0];
    }
  }
  return undefined;
}

const none: Labels = Object.freeze({});

const expressionOperators: Record<string, Operator> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const has = Object.hasOwn(labels, key);
  const value = labels[key];
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return has && values.includes(value!);
    case '!=':
    case 'notin':
      return !has || !values.includes(value!);
    case 'exists':
      return has;
    case '!':
      return !has;
    case 'gt':
    case 'lt':
      if (!has || !isInteger(value!)) return false;
      return operator === 'gt' ? BigInt(value!) > BigInt(values[0]!) : BigInt(value!) < BigInt(values[0]!);
  }
}

const isInteger = (text: string) => /^[+-]?\d+$/.test(text);

/** Checks what labels.NewRequirement checks; the texts are those of field.Error, whose nil path prints as '<nil>'. */
function requirement(key: string, operator: Operator, values: readonly string[]): Requirement {
  checkKey(key);
  const problem = valueCountProblem(operator, values);
  if (problem) throw new Error(`values: Invalid value: ${goStrings(values)}: ${problem}`);
  values.forEach((value, index) => {
    if ((operator === 'gt' || operator === 'lt') && !isInteger(value)) {
      const text = "for 'Gt', 'Lt' operators, the value must be an integer";
      throw new Error(`values[${index}]: Invalid value: ${JSON.stringify(value)}: ${text}`);
    }
    const problems = validLabelValue(value);
    if (problems.length > 0) {
      throw new Error(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problems.join('; ')}`);
    }
  });
  return { key, operator, values };
}

function checkKey(key: string): void {
  const problems = qualifiedName(key);
  if (problems.length > 0) throw new Error(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`);
}

function valueCountProblem(operator: Operator, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case '=':
    case '==':
    case '!=':
      return values.length === 1 ? undefined : 'exact-match compatibility requires one single value';
    case 'exists':
    case '!':
      return values.length === 0 ? undefined : 'values set must be empty for exists and does not exist';
    default:
      return values.length === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
  }
}

const goStrings = (values: readonly string[]) => JSON.stringify(values);

function formatRequirement({ key, operator, values }: Requirement): string {
  const sorted = values.length > 1 ? [...values].sort() : values;
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${sorted.join(',')})`;
    case 'gt':
      return `${key}>${values[0]}`;
    case 'lt':
      return `${key}<${values[0]}`;
    default:
      return `${key}${operator}${sorted.join(',')}`;
  }
}

type TokenKind =
  | ')'
  | ','
  | '!'
  | '=='
  | '='
  | '>'
  | 'in'
  | '<'
  | '!='
  | 'notin'
  | '('
  | 'identifier'
  | 'end'
  | 'error';
interface Token {
  kind: TokenKind;
  text: string;
}

const symbols = /(==|!=|[=!(),><])|([^\s=!(),><]+)/gy;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at = symbols.lastIndex || text.length) {
    while (/[ \t\r\n]/.test(text[at] ?? '')) at++;
    if (at >= text.length) break;
    symbols.lastIndex = at;
    const match = symbols.exec(text);
    if (!match) break;
    const [literal, symbol] = match;
    const kind = symbol ?? (literal === 'in' || literal === 'notin' ? literal : 'identifier');
    tokens.push({ kind: kind as TokenKind, text: literal });
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

/** The grammar of apimachinery pkg/labels selector.go Parser. */
class LabelParser {
  readonly #tokens: Token[];
  /** Index of the next token; never past the 'end' token, which is the last. */
  #next = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const { kind, text } = this.#peek();
      if (kind === 'end') return requirements;
      if (kind !== 'identifier' && kind !== '!') {
        throw new Error(`found '${text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.#requirement());
      const separator = this.#take();
      if (separator.kind === 'end') return requirements;
      if (separator.kind !== ',') throw new Error(`found '${separator.text}', expected: ',' or 'end of string'`);
      const following = this.#peek();
      if (following.kind !== 'identifier' && following.kind !== '!') {
        throw new Error(`found '${following.text}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): Requirement {
    try {
      const negated = this.#peek().kind === '!';
      if (negated) this.#take();
      const { kind, text: key } = this.#take();
      if (kind !== 'identifier') throw new Error(`found '${key}', expected: identifier`);
      checkKey(key);
      const after = this.#peek().kind;
      if (negated) return requirement(key, '!', []);
      if (after === 'end' || after === ',') return requirement(key, 'exists', []);
      const operator = this.#operator();
      const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()];
      return requirement(key, operator, [...new Set(values)].sort());
    } catch (error) {
      throw new Error(`unable to parse requirement: ${(error as Error).message}`, { cause: error });
    }
  }

  #operator(): Operator {
    const { kind, text } = this.#take(false);
    if (kind === '>') return 'gt';
    if (kind === '<') return 'lt';
    if (kind === 'in' || kind === 'notin' || kind === '=' || kind === '==' || kind === '!=') return kind;
    throw new Error(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
  }

  #values(): string[] {
    const open = this.#take();
    if (open.kind !== '(') throw new Error(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    /** Whether a value is still owed: after '(' and after each ','. */
    let owed = true;
    for (;;) {
      const { kind, text } = this.#take();
      if (kind === 'identifier' && owed) values.push(text);
      else if (kind === ')' || kind === ',') {
        if (owed) values.push('');
        if (kind === ')') return values;
      } else if (owed) throw new Error(`found '${text}', expected: ',', ')' or identifier`);
      else throw new Error(`found '${text}', expected: ',' or ')'`);
      owed = kind === ',';
    }
  }

  #exactValue(): string {
    const { kind } = this.#peek();
    if (kind === 'end' || kind === ',') return '';
    const token = this.#take();
    if (token.kind !== 'identifier') throw new Error(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #peek(): Token {
    return asValue(this.#tokens[this.#next]!);
  }

  /** The next token, in which 'in' and 'notin' are plain words unless an operator is due. */
  #take(words = true): Token {
    const token = this.#tokens[this.#next]!;
    if (token.kind !== 'end') this.#next++;
    return words ? asValue(token) : token;
  }
}

function asValue(token: Token): Token {
  return token.kind === 'in' || token.kind === 'notin' ? { kind: 'identifier', text: token.text } : token;
}

function splitFieldTerms(text: string): string[] {
  return text === '' ? [] : (text.match(/(?:\\.|[^\\,]|\\$)+|(?<=,)(?=,)|^(?=,)/gs) ?? []);
}

function unescapeFieldValue(text: string): string {
  return text.replace(/\\(.?)|[,=]/gsu, (found, escaped: string | undefined) => {
    if (escaped === undefined) {
      throw new Error(`invalid field selector: unescaped character in value: ${found.codePointAt(0)}`);
    }
    if (escaped === '\\' || escaped === ',' || escaped === '=') return escaped;
    throw new Error(`invalid field selector: invalid escape sequence: ${found}`);
  });
}

const formatFieldRequirement = ({ key, operator, values }: Requirement) =>
  `${key}${operator}${escapeFieldValue(values[0] ?? '')}`;

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function escapeFieldValue(text: string): string {
  return text.replace(/[\\,=]/g, '\\$&');
}
