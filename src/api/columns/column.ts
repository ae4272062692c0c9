import { humanAge } from '../duration.ts';
import type { TableColumnDefinition, TableRowCondition } from '../generated/meta-v1.ts';
import type { KubeObject } from '../object.ts';

/** How objects of one kind are shown in a Table. */
export interface Columns<T extends KubeObject = KubeObject> {
  definitions: readonly TableColumnDefinition[];
  /** One value a column, the wide ones included. `now` in milliseconds. */
  cells(object: T, now: number): unknown[];
  /** Conditions of the row: finished Pods are marked, so that clients can hide them. */
  conditions?(object: T): TableRowCondition[] | undefined;
}

/** Columns of a type, such as 'core/v1.Pod', as an entry of the registry. */
export type ColumnsEntry = [type: string, columns: Columns];

/** An entry whose cells know the type of their object. */
export function entry<T extends KubeObject>(type: string, columns: Columns<T>): ColumnsEntry {
  return [type, columns as unknown as Columns];
}

export const name = column('Name', 'Name of the object, unique in its namespace.', { format: 'name' });
export const age = column('Age', 'Time since the object was created.');

export interface ColumnOptions {
  type?: 'string' | 'integer' | 'boolean' | 'date';
  format?: string;
}

/** A column that is always shown. */
export function column(title: string, description: string, options: ColumnOptions = {}): TableColumnDefinition {
  return { name: title, type: options.type ?? 'string', format: options.format ?? '', description, priority: 0 };
}

export function integer(title: string, description: string): TableColumnDefinition {
  return column(title, description, { type: 'integer' });
}

/** A column that `-o wide` shows. */
export function wide(title: string, description: string, options: ColumnOptions = {}): TableColumnDefinition {
  return { ...column(title, description, options), priority: 1 };
}

export function ageOf(object: KubeObject, now: number): string {
  return humanAge(object.metadata.creationTimestamp, now);
}

/** 'a=1,b=2', or '<none>' (apimachinery labels FormatLabels). */
export function formatLabels(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(',') || '<none>';
}

/** At most three items, then how many more there are. */
export function listWithMore(items: readonly string[], nothing: string): string {
  const shown = items.slice(0, 3).join(',');
  if (items.length > 3) return `${shown} + ${items.length - 3} more...`;
  return shown || nothing;
}

/** A truth value as table cells of type string spell it. */
export function formatBoolean(value: boolean | undefined): string {
  if (value === undefined) return '<unset>';
  return value ? 'True' : 'False';
}

/** Names and images of containers, each as one cell. */
export function containerCells(containers: readonly { name: string; image?: string }[] | undefined): string[] {
  const list = containers ?? [];
  return [list.map((container) => container.name).join(','), list.map((container) => container.image ?? '').join(',')];
}

export const containerColumns: readonly TableColumnDefinition[] = [
  wide('Containers', 'Names of the containers in the template.'),
  wide('Images', 'Images of the containers in the template.'),
];
