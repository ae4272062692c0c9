import type { ResourceInfo } from '../api/resource.ts';
import { eventConversion } from './conversion/event.ts';
import { horizontalPodAutoscalerConversion } from './conversion/horizontal-pod-autoscaler.ts';
import type { Conversion } from './strategy.ts';

/** Resources that are stored in another version than the one they are served in. */
const conversions: Record<string, Conversion> = {
  'events.k8s.io/v1/events': eventConversion,
  'autoscaling/v1/horizontalpodautoscalers': horizontalPodAutoscalerConversion,
};

export function conversionOf({ group, version, resource }: ResourceInfo): Conversion | undefined {
  return conversions[`${group}/${version}/${resource}`];
}
