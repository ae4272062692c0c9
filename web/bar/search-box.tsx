import { useSignal } from '@preact/signals';
import { isOnHost } from '../map/control-plane-boxes.ts';
import { filter, flyTo, found, query, select, view, world } from '../state.ts';
import { kindWord, t } from '../text/text.ts';

/** As many as fit under the box; the map shows the others. */
const shown = 12;

/** Finds anything by any of its names; Enter chooses and flies there. */
export function SearchBox() {
  const open = useSignal(false);
  const index = useSignal(0);
  const findings = found.value.slice(0, shown);
  const go = (id: string | undefined) => {
    if (id === undefined) return;
    open.value = false;
    // Processes of components are only in the other view.
    if (view.value !== 'both' && matchMedia('(min-width: 900px)').matches) view.value = 'both';
    if (isOnHost(world, id)) filter.value = { ...filter.value, showHost: true };
    select(id);
    flyTo.value = { id };
  };
  const key = (event: KeyboardEvent) => {
    const move = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (move) index.value = Math.min(findings.length - 1, Math.max(0, index.value + move));
    else if (event.key === 'Enter') go(findings[index.value]?.id);
    else if (event.key === 'Escape') {
      query.value = '';
      open.value = false;
      (event.currentTarget as HTMLElement).blur();
    } else return;
    event.preventDefault();
  };
  const expanded = open.value && query.value !== '';
  return (
    <search class="search">
      <input
        id="search"
        type="text"
        role="combobox"
        aria-expanded={expanded}
        aria-controls="findings"
        aria-activedescendant={expanded && findings.length > 0 ? `finding-${index.value}` : undefined}
        aria-label={t('searchShort')}
        placeholder={t('search')}
        autocomplete="off"
        spellcheck={false}
        value={query.value}
        onInput={(event) => {
          query.value = event.currentTarget.value;
          index.value = 0;
          open.value = true;
        }}
        onFocus={() => {
          open.value = true;
        }}
        onBlur={() => {
          open.value = false;
        }}
        onKeyDown={key}
      />
      {expanded && (
        <div id="findings" role="listbox" aria-label={t('searchShort')}>
          {findings.length === 0 && <p>{t('nothingFound')}</p>}
          {findings.map(({ id, kind, name, note }, i) => (
            <div
              key={id}
              id={`finding-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === index.value}
              onPointerDown={(event) => {
                event.preventDefault();
                go(id);
              }}
            >
              <span class="kind">
                {kind === 'container' ? t('container') : kind === 'process' ? t('Process') : kindWord(kind)}
              </span>
              <b>{name}</b>
              <span class="note">{note}</span>
            </div>
          ))}
        </div>
      )}
    </search>
  );
}
