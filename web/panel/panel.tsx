import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { LiveObject } from '../../src/inspect/live-types.ts';
import { nameOf } from '../model/describe.ts';
import { pathTo } from '../model/lineage.ts';
import { live, selected, type Tab, tab } from '../state.ts';
import { t } from '../text/text.ts';
import { Actions } from './actions.tsx';
import { Events } from './events.tsx';
import { Logs } from './logs.tsx';
import { Overview } from './overview.tsx';
import { TerminalTab } from './terminal-tab.tsx';
import { Why } from './why.tsx';
import { Yaml } from './yaml.tsx';
/** Everything about one thing, in tabs; what a thread or a process has no tab for, its Pod has. */
export function Panel({ id }: { id: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Whoever uses the keyboard hears what was chosen without losing the place on the map.
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, [id]);
  const { kind, name } = nameOf(live(), id);
  const path = pathTo(live(), id);
  const object = nearestObject(path);
  const pod = path.map((step) => live().objects.get(step)).find((one) => one?.kind === 'Pod');
  const container = path.find((step) => live().containers.has(step));
  const exists = isKnown(id);
  const tabs: [Tab, boolean][] = [
    ['overview', true],
    ['why', object !== undefined],
    ['logs', pod !== undefined],
    ['terminal', pod !== undefined],
    ['events', object !== undefined],
    ['yaml', object !== undefined],
  ];
  return (
    <aside class="panel" aria-label={`${kind} ${name}`}>
      <div class="panel-head">
        <p class="kind">{kind}</p>
        <button
          type="button"
          class="close"
          aria-label={t('close')}
          onClick={() => {
            selected.value = undefined;
          }}
        >
          ×
        </button>
        <h2 ref={heading}>{name}</h2>
        {object?.id === id && <Actions object={object} />}
      </div>
      <div class="tabs" role="tablist">
        {tabs
          .filter(([, shown]) => shown)
          .map(([key]) => (
            <button
              type="button"
              role="tab"
              key={key}
              id={`tab-${key}`}
              aria-selected={tab.value === key}
              onClick={() => {
                tab.value = key;
              }}
            >
              {t(key)}
            </button>
          ))}
      </div>
      <div class={`tab shows-${tab.value}`} role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
        {!exists && <p class="notice">{t('goneThing')}</p>}
        {tab.value === 'overview' && exists && <Overview id={id} />}
        {tab.value === 'why' && object && <Why object={object} key={object.id} />}
        {tab.value === 'yaml' && object && <Yaml object={object} key={object.id} />}
        {tab.value === 'events' && object && <Events object={object} key={object.id} />}
        {tab.value === 'logs' && pod && <Logs pod={pod} container={container} key={`${pod.id}${container}`} />}
        {tab.value === 'terminal' && pod && (
          <TerminalTab pod={pod} container={container} key={`${pod.id}${container}`} />
        )}
      </div>
    </aside>
  );
}

function nearestObject(path: string[]): LiveObject | undefined {
  return path.map((step) => live().objects.get(step)).findLast((object) => object !== undefined);
}

function isKnown(id: string): boolean {
  const { objects, containers, processes, ways } = live();
  const group = /^(namespace|group|component|root):/.test(id);
  return group || objects.has(id) || containers.has(id) || processes.has(id) || ways.processOfThread.has(id);
}

export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}
