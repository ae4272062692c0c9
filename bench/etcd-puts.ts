import { silentLogger } from '../src/base/log.ts';
import { EtcdConnection } from '../src/store/etcd-connection.ts';
import { encodeTxn, methods } from '../src/store/etcd-messages.ts';
import { EtcdServer, hasEtcd } from '../test/fixture/etcd-server.ts';

/** etcd itself, with its data in this directory. */
export class EtcdPuts {
  readonly #etcd: EtcdServer;
  readonly #connection: EtcdConnection;
  #written = 0;

  /** Undefined where there is no etcd. */
  static async start(directory: string): Promise<EtcdPuts | undefined> {
    return hasEtcd ? new EtcdPuts(await EtcdServer.start({ directory })) : undefined;
  }

  private constructor(etcd: EtcdServer) {
    this.#etcd = etcd;
    this.#connection = new EtcdConnection({ endpoints: [etcd.url] }, silentLogger);
  }

  /** Bare puts a second, one a request, each writer waiting for its own, over one connection of our gRPC client. */
  async perSecond({ writers, seconds, bytes }: { writers: number; seconds: number; bytes: number }): Promise<number> {
    const value = Buffer.alloc(bytes, 'x');
    const write = async (until: number) => {
      while (performance.now() < until) {
        const put = { put: { key: `/bench/${this.#written++}`, value } };
        await this.#connection.write(methods.txn, encodeTxn({ compare: [], success: [put], failure: [] }));
      }
    };
    const all = (until: number) => Promise.all(Array.from({ length: writers }, () => write(until)));
    await all(performance.now() + 500);
    const [before, began] = [this.#written, performance.now()];
    await all(began + seconds * 1000);
    return ((this.#written - before) * 1000) / (performance.now() - began);
  }

  async stop(): Promise<void> {
    await this.#connection.close();
    await this.#etcd.remove();
  }
}
