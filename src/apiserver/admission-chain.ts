import type { AdmissionAttributes, AdmissionPlugin } from './request.ts';

/** Runs the plugins in their order: first all that change the object, then, once it is final, all that judge it. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];
  /** Those of #plugins that change objects, and those that judge them. */
  readonly #changing: readonly AdmissionPlugin[];
  readonly #judging: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
    this.#changing = plugins.filter(({ admit }) => admit);
    this.#judging = plugins.filter(({ validate }) => validate);
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    let changed = false;
    const plugins = this.#changing;
    for (let i = nextOf(plugins, 0, attributes); i < plugins.length; i = nextOf(plugins, i + 1, attributes)) {
      const plugin = plugins[i]!;
      const before = plugin.readmit && JSON.stringify(attributes.object);
      await plugin.admit!(attributes);
      if (before !== undefined) changed ||= JSON.stringify(attributes.object) !== before;
    }
    if (!changed) return;
    // Webhooks or policies have changed the object: all see it once more (KEP-492).
    for (const plugin of this.#plugins) {
      if (plugin.handles(attributes)) await (plugin.readmit ?? plugin.admit)?.(attributes);
    }
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const plugins = this.#judging;
    for (let i = nextOf(plugins, 0, attributes); i < plugins.length; i = nextOf(plugins, i + 1, attributes)) {
      await plugins[i]!.validate!(attributes);
    }
  }
}

/** Index of the next plugin that has a say: most have none, and to find that in an async function costs several times as much. */
function nextOf(plugins: readonly AdmissionPlugin[], from: number, attributes: AdmissionAttributes): number {
  let i = from;
  while (i < plugins.length && !plugins[i]!.handles(attributes)) i++;
  return i;
}
