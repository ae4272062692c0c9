import { useEffect } from 'preact/hooks';
import { Help } from './bar/help.tsx';
import { LineStrip } from './bar/line-strip.tsx';
import { TopBar } from './bar/top-bar.tsx';
import { handleKey } from './keyboard.ts';
import { MapPane } from './map/map-pane.tsx';
import { Panel } from './panel/panel.tsx';
import { connection, selected, view } from './state.ts';
import { t } from './text/text.ts';

export function App() {
  useEffect(() => {
    document.addEventListener('keydown', handleKey);
    return () => document.removeEventListener('keydown', handleKey);
  }, []);
  const both = view.value === 'both';
  return (
    <div class={`app${selected.value ? ' has-panel' : ''}`}>
      <TopBar />
      <main class={`maps${both ? ' both' : ''}`}>
        {view.value !== 'control-plane' && <MapPane kind="workloads" />}
        {view.value !== 'workloads' && <MapPane kind="control-plane" />}
        {connection.value === 'refused' && <p class="notice">{t('refused')}</p>}
      </main>
      {selected.value && <Panel id={selected.value} />}
      <LineStrip />
      <Help />
    </div>
  );
}
