import type { AdmissionAttributes, AdmissionPlugin } from './request.ts';

/** Runs the plugins in their order: first all that change the object, then, once it is final, all that judge it. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    const reinvoked = await this.#admit(attributes, true);
    // Webhooks have changed the object: the others see it once more (KEP-492).
    if (reinvoked) await this.#admit(attributes, false);
  }

  /** Whether webhooks have changed the object. */
  async #admit(attributes: AdmissionAttributes, withWebhooks: boolean): Promise<boolean> {
    let changed = false;
    for (const plugin of this.#plugins) {
      if (!plugin.admit || !plugin.handles(attributes)) continue;
      if (!plugin.external) {
        await plugin.admit(attributes);
      } else if (withWebhooks) {
        const before = JSON.stringify(attributes.object);
        await plugin.admit(attributes);
        changed ||= JSON.stringify(attributes.object) !== before;
      }
    }
    return changed;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.validate && plugin.handles(attributes)) await plugin.validate(attributes);
    }
  }
}
