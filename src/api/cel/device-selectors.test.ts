import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../generated/resource-v1.ts';
import { selects } from './device-selectors.ts';

const device: Device = {
  name: 'a',
  attributes: {
    size: { int: 8 },
    model: { string: 'x' },
    'other.example/whole': { bool: true },
    driverVersion: { version: '1.2.3' },
  },
  capacity: { memory: { value: '16Gi' } },
} as Device;
const own = "device.attributes['gpu.example']";

for (const [expression, expected] of [
  ["device.driver == 'gpu.example'", true],
  [`${own}.size > 4 && ${own}.model == 'x'`, true],
  [`${own}.size > 8`, false],
  ["device.attributes['other.example'].whole", true],
  ["has(device.attributes['unknown.example'].size)", false],
  [`has(${own}.size)`, true],
  ["'unknown.example' in device.attributes", true],
  [`${own}.driverVersion.isGreaterThan(semver('1.0.0'))`, true],
  ["device.capacity['gpu.example'].memory.compareTo(quantity('8Gi')) >= 0", true],
  ["cel.bind(gpu, device.attributes['gpu.example'], gpu.size == 8)", true],
  ['device.allowMultipleAllocations', false],
] as const)
  test(`${expression} is ${expected}`, () => assert.equal(selects(expression, 'gpu.example', device), expected));

test('an attribute that a device does not have is an error', () =>
  assert.throws(() => selects(`${own}.unknown == 1`, 'gpu.example', device), /no such key: unknown/));
