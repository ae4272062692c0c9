import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';

export interface TerminalOptions {
  namespace: string;
  pod: string;
  container: string;
  dark: boolean;
  onEnd: (reason: string) => void;
}

/** First bytes of messages (KEP-4006). */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
/** The best shell that there is. */
const command = ['sh', '-c', 'export TERM=xterm-256color; command -v bash >/dev/null && exec bash || exec sh'];

/** Opens a terminal in a container; returns how to close it. */
export function openTerminal(place: HTMLElement, options: TerminalOptions): () => void {
  allowStyles();
  const terminal = new Terminal({
    fontSize: 13,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace',
    cursorBlink: true,
    screenReaderMode: false,
    theme: options.dark
      ? { background: '#0c1117', foreground: '#e6edf3' }
      : { background: '#f4f6f8', foreground: '#15202b', cursor: '#15202b', selectionBackground: '#b5d4f4' },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  fit.fit();
  const { namespace, pod, container } = options;
  const query = new URLSearchParams({ namespace, pod, container });
  for (const word of command) query.append('command', word);
  const socket = new WebSocket(`ws://${location.host}/exec?${query}`);
  socket.binaryType = 'arraybuffer';
  const send = (to: number, text: string) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(frame(to, text));
  };
  const resize = () => send(channel.resize, JSON.stringify({ Width: terminal.cols, Height: terminal.rows }));
  socket.addEventListener('open', () => {
    resize();
    terminal.focus();
  });
  let status = '';
  socket.addEventListener('message', (event) => {
    const bytes = new Uint8Array(event.data as ArrayBuffer);
    if (bytes[0] === channel.error) status = reasonOf(new TextDecoder().decode(bytes.subarray(1)));
    else terminal.write(bytes.subarray(1));
  });
  socket.addEventListener('close', (event) => options.onEnd(event.reason || status));
  terminal.onData((text) => send(channel.stdin, text));
  terminal.onResize(resize);
  const observer = new ResizeObserver(() => fit.fit());
  observer.observe(place);
  return () => {
    observer.disconnect();
    socket.close();
    terminal.dispose();
  };
}

function frame(to: number, text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const whole = new Uint8Array(bytes.length + 1);
  whole[0] = to;
  whole.set(bytes, 1);
  return whole;
}

/** What the status of the command says, if it is not success. */
function reasonOf(text: string): string {
  try {
    const status = JSON.parse(text) as { status?: string; message?: string };
    return status.status === 'Success' ? '' : (status.message ?? '');
  } catch {
    return text;
  }
}

/**
 * xterm.js makes style elements without asking; the content security policy lets in only those with the page's nonce,
 * so they get it as they are made.
 */
function allowStyles(): void {
  const nonce = document.querySelector('meta[name="style-nonce"]')?.getAttribute('content');
  if (!nonce || Object.hasOwn(document, 'createElement')) return;
  const create = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (name === 'style') element.nonce = nonce;
    return element;
  }) as typeof document.createElement;
}
