import type { ColourMode } from '../map/palette.ts';
import { colourMode, connection, filter, helpOpen, live, setTheme, theme, type ViewName, view } from '../state.ts';
import type { TextKey } from '../text/en.ts';
import { language, setLanguage, t } from '../text/text.ts';
import { SearchBox } from './search-box.tsx';

const views: [ViewName, TextKey][] = [
  ['workloads', 'workloads'],
  ['control-plane', 'controlPlane'],
  ['both', 'both'],
];
const colours: ColourMode[] = ['state', 'cpu', 'memory', 'age'];

export function TopBar() {
  return (
    <header class="top">
      <div class="brand">
        <img src={new URL('../icon.svg', import.meta.url).href} alt="" width="24" height="24" />
        <strong>Vitrine</strong>
        <span class="cluster">{live().host?.cluster}</span>
        <span class={`live ${connection.value}`}>{t(connection.value === 'refused' ? 'lost' : connection.value)}</span>
      </div>
      <SearchBox />
      <Segments
        label={t('view')}
        value={view.value}
        choices={views}
        onChange={(next) => {
          view.value = next;
        }}
        extra="views"
      />
      <Segments
        label={t('colourBy')}
        value={colourMode.value}
        choices={colours.map((mode) => [mode, mode])}
        onChange={(next) => {
          colourMode.value = next;
        }}
        extra="colours"
      />
      <Filters />
      <div class="tools">
        <button
          type="button"
          lang={language.value === 'en' ? 'ko' : 'en'}
          onClick={() => setLanguage(language.value === 'en' ? 'ko' : 'en')}
        >
          {t('language')}
        </button>
        <button
          type="button"
          aria-label={t('theme')}
          title={t('theme')}
          onClick={() => setTheme(theme.value === 'dark' ? 'light' : 'dark')}
        >
          {theme.value === 'dark' ? '☀' : '☾'}
        </button>
        <button
          type="button"
          class="keys"
          aria-label={t('help')}
          title={t('help')}
          onClick={() => {
            helpOpen.value = true;
          }}
        >
          ?
        </button>
      </div>
    </header>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  choices: [T, TextKey][];
  onChange: (next: T) => void;
  extra: string;
}

function Segments<T extends string>({ label, value, choices, onChange, extra }: SegmentsProps<T>) {
  return (
    <fieldset class={`segments ${extra}`}>
      <legend class="unseen">{label}</legend>
      {choices.map(([choice, key]) => (
        <button
          type="button"
          key={choice}
          aria-pressed={choice === value}
          data-choice={choice}
          onClick={() => onChange(choice)}
        >
          {t(key)}
        </button>
      ))}
    </fieldset>
  );
}

function Filters() {
  const { namespace, onlyTrouble, showHost } = filter.value;
  const namespaces = new Set([...live().objects.values()].map((object) => object.namespace).filter(Boolean));
  return (
    <div class="filters">
      <select
        aria-label={t('namespace')}
        value={namespace}
        onChange={(event) => {
          filter.value = { ...filter.value, namespace: event.currentTarget.value };
        }}
      >
        <option value="">{t('allNamespaces')}</option>
        {[...namespaces].sort().map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <label>
        <input
          type="checkbox"
          checked={onlyTrouble}
          onChange={(event) => {
            filter.value = { ...filter.value, onlyTrouble: event.currentTarget.checked };
          }}
        />
        {t('trouble')}
      </label>
      <label>
        <input
          type="checkbox"
          checked={showHost}
          onChange={(event) => {
            filter.value = { ...filter.value, showHost: event.currentTarget.checked };
          }}
        />
        {t('host')}
      </label>
    </div>
  );
}
