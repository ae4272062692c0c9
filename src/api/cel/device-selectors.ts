import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import type { Device, DeviceAttribute } from '../generated/resource-v1.ts';
import { parseQuantity } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue } from '../validation/field-error.ts';
import { CelQuantity } from './library/quantities.ts';
import { parseSemver } from './library/semver.ts';
import { compileMetered, newEnvironment } from './load.ts';
import { Ledger, ledgerKey } from './meter.ts';
import { celProblem, compilationProblem } from './problems.ts';
import { rewriteLiterals } from './rewrite-literals.ts';

/** Expressions that choose devices (k8s.io/dynamic-resource-allocation/cel): each sees one `device`. */

let environment: Environment | undefined;

function deviceEnvironment(): Environment {
  if (environment) return environment;
  const made = newEnvironment();
  made.registerType('kubernetes.DRADevice', {
    fields: {
      driver: 'string',
      allowMultipleAllocations: 'bool',
      attributes: 'map<string, map<string, dyn>>',
      capacity: 'map<string, map<string, Quantity>>',
    },
  });
  environment = made.registerVariable('device', 'kubernetes.DRADevice');
  return environment;
}

/** Throws where the expression cannot be compiled. */
export function compileSelector(expression: string): ParseResult {
  return compileMetered(deviceEnvironment(), expression);
}

export interface Selectors {
  path: string;
  expressions: (string | undefined)[];
}

/** What is wrong with the expressions of selectors. */
export function selectorExpressionErrors(all: readonly Selectors[]): Cause[] {
  return all.flatMap(({ path, expressions }) =>
    expressions.flatMap((expression, i) => {
      const problem = expression && problemOf(expression);
      return problem ? [invalidValue(`${path}[${i}].cel.expression`, expression, problem)] : [];
    }),
  );
}

function problemOf(expression: string): string | undefined {
  try {
    const { text, original } = rewriteLiterals(expression);
    const { valid, type = 'dyn', error } = deviceEnvironment().check(text);
    if (!valid) return compilationProblem(error, expression, original);
    return type === 'bool' || type === 'dyn' ? undefined : `must evaluate to bool or the unknown type, not ${type}`;
  } catch (error) {
    return compilationProblem(error, expression);
  }
}

/**
 * A map that has something for every key: domains that a device does not know have no attributes. (A class of its own
 * would be no map to the language.)
 */
function newDomains(): Map<string, Record<string, unknown>> {
  const domains = new Map<string, Record<string, unknown>>();
  const known = domains.get.bind(domains);
  return Object.assign(domains, { get: (domain: string) => known(domain) ?? {}, has: () => true });
}

/** What expressions see of a device; names without a domain are the driver's own. */
function deviceValue(driver: string, { attributes = {}, capacity = {}, allowMultipleAllocations = false }: Device) {
  const byDomain = <T>(named: Record<string, T>, value: (one: T) => unknown) => {
    const domains = newDomains();
    for (const [name, one] of Object.entries(named)) {
      const [domain, id] = name.includes('/') ? (name.split('/') as [string, string]) : [driver, name];
      domains.set(domain, { ...domains.get(domain), [id]: value(one) });
    }
    return domains;
  };
  return {
    driver,
    allowMultipleAllocations,
    attributes: byDomain(attributes, attributeValue),
    capacity: byDomain(capacity, ({ value }) => new CelQuantity(parseQuantity(value).nanos)),
  };
}

function attributeValue(attribute: DeviceAttribute): unknown {
  const { int, bool, string, version, ints, bools, strings, versions } = attribute;
  if (int !== undefined) return BigInt(int);
  if (version !== undefined) return parseSemver(version);
  return bool ?? string ?? ints?.map(BigInt) ?? bools ?? strings ?? versions?.map((one) => parseSemver(one)) ?? null;
}

const compiled = new Map<string, ParseResult>();

/** Whether an expression chooses the device; throws where it fails. */
export function selects(expression: string, driver: string, device: Device): boolean {
  let run = compiled.get(expression);
  if (!run) {
    if (compiled.size >= 1000) compiled.clear();
    run = compileSelector(expression);
    compiled.set(expression, run);
  }
  try {
    return run({ device: deviceValue(driver, device), [ledgerKey]: new Ledger() }) === true;
  } catch (error) {
    throw new Error(celProblem(error), { cause: error });
  }
}
