import { batch } from '@preact/signals';
import type { LiveDelta, LiveSnapshot } from '../src/inspect/live-types.ts';
import { connection, readings, world } from './state.ts';

const firstRetryMs = 500;
const longestRetryMs = 8000;

/** Follows the server: the whole, then a change a second; joins again when the connection breaks or the page was asleep. */
export function connect(retryMs = firstRetryMs): void {
  const socket = new WebSocket(`ws://${location.host}/live`);
  let opened = false;
  socket.addEventListener('open', () => {
    opened = true;
  });
  socket.addEventListener('message', (event) => {
    const message = JSON.parse(event.data as string) as LiveSnapshot | LiveDelta;
    batch(() => {
      if (message.schema === 'vitrine/live/v1') world.replace(message);
      else world.apply(message);
      connection.value = 'live';
      readings.value++;
    });
  });
  // A page that nobody sees costs nothing.
  const hide = () => {
    if (document.hidden) socket.close();
  };
  document.addEventListener('visibilitychange', hide);
  socket.addEventListener('close', () => {
    document.removeEventListener('visibilitychange', hide);
    if (document.hidden) {
      document.addEventListener('visibilitychange', () => connect(), { once: true });
      return;
    }
    connection.value = connection.value === 'refused' ? 'refused' : 'lost';
    const next = opened ? firstRetryMs : Math.min(longestRetryMs, retryMs * 2);
    setTimeout(() => void retry(next), retryMs);
  });
}

/** The handshake's status is not told to scripts: an ordinary request says whether this browser is let in. */
async function retry(retryMs: number): Promise<void> {
  const answer = await fetch('/', { method: 'HEAD' }).catch(() => undefined);
  if (answer?.status === 401) connection.value = 'refused';
  else connect(retryMs);
}
