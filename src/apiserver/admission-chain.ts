import type { AdmissionAttributes, AdmissionPlugin } from './request.ts';

/** Runs the plugins in their order: first all that change the object, then, once it is final, all that judge it. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.admit && plugin.handles(attributes)) await plugin.admit(attributes);
    }
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.validate && plugin.handles(attributes)) await plugin.validate(attributes);
    }
  }
}
