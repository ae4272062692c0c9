import { silentLogger } from '../src/base/log.ts';
import { EtcdConnection } from '../src/store/etcd-connection.ts';
import { encodeTxn, methods } from '../src/store/etcd-messages.ts';
import { EtcdServer, hasEtcd } from '../test/fixture/etcd-server.ts';

/**
 * Puts a second of etcd itself: a bare put a request, each writer waiting for its own, over one connection of our gRPC
 * client. Undefined where there is no etcd.
 */
export async function etcdPuts(options: { directory: string; writers: number; seconds: number; bytes: number }) {
  if (!hasEtcd) return undefined;
  const { directory, writers, seconds, bytes } = options;
  const etcd = await EtcdServer.start({ directory });
  const connection = new EtcdConnection({ endpoints: [etcd.url] }, silentLogger);
  const value = Buffer.alloc(bytes, 'x');
  let written = 0;
  const write = async (id: number, until: number) => {
    for (let n = 0; performance.now() < until; n++, written++) {
      const put = { put: { key: `/bench/${id}/${written}-${n}`, value } };
      await connection.write(methods.txn, encodeTxn({ compare: [], success: [put], failure: [] }));
    }
  };
  const all = (until: number) => Promise.all(Array.from({ length: writers }, (_, id) => write(id, until)));
  await all(performance.now() + 500);
  written = 0;
  const began = performance.now();
  await all(began + seconds * 1000);
  const perSecond = (written * 1000) / (performance.now() - began);
  await connection.close();
  await etcd.remove();
  return perSecond;
}
