import type { FlowSchema } from '../../api/generated/flowcontrol-v1.ts';
import {
  mandatoryFlowSchemas,
  mandatoryLevelErrors,
  mandatoryPriorityLevels,
  mandatorySchemaErrors,
} from '../../api/kinds/flow-control-mandatory.ts';
import type { Draft, KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/resource.ts';
import type { Cause } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from '../bootstrap/flow-control-defaults.ts';
import type { LocalTransport } from '../http/in-process.ts';
import type { ObjectReader } from '../request.ts';
import { flowSchemas, priorityLevels } from './flow-control.ts';

const intervalMs = 2000;

export interface KeepObjectsOptions {
  reader: ObjectReader;
  transport: LocalTransport;
  clock: Clock;
  log: Logger;
}

/**
 * Tells each FlowSchema whether its priority level exists, and brings the mandatory objects back (apf_controller.go
 * presyncFlowSchemaStatus; pkg/registry/flowcontrol/ensurer).
 */
export class FlowControlObjects {
  readonly #options: KeepObjectsOptions;
  /** Changes of the two resources when they were last looked at. */
  #seen = '';
  #cancel = () => {};
  #stopped = false;

  constructor(options: KeepObjectsOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(intervalMs, () => void this.#look().finally(() => this.start()));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { reader, log } = this.#options;
    const seen = `${reader.changes?.(flowSchemas)} ${reader.changes?.(priorityLevels)}`;
    if (seen === this.#seen) return;
    try {
      const levels = defaultPriorityLevels().filter(({ metadata }) => metadata.name! in mandatoryPriorityLevels);
      const schemas = defaultFlowSchemas().filter(({ metadata }) => metadata.name! in mandatoryFlowSchemas);
      await this.#restore(priorityLevels, levels, mandatoryLevelErrors);
      await this.#restore(flowSchemas, schemas, mandatorySchemaErrors);
      for (const schema of reader.list(flowSchemas)) await this.#report(schema);
      this.#seen = seen;
    } catch (error) {
      log.warn('cannot keep the objects of priority and fairness', { error });
    }
  }

  /** Without these nothing would be served: who deletes them gets them back, as does who could still change them. */
  async #restore<T extends KubeObject>(
    resource: Resource<T>,
    defaults: Draft<T>[],
    errorsOf: (found: T) => Cause[],
  ): Promise<void> {
    const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    for (const object of defaults) {
      const { name = '' } = object.metadata;
      const found = this.#options.reader.get(resource, '', name);
      if (!found) await this.#write('POST', pathOf(resource), { ...kind, ...object });
      else if (errorsOf(found).length > 0)
        await this.#write('PUT', `${pathOf(resource)}/${name}`, { ...found, ...object, metadata: found.metadata });
    }
  }

  async #report(schema: FlowSchema): Promise<void> {
    const { reader, clock } = this.#options;
    const level = schema.spec.priorityLevelConfiguration.name;
    const exists = reader.get(priorityLevels, '', level) !== undefined;
    const wanted = danglingCondition(level, exists);
    const conditions = schema.status?.conditions ?? [];
    const before = conditions.find(({ type }) => type === 'Dangling');
    if (before?.status === wanted.status && before.message === wanted.message) return;
    const condition = { ...wanted, lastTransitionTime: formatTime(new Date(clock.now())) };
    const status = { conditions: [...conditions.filter((one) => one !== before), condition] };
    await this.#write('PUT', `${pathOf(flowSchemas)}/${schema.metadata.name}/status`, { ...schema, status });
  }

  /** Conflicts and objects that went are for the next look. */
  async #write(method: string, path: string, body: object): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await this.#options.transport.request({ method, path, headers, body: JSON.stringify(body) });
    if (response.status >= 300 && response.status !== 409 && response.status !== 404)
      throw new Error(await response.text());
  }
}

const pathOf = (resource: Resource<KubeObject> | Resource<FlowSchema>) =>
  `/apis/${apiVersionOf(resource)}/${resource.resource}`;

function danglingCondition(level: string, exists: boolean) {
  const reference = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return exists
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${reference} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${reference} but there is no such object` };
}
