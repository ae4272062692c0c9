import type { KubeObject } from '../api/object.ts';
import type { AdmissionAttributes } from './request.ts';

/**
 * Which webhooks or policies are to see an object again, as others have changed it since (KEP-492; apiserver
 * pkg/admission/plugin/webhook/mutating/reinvocationcontext.go).
 */
export class Reinvocation<T> {
  /** Those that have been asked, and want to be asked again after changes. */
  readonly #asked = new Set<T>();
  /** Those of them after whom something has changed. */
  readonly #due = new Set<T>();
  /** The object as it was when the last of them had been asked. */
  #lastSeen = '';

  isDue(one: T): boolean {
    return this.#due.has(one);
  }

  /** To be called after each that was asked. */
  note(one: T, changed: boolean, again: boolean): void {
    if (changed) this.#changed();
    if (again) this.#asked.add(one);
  }

  leave(object: KubeObject | undefined): void {
    this.#lastSeen = JSON.stringify(object);
  }

  /** To be called before a second round. */
  comeBack(object: KubeObject | undefined): void {
    if (JSON.stringify(object) !== this.#lastSeen) this.#changed();
  }

  #changed(): void {
    for (const one of this.#asked) this.#due.add(one);
    this.#asked.clear();
  }
}

/** A plugin's record of the requests that are being admitted. */
export class Reinvocations<T> {
  readonly #byRequest = new WeakMap<AdmissionAttributes, Reinvocation<T>>();

  of(attributes: AdmissionAttributes): Reinvocation<T> {
    let found = this.#byRequest.get(attributes);
    if (!found) {
      found = new Reinvocation();
      this.#byRequest.set(attributes, found);
    }
    return found;
  }
}
