import type { Duplicates } from '../api/decode.ts';
import { isTooDeep, maxDepth, shallowBytes } from '../api/depth.ts';
import { duplicateFields } from '../api/duplicate-fields.ts';
import type { KubeObject } from '../api/object.ts';
import { badRequest, type StatusError } from '../api/status-error.ts';
import type { ServerRequest } from './http/exchange.ts';
import { bodyFormat, contentTypes, type Format, unsupportedMediaType } from './http/media-type.ts';
import type { FieldValidation } from './strategy.ts';

/** A body as plain values. */
export interface ParsedBody {
  value: unknown;
  /** Fields that occur twice, as messages: only the text shows them. None in protobuf. */
  duplicates: Duplicates;
}

/** Reads a request body in the format that its Content-Type names. */
export async function readBodyValue(request: ServerRequest): Promise<ParsedBody> {
  const format = bodyFormat(request.headers['content-type']);
  if (!format) throw unsupportedMediaType(Object.values(contentTypes));
  return parseBody(await request.body(), format);
}

export async function parseBody(bytes: Uint8Array, format: Format): Promise<ParsedBody> {
  const body = await parse(bytes, format);
  if (bytes.length >= shallowBytes && isTooDeep(body.value)) throw tooDeep();
  return body;
}

async function parse(bytes: Uint8Array, format: Format): Promise<ParsedBody> {
  if (format === 'protobuf') return { value: await decodeProtobufBody(bytes), duplicates: () => [] };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (format === 'json') return { value: parseJson(text), duplicates: () => duplicateFields(text) };
  const { parseYaml, yamlAsJson } = await import('./parse-yaml.ts');
  const { longYamlCharacters, parseLongYaml } = await import('./long-yaml.ts');
  if (text.length < longYamlCharacters) return parseYaml(text);
  return yamlAsJson(text) ?? parseLongYaml(text);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
}

/** A patch body, which is always JSON. */
export function parsePatch(text: string): unknown {
  const value = parseJson(text);
  if (text.length >= shallowBytes && isTooDeep(value)) throw tooDeep();
  return value;
}

function tooDeep(): StatusError {
  return badRequest(`couldn't get version/kind; json parse error: exceeded max depth of ${maxDepth}`);
}

/** The kind and apiVersion that a body must have; empty ones are filled in (the URL says what they are). */
export function checkKind(value: unknown, expected: { apiVersion: string; kind: string }): KubeObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${describe(value)} into Go value of type struct`,
    );
  }
  const object = value as KubeObject;
  if (object.kind && object.kind !== expected.kind) {
    throw badRequest(
      `${object.kind} in version "${versionOf(object.apiVersion ?? expected.apiVersion)}" cannot be handled as a ${expected.kind}: no kind "${object.kind}" is registered for version "${object.apiVersion ?? expected.apiVersion}"`,
    );
  }
  if (object.apiVersion && object.apiVersion !== expected.apiVersion) {
    throw badRequest(
      `the API version in the data (${object.apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  if (object.kind && object.apiVersion) return object;
  return { ...object, kind: expected.kind, apiVersion: expected.apiVersion };
}

export function fieldValidationOf(request: ServerRequest): FieldValidation {
  const text = request.query.get('fieldValidation') ?? 'Warn';
  if (text === 'Strict' || text === 'Ignore' || text === 'Warn' || text === '')
    return (text || 'Warn') as FieldValidation;
  throw badRequest(`fieldValidation: Unsupported value: "${text}": supported values: "Ignore", "Strict", "Warn"`);
}

async function decodeProtobufBody(bytes: Uint8Array): Promise<unknown> {
  const { decodeProtobuf } = await import('../api/protobuf/envelope.ts');
  try {
    return decodeProtobuf(bytes).object;
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

const versionOf = (apiVersion: string) => apiVersion.slice(apiVersion.indexOf('/') + 1);
const describe = (value: unknown) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);
