import type { Environment } from '@marcbachmann/cel-js';
import { extraSchema, type JsonSchema } from '../structural/json-schema.ts';
import { escapeName } from './values.ts';

const formats: Record<string, string> = {
  'date-time': 'google.protobuf.Timestamp',
  date: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  byte: 'bytes',
};

/** The CEL type of what a schema describes; types of objects are registered in the environment. */
export class SchemaTypes {
  readonly #environment: Environment;
  /** How many types have been registered: their names are numbered. */
  #count = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  typeOf(schema: JsonSchema | undefined, isRoot = false): string {
    if (!schema || schema['x-kubernetes-int-or-string']) return 'dyn';
    switch (schema.type) {
      case 'integer':
        return 'int';
      case 'number':
        return 'double';
      case 'boolean':
        return 'bool';
      case 'string':
        return formats[schema.format ?? ''] ?? 'string';
      case 'array':
        return `list<${this.typeOf(schema.items)}>`;
      case 'object':
        return this.#objectType(schema, isRoot);
      default:
        return 'dyn';
    }
  }

  #objectType(schema: JsonSchema, isRoot: boolean): string {
    const extra = extraSchema(schema);
    if (extra) return `map<string, ${this.typeOf(extra)}>`;
    const fields: Record<string, string> = {};
    for (const [name, one] of Object.entries(schema.properties ?? {})) fields[escapeName(name)] = this.typeOf(one);
    if (isRoot || schema['x-kubernetes-embedded-resource']) {
      fields.apiVersion = 'string';
      fields.kind = 'string';
      fields.metadata = this.#register({ name: 'string', generateName: 'string' });
    }
    if (Object.keys(fields).length === 0) {
      return schema['x-kubernetes-preserve-unknown-fields'] ? 'dyn' : 'map<string, dyn>';
    }
    return this.#register(fields);
  }

  #register(fields: Record<string, string>): string {
    this.#count++;
    const name = `Object${this.#count}`;
    this.#environment.registerType(name, { fields });
    return name;
  }
}
