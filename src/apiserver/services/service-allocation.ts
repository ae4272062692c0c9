import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { services } from '../../api/resource.ts';
import { type Cause, internalError, invalid } from '../../api/status-error.ts';
import { invalidValue } from '../../api/validation/field-error.ts';
import { type PutOptions, prefixEnd } from '../../store/store.ts';
import { storagePrefix } from '../storage/storage-key.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { ServedResource } from '../strategy.ts';
import { type AddressRange, formatAddress, parseAddress, parseAddressRange } from './address-range.ts';
import { NumberPool, reservedNumbers } from './number-pool.ts';
import {
  carryOver,
  isHeadless,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePorts,
  normalizeAddresses,
} from './service-fields.ts';

/** What a Service got. */
export interface Allocated {
  /** To be called when the write is over, whatever came of it. */
  settle(): void;
  /** The write must fail if another server has written a Service meanwhile: it may have given away the same. */
  guard?: PutOptions['guard'];
}

export interface ServiceRanges {
  serviceCidr: string;
  nodePorts: { from: number; to: number };
}

/**
 * ClusterIPs and node ports (pkg/registry/core/service/storage/alloc.go). What is taken is read off the Services in the
 * cache, as they come and go: there is no second record that could get out of step with them.
 */
export class ServiceAllocation {
  readonly #range: AddressRange;
  readonly #ports: ServiceRanges['nodePorts'];
  readonly #addressPool: NumberPool;
  readonly #portPool: NumberPool;
  /** What is followed. */
  #cache: WatchCache | undefined;

  constructor({ serviceCidr, nodePorts }: ServiceRanges) {
    this.#range = parseAddressRange(serviceCidr);
    this.#ports = nodePorts;
    const portCount = nodePorts.to - nodePorts.from + 1;
    const { size } = this.#range;
    this.#addressPool = new NumberPool(size, reservedNumbers(size, { min: 16, max: 256, step: 16 }));
    this.#portPool = new NumberPool(portCount, reservedNumbers(portCount, { min: 16, max: 128, step: 32 }));
  }

  /** Follows the Services of a filled cache. */
  follow(cache: WatchCache): void {
    this.#cache = cache;
    const stored = cache.resource(storagePrefix(services));
    for (const entry of stored.list()) this.#count(entry.object as Service, 'hold');
    stored.listen(({ type, entry, previous }) => {
      // First hold, then release: a number that stays is never free in between.
      if (type !== 'DELETED') this.#count(entry.object as Service, 'hold');
      if (previous) this.#count(previous.object as Service, 'release');
    });
  }

  concerns({ info }: ServedResource): boolean {
    return info.resource === services.resource && info.group === services.group;
  }

  /**
   * Gives a Service that is about to be stored what it needs. Throws 422 if an address or port that it asks for cannot be
   * had.
   */
  allocate(resource: ServedResource, object: KubeObject, old: KubeObject | undefined): Allocated {
    if (!this.concerns(resource)) return nothing;
    const service = object as Service;
    const before = old as Service | undefined;
    if (!service.spec) return nothing;
    const taken: (() => void)[] = [];
    const settle = () => {
      for (const undo of taken) undo();
    };
    try {
      if (before) carryOver(service, before);
      normalizeAddresses(service.spec, before?.spec);
      this.#allocateAddress(service, before?.spec, taken);
      this.#allocatePorts(service, before?.spec, taken);
      return taken.length > 0 && this.#cache?.shared ? { settle, guard: guardOf(this.#cache) } : { settle };
    } catch (error) {
      settle();
      throw error;
    }
  }

  #allocateAddress(service: Service, before: ServiceSpec | undefined, taken: (() => void)[]): void {
    const spec = service.spec!;
    if (!needsClusterIp(spec)) return;
    spec.ipFamilyPolicy ??= 'SingleStack';
    if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
    if (isHeadless(spec)) {
      spec.clusterIPs = ['None'];
      return;
    }
    const own = before && needsClusterIp(before) && !isHeadless(before) ? before.clusterIP : undefined;
    if (spec.clusterIP && spec.clusterIP === own) return;
    const number = spec.clusterIP ? this.#takeAddress(service, spec.clusterIP) : this.#takeAnyAddress();
    taken.push(() => this.#addressPool.settle(number));
    spec.clusterIP = formatAddress(this.#range.base + 1 + number);
    spec.clusterIPs = [spec.clusterIP];
  }

  #takeAddress(service: Service, text: string): number {
    const fail = (why: string): never => {
      const message = `failed to allocate IP ${text}: ${why}`;
      return refuse(service, invalidValue('spec.clusterIPs', service.spec?.clusterIPs, message));
    };
    const address = parseAddress(text);
    if (address === undefined) {
      return refuse(
        service,
        invalidValue('spec.clusterIPs[0]', text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    }
    const number = address - this.#range.base - 1;
    if (!this.#addressPool.contains(number)) {
      fail(`the provided IP (${text}) is not in the valid range. The range of valid IPs is ${this.#range.cidr}`);
    }
    if (!this.#addressPool.take(number)) fail('provided IP is already allocated');
    return number;
  }

  #takeAnyAddress(): number {
    const number = this.#addressPool.takeAny();
    if (number === undefined) throw internalError('failed to allocate a serviceIP: range is full');
    return number;
  }

  #allocatePorts(service: Service, before: ServiceSpec | undefined, taken: (() => void)[]): void {
    const spec = service.spec!;
    const own = new Set(before ? portsOf(before) : []);
    const take = (path: string, wanted: number | undefined): number => {
      if (wanted && own.has(wanted)) return wanted;
      const number = wanted ? this.#takePort(service, path, wanted) : this.#takeAnyPort();
      taken.push(() => this.#portPool.settle(number));
      own.add(this.#ports.from + number);
      return this.#ports.from + number;
    };
    if (needsNodePorts(spec)) {
      const ports = spec.ports ?? [];
      // Fixed choices first: a random one must not take what another port of this Service asks for.
      ports.forEach((port, i) => {
        if (port.nodePort) take(`spec.ports[${i}].nodePort`, port.nodePort);
      });
      ports.forEach((port, i) => {
        if (!port.nodePort) port.nodePort = this.#sharedPort(spec, i) ?? take('', undefined);
      });
    }
    if (needsHealthCheckPort(spec)) {
      spec.healthCheckNodePort = take('spec.healthCheckNodePort', spec.healthCheckNodePort || undefined);
    }
  }

  /** One number for the same port over several protocols, as DNS has it (findRequestedNodePort). */
  #sharedPort(spec: ServiceSpec, index: number): number | undefined {
    const port = spec.ports![index]!;
    return spec.ports!.find((other) => other.port === port.port && other.protocol !== port.protocol && other.nodePort)
      ?.nodePort;
  }

  #takePort(service: Service, path: string, wanted: number): number {
    const { from, to } = this.#ports;
    const number = wanted - from;
    if (!this.#portPool.contains(number)) {
      const why = `provided port is not in the valid range. The range of valid ports is ${from}-${to}`;
      return refuse(service, invalidValue(path, wanted, why));
    }
    if (!this.#portPool.take(number)) refuse(service, invalidValue(path, wanted, 'provided port is already allocated'));
    return number;
  }

  #takeAnyPort(): number {
    const number = this.#portPool.takeAny();
    if (number === undefined) throw internalError('failed to allocate a nodePort: range is full');
    return number;
  }

  #count({ spec }: Service, change: 'hold' | 'release'): void {
    if (!spec) return;
    const address = needsClusterIp(spec) ? parseAddress(spec.clusterIP ?? '') : undefined;
    if (address !== undefined) this.#addressPool[change](address - this.#range.base - 1);
    for (const port of portsOf(spec)) this.#portPool[change](port - this.#ports.from);
  }
}

const nothing: Allocated = { settle() {} };

function guardOf(cache: WatchCache): PutOptions['guard'] {
  const start = storagePrefix(services);
  return { start, end: prefixEnd(start), revision: cache.seen };
}

/** Every node port of a Service, once. */
function portsOf(spec: ServiceSpec): number[] {
  const ports = (spec.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...new Set([...ports, spec.healthCheckNodePort ?? 0])].filter((port) => port > 0);
}

function refuse(service: Service, cause: Cause): never {
  throw invalid(services, service.metadata.name, [cause]);
}
