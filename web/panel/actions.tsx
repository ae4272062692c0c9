import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { LiveObject } from '../../src/inspect/live-types.ts';
import { remove, restart, scale } from '../api.ts';
import { kindWord, t } from '../text/text.ts';

type Action = 'scale' | 'restart' | 'delete';

const possible: Record<Action, string[]> = {
  scale: ['Deployment', 'ReplicaSet', 'StatefulSet'],
  restart: ['Deployment', 'StatefulSet', 'DaemonSet'],
  delete: ['Service', 'Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Pod'],
};

/** What can be done to an object; each asks first. */
export function Actions({ object }: { object: LiveObject }) {
  const asking = useSignal<Action | undefined>(undefined);
  const actions = (Object.keys(possible) as Action[]).filter((action) => possible[action].includes(object.kind));
  return (
    <div class="actions">
      {actions.map((action) => (
        <button
          type="button"
          key={action}
          class={action}
          onClick={() => {
            asking.value = action;
          }}
        >
          {t(action)} …
        </button>
      ))}
      {asking.value && (
        <Confirm
          object={object}
          action={asking.value}
          onClose={() => {
            asking.value = undefined;
          }}
        />
      )}
    </div>
  );
}

interface ConfirmProps {
  object: LiveObject;
  action: Action;
  onClose: () => void;
}

function Confirm({ object, action, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const replicas = useSignal(object.wanted ?? 1);
  const problem = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  useEffect(() => dialog.current?.showModal(), []);
  const name = `${kindWord(object.kind)} ${object.namespace ? `${object.namespace}/` : ''}${object.name}`;
  const go = async () => {
    busy.value = true;
    problem.value = undefined;
    try {
      if (action === 'scale') await scale(object.path, replicas.value);
      else if (action === 'restart') await restart(object.path);
      else await remove(object.path);
      dialog.current?.close();
    } catch (error) {
      problem.value = (error as Error).message;
    }
    busy.value = false;
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="confirm-title">
      <h2 id="confirm-title">{t(`${action}Title`, { name })}</h2>
      {action === 'scale' ? (
        <label>
          {t('replicas')}{' '}
          <input
            type="number"
            min={0}
            max={5000}
            value={replicas.value}
            onInput={(event) => {
              replicas.value = Math.max(0, event.currentTarget.valueAsNumber || 0);
            }}
          />
        </label>
      ) : (
        <p>{t(action === 'restart' ? 'restartText' : 'deleteText')}</p>
      )}
      {problem.value && <p class="notice bad">{problem.value}</p>}
      <div class="buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          {t('cancel')}
        </button>
        <button type="button" class={`go ${action}`} disabled={busy.value} onClick={go}>
          {t(action)}
        </button>
      </div>
    </dialog>
  );
}
