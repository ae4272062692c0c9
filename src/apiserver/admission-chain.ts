import type { AdmissionAttributes, AdmissionPlugin } from './request.ts';

/** Runs the plugins in their order: first all that change the object, then, once it is final, all that judge it. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    let changed = false;
    for (const plugin of this.#plugins) {
      if (!plugin.admit || !plugin.handles(attributes)) continue;
      const before = plugin.readmit && JSON.stringify(attributes.object);
      await plugin.admit(attributes);
      if (before !== undefined) changed ||= JSON.stringify(attributes.object) !== before;
    }
    if (!changed) return;
    // Webhooks or policies have changed the object: all see it once more (KEP-492).
    for (const plugin of this.#plugins) {
      if (plugin.handles(attributes)) await (plugin.readmit ?? plugin.admit)?.(attributes);
    }
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.validate && plugin.handles(attributes)) await plugin.validate(attributes);
    }
  }
}
