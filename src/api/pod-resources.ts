import type { Container, PodSpec } from './generated/core-v1.ts';
import type { Quantity } from './object.ts';
import { addQuantities, compareQuantities } from './quantity.ts';

export type ResourceList = Record<string, Quantity>;

/**
 * What a Pod asks for in all: the sum of its containers and sidecars, or more if one init container needs more while
 * it runs; plus overhead (component-helpers/resource/helpers.go).
 */
export function podResources(spec: PodSpec, which: 'requests' | 'limits'): ResourceList {
  const of = (container: Container): ResourceList => ({ ...container.resources?.[which] });
  let running = spec.containers.map(of).reduce(sum, {});
  let sidecars: ResourceList = {};
  let peak: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      sidecars = sum(sidecars, of(container));
      running = sum(running, of(container));
      peak = max(peak, sidecars);
    } else {
      peak = max(peak, sum(sidecars, of(container)));
    }
  }
  let total = max(running, peak);
  const podLevel = spec.resources?.[which];
  if (podLevel) total = { ...total, ...podLevel };
  return spec.overhead ? sum(total, which === 'requests' ? spec.overhead : pick(spec.overhead, total)) : total;
}

export function sum(one: ResourceList, other: ResourceList): ResourceList {
  const result = { ...one };
  for (const [name, quantity] of Object.entries(other)) {
    result[name] = result[name] === undefined ? quantity : addQuantities(result[name], quantity);
  }
  return result;
}

function max(one: ResourceList, other: ResourceList): ResourceList {
  const result = { ...one };
  for (const [name, quantity] of Object.entries(other)) {
    const known = result[name];
    if (known === undefined || compareQuantities(quantity, known) > 0) result[name] = quantity;
  }
  return result;
}

/** Overhead is added to limits only where there is one. */
function pick(list: ResourceList, where: ResourceList): ResourceList {
  return Object.fromEntries(Object.entries(list).filter(([name]) => where[name] !== undefined));
}
