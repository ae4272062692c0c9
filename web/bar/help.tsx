import { useEffect, useRef } from 'preact/hooks';
import { helpOpen } from '../state.ts';
import type { TextKey } from '../text/en.ts';
import { t } from '../text/text.ts';

const keys: [string, TextKey][] = [
  ['← → ↑ ↓', 'keyArrows'],
  ['Enter', 'keyEnter'],
  ['Esc', 'keyEscape'],
  ['+ −', 'keyPlus'],
  ['0', 'keyZero'],
  ['/', 'keySlash'],
  ['1 2 3', 'keyViews'],
  ['s c m a', 'keyColours'],
];

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      onClose={() => {
        helpOpen.value = false;
      }}
      aria-label={t('help')}
    >
      <h2>{t('help')}</h2>
      <dl class="key-list">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => dialog.current?.close()}>
        {t('close')}
      </button>
    </dialog>
  );
}
