import { type Environment, Optional } from '@marcbachmann/cel-js';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  maskTrailingDash,
  qualifiedName,
  validLabelValue,
} from '../../names.ts';

class CelFormat {
  readonly validate: (text: string) => string[];
  constructor(validate: (text: string) => string[]) {
    this.validate = validate;
  }
}

class FormatNamespace {}

const matching = (pattern: RegExp, message: string) => (text: string) => (pattern.test(text) ? [] : [message]);

const formats: Record<string, (text: string) => string[]> = {
  dns1123Label,
  dns1123Subdomain,
  dns1035Label,
  qualifiedName,
  dns1123LabelPrefix: (text) => dns1123Label(maskTrailingDash(text)),
  dns1123SubdomainPrefix: (text) => dns1123Subdomain(maskTrailingDash(text)),
  dns1035LabelPrefix: (text) => dns1035Label(maskTrailingDash(text)),
  labelValue: validLabelValue,
  uri: (text) => (URL.canParse(text) || /^\/\S*$/.test(text) ? [] : ['invalid URI']),
  uuid: matching(
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
    'does not match the UUID format',
  ),
  byte: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'invalid base64'),
  date: (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? [] : ['invalid date']),
  datetime: (text) =>
    /^\d{4}-\d\d-\d\d[Tt]/.test(text) && !Number.isNaN(Date.parse(text)) ? [] : ['invalid datetime'],
};

/** Named formats of strings (apiserver pkg/cel/library/format.go). */
export function registerFormats(environment: Environment): void {
  const sync = { async: false };
  environment
    .registerType('kubernetes.NamedFormat', CelFormat)
    .registerType('FormatNamespace', FormatNamespace)
    .registerConstant('format', 'FormatNamespace', new FormatNamespace())
    .registerFunction(
      'FormatNamespace.named(string): optional<kubernetes.NamedFormat>',
      (_, name: string) =>
        Object.hasOwn(formats, name) ? Optional.of(new CelFormat(formats[name]!)) : Optional.none(),
      sync,
    )
    .registerFunction(
      'kubernetes.NamedFormat.validate(string): optional<list<string>>',
      (format: CelFormat, text: string) => {
        const problems = format.validate(text);
        return problems.length > 0 ? Optional.of(problems) : Optional.none();
      },
      sync,
    );
  for (const [name, validate] of Object.entries(formats)) {
    const format = new CelFormat(validate);
    environment.registerFunction(`FormatNamespace.${name}(): kubernetes.NamedFormat`, () => format, sync);
  }
}
