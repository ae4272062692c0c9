import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { describe } from '../model/describe.ts';
import { hovered, readings, selected, world } from '../state.ts';
import { t } from '../text/text.ts';
import { MapView } from './map-view.ts';

/** One of the two maps: a canvas, buttons for those who have no wheel, and a voice for those who do not see it. */
export function MapPane({ kind }: { kind: 'workloads' | 'control-plane' }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useRef<MapView>(undefined);
  useEffect(() => {
    if (!canvas.current) return;
    const created = new MapView(canvas.current, kind);
    map.current = created;
    const stop = effect(() => created.follow());
    return () => {
      stop();
      created.close();
    };
  }, [kind]);
  const name = t(kind === 'workloads' ? 'workloads' : 'controlPlane');
  return (
    <section class={`map ${kind}`} aria-label={name}>
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: its keys are its own */}
      <canvas ref={canvas} tabIndex={0} role="application" aria-label={t('mapOf', { view: name })} />
      <h2>{name}</h2>
      <div class="zoom">
        <button type="button" title={t('zoomIn')} aria-label={t('zoomIn')} onClick={() => map.current?.zoom(1.6)}>
          +
        </button>
        <button type="button" title={t('zoomOut')} aria-label={t('zoomOut')} onClick={() => map.current?.zoom(1 / 1.6)}>
          −
        </button>
        <button type="button" title={t('fit')} aria-label={t('fit')} onClick={() => map.current?.fitAll()}>
          ⤢
        </button>
      </div>
      <Voice />
    </section>
  );
}

/** Says what is under the pointer or chosen by key. */
function Voice() {
  readings.value;
  const id = hovered.value ?? selected.value;
  return (
    <p class="unseen" aria-live="polite">
      {id ? describe(world, id) : ''}
    </p>
  );
}
