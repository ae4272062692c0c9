import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  quantityMilliValue,
  quantityOf,
  quantityProblem,
  quantityValue,
  subtractQuantities,
} from './quantity.ts';

test('quantities are written as kubernetes writes them', () => {
  const rows: [string, string][] = [
    ['0', '0'],
    ['0Mi', '0'],
    ['1000m', '1'],
    ['100m', '100m'],
    ['0.1', '100m'],
    ['.5', '500m'],
    ['1.5', '1500m'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['128974848', '128974848'],
    ['129e6', '129e6'],
    ['129M', '129M'],
    ['1e3', '1e3'],
    ['1000e3', '1e6'],
    ['123Mi', '123Mi'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['100Ki', '100Ki'],
    ['512Ki', '512Ki'],
    ['1E', '1E'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-1.5', '-1500m'],
    ['1.', '1.'],
    ['100000m', '100'],
    ['0.1Ki', '102400m'],
  ];
  for (const [text, canonical] of rows) assert.equal(canonicalQuantity(text), canonical, text);
});

test('what is no quantity is refused with the reason', () => {
  const regexp = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  assert.equal(quantityProblem(''), regexp);
  assert.equal(quantityProblem('abc'), regexp);
  assert.equal(quantityProblem('1.2.3'), regexp);
  assert.equal(quantityProblem('1 Gi'), regexp);
  assert.equal(quantityProblem('1Kib'), regexp);
  assert.equal(quantityProblem('1ki'), "unable to parse quantity's suffix");
  assert.equal(quantityProblem('1Gi'), undefined);
});

test('quantities are compared and added by amount, not by text', () => {
  assert.equal(compareQuantities('1', '1000m'), 0);
  assert.equal(compareQuantities('1Gi', '1G'), 1);
  assert.equal(addQuantities('1Gi', '512Mi'), '1536Mi');
  assert.equal(addQuantities('0', '512Mi'), '512Mi');
  assert.equal(subtractQuantities('1', '250m'), '750m');
  assert.equal(quantityValue('1500m'), 2);
  assert.equal(quantityMilliValue('1.5'), 1500);
  assert.equal(quantityOf(64 * 1024 * 1024, 'BinarySI'), '64Mi');
  assert.equal(quantityOf(250, 'DecimalSI', 0.001), '250m');
});
