import fs from 'node:fs';
import { DbusConnection, systemBusPath } from './dbus.ts';
import type { DbusVariant } from './dbus-message.ts';

const manager = {
  destination: 'org.freedesktop.login1',
  path: '/org/freedesktop/login1',
  interface: 'org.freedesktop.login1.Manager',
};

export interface ShutdownWatch {
  /** How long logind waits for those who have asked for a delay, in milliseconds. */
  maxDelayMs: number;
  /** Lets the machine go down. */
  release(): void;
  close(): void;
}

/**
 * Has the machine wait before it goes down, and is told when it is about to (org.freedesktop.login1(5); systemd.io
 * INHIBITOR_LOCKS). Undefined where there is no logind.
 */
export async function watchShutdown(
  { who, why }: { who: string; why: string },
  on: { shutdown(): void; calledOff(): void; lost(error: Error): void },
): Promise<ShutdownWatch | undefined> {
  const path = systemBusPath();
  if (!fs.existsSync(path)) return undefined;
  const connection = await DbusConnection.open(path, on.lost);
  let lock: number | undefined;
  const release = () => {
    if (lock !== undefined) fs.closeSync(lock);
    lock = undefined;
  };
  const inhibit = async () => {
    const body = ['shutdown', who, why, 'delay'];
    const { descriptors } = await connection.call({ ...manager, member: 'Inhibit', signature: 'ssss', body });
    release();
    lock = descriptors[0];
  };
  try {
    const delay = await connection.call({
      ...manager,
      ...{ interface: 'org.freedesktop.DBus.Properties', member: 'Get', signature: 'ss' },
      body: [manager.interface, 'InhibitDelayMaxUSec'],
    });
    await connection.onSignal({ interface: manager.interface, member: 'PrepareForShutdown' }, ([begins]) => {
      if (begins) on.shutdown();
      else {
        on.calledOff();
        inhibit().catch(on.lost);
      }
    });
    await inhibit();
    const maxDelayMs = Number((delay.body[0] as DbusVariant).value) / 1000;
    const close = () => {
      release();
      connection.close();
    };
    return { maxDelayMs, release, close };
  } catch (error) {
    connection.close();
    throw error;
  }
}
