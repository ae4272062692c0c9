import type { Node } from '../../api/generated/core-v1.ts';
import type {
  AllocationResult,
  Device,
  DeviceAttribute,
  DeviceClass,
  DeviceConstraint,
  DeviceRequest,
  DeviceRequestAllocationResult,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceSlice,
} from '../../api/generated/resource-v1.ts';
import { matchesTerm } from '../../api/node-selector.ts';
import { addQuantities, compareQuantities } from '../../api/quantity.ts';

/** Which devices a claim gets on a node (k8s.io/dynamic-resource-allocation/structured). Pure. */

export interface Devices {
  slices: readonly ResourceSlice[];
  deviceClass(name: string): DeviceClass | undefined;
  /** Whether an expression chooses the device; throws where it fails. */
  selects(expression: string, driver: string, device: Device): boolean;
  /** Ids of devices that others have. */
  taken: ReadonlySet<string>;
}

/** A device with where it comes from. */
interface Candidate {
  id: string;
  driver: string;
  pool: string;
  device: Device;
  slice: ResourceSlice;
}

export const idOf = ({ driver, pool, device }: { driver: string; pool: string; device: string }) =>
  `${driver}/${pool}/${device}`;

type Asked = ExactDeviceRequest | DeviceSubRequest;
interface Choice {
  request: string;
  candidate: Candidate;
  asked: Asked;
}

/** One allocation for each claim, or undefined where the node does not have the devices. */
export function planAllocations(
  claims: readonly ResourceClaim[],
  node: Node,
  devices: Devices,
): AllocationResult[] | undefined {
  const all = poolDevices(devices.slices);
  const candidates = all.filter((one) => isOn(node, one));
  const taken = new Set(devices.taken);
  const allocations: AllocationResult[] = [];
  // Claims one after the other: what the first has the next cannot have.
  for (const claim of claims) {
    const choices = chooseDevices(claim, candidates, { ...devices, taken }, all);
    if (!choices) return undefined;
    for (const { candidate, asked } of choices) if (!isAdmin(asked)) taken.add(candidate.id);
    allocations.push(allocationOf(claim, choices, node, devices));
  }
  return allocations;
}

const isAdmin = (asked: Asked) => 'adminAccess' in asked && asked.adminAccess === true;

/** Whether the node reaches the device, and may give it away. */
function isOn(node: Node, { slice, device }: Candidate): boolean {
  // Devices that several may share are not given away here.
  if (device.allowMultipleAllocations) return false;
  const place = slice.spec.perDeviceNodeSelection ? device : slice.spec;
  if (place.nodeName) return place.nodeName === node.metadata.name;
  if (place.nodeSelector) return place.nodeSelector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
  return place.allNodes === true;
}

/** Devices of complete pools; of a pool only its newest generation counts. */
function poolDevices(slices: readonly ResourceSlice[]): Candidate[] {
  const pools = Map.groupBy(slices, ({ spec }) => `${spec.driver}/${spec.pool.name}`);
  return [...pools.values()].flatMap((all) => {
    const generation = Math.max(...all.map(({ spec }) => spec.pool.generation));
    const current = all.filter(({ spec }) => spec.pool.generation === generation);
    if (current.length !== current[0]!.spec.pool.resourceSliceCount) return [];
    return current.flatMap((slice) => {
      const { driver, pool, devices = [] } = slice.spec;
      return devices.map((device) => ({
        id: idOf({ driver, pool: pool.name, device: device.name }),
        ...{ driver, pool: pool.name, device, slice },
      }));
    });
  });
}

function chooseDevices(
  claim: ResourceClaim,
  candidates: readonly Candidate[],
  devices: Devices,
  all: readonly Candidate[],
): Choice[] | undefined {
  const { requests = [], constraints = [] } = claim.spec.devices ?? {};
  return next(0, []);

  /** Gives the requests from the i-th on their devices, in every way until one works. */
  function next(i: number, chosen: readonly Choice[]): Choice[] | undefined {
    const request = requests[i];
    if (!request) return [...chosen];
    for (const { name, asked } of waysOf(request)) {
      const found = give(name, asked, chosen, (more) => next(i + 1, more));
      if (found) return found;
    }
    return undefined;
  }

  function give(
    name: string,
    asked: Asked,
    chosen: readonly Choice[],
    goOn: (chosen: readonly Choice[]) => Choice[] | undefined,
  ): Choice[] | undefined {
    const fitting = candidates.filter((one) => fits(one, asked, devices));
    const isFree = (one: Candidate, others: readonly Choice[]) =>
      isAdmin(asked) || (!devices.taken.has(one.id) && !others.some(({ candidate }) => candidate.id === one.id));
    if (asked.allocationMode === 'All') {
      if (fitting.length === 0) return undefined;
      let more = chosen;
      for (const candidate of fitting) {
        if (!isFree(candidate, more)) return undefined;
        more = [...more, { request: name, candidate, asked }];
        if (!holds(constraints, more) || !hasCounters(more, devices, all)) return undefined;
      }
      return goOn(more);
    }
    return pick(0, asked.count ?? 1, chosen);

    function pick(from: number, count: number, sofar: readonly Choice[]): Choice[] | undefined {
      if (count === 0) return goOn(sofar);
      for (let i = from; i < fitting.length; i++) {
        const candidate = fitting[i]!;
        if (!isFree(candidate, sofar)) continue;
        const more = [...sofar, { request: name, candidate, asked }];
        if (!holds(constraints, more) || !hasCounters(more, devices, all)) continue;
        const found = pick(i + 1, count - 1, more);
        if (found) return found;
      }
      return undefined;
    }
  }
}

/** A request itself, or what it would also be content with, the best first. */
function waysOf({ name, exactly, firstAvailable = [] }: DeviceRequest): { name: string; asked: Asked }[] {
  if (exactly) return [{ name, asked: exactly }];
  return firstAvailable.map((sub) => ({ name: `${name}/${sub.name}`, asked: sub }));
}

function fits({ driver, device }: Candidate, asked: Asked, { deviceClass, selects }: Devices): boolean {
  const selectors = [...(deviceClass(asked.deviceClassName)?.spec.selectors ?? []), ...(asked.selectors ?? [])];
  return (
    selectors.every(({ cel }) => cel && selects(cel.expression, driver, device)) &&
    (device.taints ?? []).every(
      (taint) => taint.effect === 'None' || (asked.tolerations ?? []).some((one) => tolerates(one, taint)),
    )
  );
}

function tolerates(toleration: DeviceToleration, taint: { key: string; value?: string; effect: string }): boolean {
  const { key, operator = 'Equal', value = '', effect } = toleration;
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || value === (taint.value ?? '');
}

function holds(constraints: readonly DeviceConstraint[], chosen: readonly Choice[]): boolean {
  return constraints.every(({ requests = [], matchAttribute, distinctAttribute }) => {
    const name = matchAttribute ?? distinctAttribute;
    const meant = chosen.filter(
      ({ request }) =>
        requests.length === 0 || requests.includes(request) || requests.includes(request.split('/')[0] ?? ''),
    );
    if (!name || meant.length === 0) return true;
    const values = meant.map(({ candidate }) => attributeText(candidate, name));
    if (values.includes(undefined)) return false;
    const different = new Set(values).size;
    return matchAttribute ? different === 1 : different === values.length;
  });
}

/** An attribute by its full name; in the driver's own domain it may be written without. */
function attributeText({ driver, device }: Candidate, name: string): string | undefined {
  const [domain, id = ''] = name.split('/');
  const found: DeviceAttribute | undefined =
    device.attributes?.[name] ?? (domain === driver ? device.attributes?.[id] : undefined);
  return found && JSON.stringify(found);
}

/** Parts of one thing cannot take more of it than there is (KEP-4815). */
function hasCounters(chosen: readonly Choice[], { slices, taken }: Devices, all: readonly Candidate[]): boolean {
  const newest = chosen.at(-1)!.candidate;
  if (!newest.device.consumesCounters?.length) return true;
  const pool = (one: { driver: string; pool: string }) => one.driver === newest.driver && one.pool === newest.pool;
  const users = [
    ...all.filter((one) => pool(one) && taken.has(one.id)),
    ...chosen.flatMap(({ candidate, asked }) => (pool(candidate) && !isAdmin(asked) ? [candidate] : [])),
  ];
  const used = new Map<string, string>();
  for (const { device } of users)
    for (const { counterSet, counters = {} } of device.consumesCounters ?? [])
      for (const [name, { value }] of Object.entries(counters)) {
        const key = `${counterSet}/${name}`;
        used.set(key, addQuantities(used.get(key) ?? '0', value));
      }
  const { generation } = newest.slice.spec.pool;
  const sets = slices
    .filter(
      ({ spec }) =>
        spec.driver === newest.driver && spec.pool.name === newest.pool && spec.pool.generation === generation,
    )
    .flatMap(({ spec }) => spec.sharedCounters ?? []);
  return [...used].every(([key, value]) => {
    const [set, name = ''] = key.split('/');
    const there = sets.find((one) => one.name === set)?.counters?.[name]?.value;
    return there !== undefined && compareQuantities(value, there) <= 0;
  });
}

function allocationOf(
  claim: ResourceClaim,
  choices: readonly Choice[],
  node: Node,
  devices: Devices,
): AllocationResult {
  const results = choices.map(({ request, candidate, asked }): DeviceRequestAllocationResult => {
    const { driver, pool, device } = candidate;
    const { bindingConditions, bindingFailureConditions } = device;
    return {
      ...{ request, driver, pool, device: device.name },
      ...(isAdmin(asked) ? { adminAccess: true } : {}),
      ...(asked.tolerations?.length ? { tolerations: asked.tolerations } : {}),
      ...(bindingConditions?.length ? { bindingConditions, bindingFailureConditions } : {}),
    };
  });
  const classes = choices.flatMap(({ request, asked }) =>
    (devices.deviceClass(asked.deviceClassName)?.spec.config ?? []).map((one) => ({
      source: 'FromClass' as const,
      requests: [request],
      ...one,
    })),
  );
  const seen = new Set<string>();
  const fromClass = classes.filter((one) => {
    const key = JSON.stringify(one);
    return !seen.has(key) && seen.add(key);
  });
  const fromClaim = (claim.spec.devices?.config ?? []).map((one) => ({ source: 'FromClaim' as const, ...one }));
  const config = [...fromClass, ...fromClaim];
  const nodeSelector = selectorOf(choices, node);
  return { devices: { results, ...(config.length > 0 ? { config } : {}) }, ...(nodeSelector ? { nodeSelector } : {}) };
}

/** Where the devices can be used: on their node, where their selectors say, or everywhere. */
function selectorOf(choices: readonly Choice[], node: Node): AllocationResult['nodeSelector'] {
  const places = choices.map(({ candidate: { slice, device } }) =>
    slice.spec.perDeviceNodeSelection ? device : slice.spec,
  );
  if (places.some(({ nodeName }) => nodeName)) {
    const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node.metadata.name] }];
    return { nodeSelectorTerms: [{ matchFields }] };
  }
  const terms = places.flatMap(({ nodeSelector }) => nodeSelector?.nodeSelectorTerms ?? []);
  if (terms.length === 0) return undefined;
  const unique = <T>(list: T[]) => [...new Map(list.map((one) => [JSON.stringify(one), one])).values()];
  const matchExpressions = unique(terms.flatMap((term) => term.matchExpressions ?? []));
  const matchFields = unique(terms.flatMap((term) => term.matchFields ?? []));
  return {
    nodeSelectorTerms: [
      { ...(matchExpressions.length ? { matchExpressions } : {}), ...(matchFields.length ? { matchFields } : {}) },
    ],
  };
}
