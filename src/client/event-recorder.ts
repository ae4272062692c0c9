import type { KubeObject } from '../api/object.ts';

/** Writes core/v1 Events, counting repeats of the same one instead of writing more (client-go tools/record). Never throws, never blocks. */
export interface EventRecorder {
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, options?: EventOptions): void;
}

export interface EventOptions {
  /** involvedObject.fieldPath, such as 'spec.containers{httpd}'. */
  fieldPath?: string;
}
