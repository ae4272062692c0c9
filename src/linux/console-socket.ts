import fs from 'node:fs';
import { acceptDescriptors, listenDescriptors, receive, whenReadable } from './descriptor-socket.ts';

/** A socket to which an OCI runtime sends the terminal that it has made (runc docs/terminals.md). */
export class ConsoleSocket {
  readonly #path: string;
  readonly #terminal = Promise.withResolvers<number | undefined>();
  readonly #listener: number;
  /** The runtime's connection, once it is there. */
  #connection: number | undefined;
  /** Ends the waiting for what comes next; undefined when nothing does any more. */
  #stopWaiting: (() => void) | undefined;

  constructor(socketPath: string) {
    this.#path = socketPath;
    this.#listener = listenDescriptors(socketPath);
    this.#await(this.#listener);
  }

  /** The terminal's master side, which the caller closes; undefined when none has come before `finish`. */
  get terminal(): Promise<number | undefined> {
    return this.#terminal.promise;
  }

  /** The runtime has ended: what it has sent is there already. */
  finish(): void {
    if (!this.#stopWaiting) return;
    this.#look();
    this.#end(undefined);
  }

  #await(fd: number): void {
    this.#stopWaiting?.();
    this.#stopWaiting = whenReadable(fd, () => this.#look());
  }

  /** Takes the next step, if it can be taken now. */
  #look(): void {
    try {
      if (this.#connection === undefined) {
        this.#connection = acceptDescriptors(this.#listener, this.#path);
        if (this.#connection === undefined) return;
        this.#await(this.#connection);
      }
      // The bytes are a name of the terminal, of no interest. A connection that ends without one goes on being readable.
      const received = receive(this.#connection, this.#path);
      if (received) this.#end(received.descriptors[0]);
    } catch (error) {
      this.#terminal.reject(error);
      this.#end(undefined);
    }
  }

  #end(terminal: number | undefined): void {
    if (!this.#stopWaiting) return;
    this.#stopWaiting();
    this.#stopWaiting = undefined;
    fs.closeSync(this.#listener);
    if (this.#connection !== undefined) fs.closeSync(this.#connection);
    fs.rmSync(this.#path, { force: true });
    this.#terminal.resolve(terminal);
  }
}
