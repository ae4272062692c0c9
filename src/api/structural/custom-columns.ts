import { type Columns, column, name } from '../columns/column.ts';
import { humanAge } from '../duration.ts';
import type { CustomResourceColumnDefinition } from '../generated/apiextensions-v1.ts';
import { compileJsonPath } from './json-path.ts';

const ageColumn: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

/** The columns that a definition asks for, behind the name (apiextensions-apiserver pkg/registry/customresource/tableconvertor). */
export function customColumns(asked: readonly CustomResourceColumnDefinition[] | undefined): Columns {
  const extra = asked?.length ? asked : [ageColumn];
  const readers = extra.map(({ type, jsonPath }) => reader(type, jsonPath));
  return {
    definitions: [
      name,
      ...extra.map(({ name: title, type, format = '', description, priority = 0, jsonPath }) => ({
        ...column(title, description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`),
        type,
        format,
        priority,
      })),
    ],
    cells: (object, now) => [object.metadata.name, ...readers.map((read) => read(object, now))],
  };
}

function reader(type: string, jsonPath: string): (object: unknown, now: number) => unknown {
  let path: (value: unknown) => unknown[];
  try {
    path = compileJsonPath(jsonPath);
  } catch {
    return () => null;
  }
  return (object, now) => {
    const found = path(object);
    if (found.length === 0) return null;
    return cell(type, found[0], now);
  };
}

function cell(type: string, value: unknown, now: number): unknown {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? humanAge(value, now) : null;
    default:
      if (value === null || value === undefined) return '<nil>';
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}
