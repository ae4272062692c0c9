import type * as core from '../../api/generated/core-v1.ts';
import type * as events from '../../api/generated/events-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Conversion } from '../strategy.ts';

/** events.k8s.io/v1 and core/v1 Events are one, stored as core/v1 (pkg/apis/events/v1/conversion.go). */
export const eventConversion: Conversion = {
  toServed(stored: KubeObject): KubeObject {
    const {
      kind,
      metadata,
      involvedObject,
      message,
      source,
      firstTimestamp,
      lastTimestamp,
      count,
      reportingComponent,
      apiVersion: _,
      ...same
    } = stored as core.Event;
    const served = {
      kind,
      apiVersion: 'events.k8s.io/v1',
      metadata,
      ...same,
      regarding: involvedObject,
      note: message,
      reportingController: reportingComponent,
      deprecatedSource: source,
      deprecatedFirstTimestamp: firstTimestamp,
      deprecatedLastTimestamp: lastTimestamp,
      deprecatedCount: count,
    };
    return clean(served) as unknown as events.Event;
  },
  toStored(object: KubeObject): KubeObject {
    const {
      kind,
      metadata,
      regarding = {},
      note,
      reportingController = '',
      reportingInstance = '',
      deprecatedSource = {},
      deprecatedFirstTimestamp,
      deprecatedLastTimestamp,
      deprecatedCount,
      apiVersion: _,
      ...same
    } = object as events.Event;
    const stored = {
      kind,
      apiVersion: 'v1',
      metadata,
      ...same,
      involvedObject: regarding,
      message: note,
      source: deprecatedSource,
      firstTimestamp: deprecatedFirstTimestamp,
      lastTimestamp: deprecatedLastTimestamp,
      count: deprecatedCount,
      reportingComponent: reportingController,
      reportingInstance,
    };
    return clean(stored) as unknown as KubeObject;
  },
};

/** Without what is not set. */
function clean(object: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(object)) if (value === undefined) delete object[name];
  return object;
}
