import fs from 'node:fs';
import { SyscallError } from '../base/errors.ts';
import { call } from './libc.ts';
import { readText } from './read-text.ts';

/** <linux/loop.h>; loop(4). */
const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CLR_FD = 0x4c01;
const LOOP_SET_CAPACITY = 0x4c07;
/** struct loop_config: fd, block size, loop_info64 of 232 bytes, reserved. */
const configBytes = 304;

export interface LoopDevice {
  /** '/dev/loop3'. */
  device: string;
  file: string;
}

/** Loop devices in use, with the files behind them. */
export function listLoops(): LoopDevice[] {
  return fs.readdirSync('/sys/block').flatMap((name) => {
    try {
      return [{ device: `/dev/${name}`, file: readText(`/sys/block/${name}/loop/backing_file`).trim() }];
    } catch {
      return [];
    }
  });
}

/** The loop device of a file; one that exists already is used again. */
export function attachLoop(file: string): string {
  const existing = listLoops().find((loop) => loop.file === file);
  if (existing) return existing.device;
  const backing = fs.openSync(file, 'r+');
  try {
    // Somebody else may take the free one before us.
    for (let tries = 10; ; tries--) {
      const device = freeDevice();
      if (configure(device, backing, tries > 0)) return device;
    }
  } finally {
    fs.closeSync(backing);
  }
}

/** Lets the loop device of a file have the size that the file has now; absent is no error. */
export function growLoop(file: string): void {
  for (const loop of listLoops()) if (loop.file === file) control(loop.device, 'LOOP_SET_CAPACITY', LOOP_SET_CAPACITY);
}

/** Frees the loop device of a file, at the latest when its last user closes it; absent is no error. */
export function detachLoop(file: string): void {
  for (const loop of listLoops()) if (loop.file === file) control(loop.device, 'LOOP_CLR_FD', LOOP_CLR_FD);
}

function control(device: string, name: string, request: number): void {
  const fd = fs.openSync(device, 'r');
  try {
    call('ioctl', `${name} ${device}`, fd, request, null);
  } finally {
    fs.closeSync(fd);
  }
}

function freeDevice(): string {
  const control = fs.openSync('/dev/loop-control', 'r+');
  try {
    const number = call('ioctl', 'LOOP_CTL_GET_FREE', control, LOOP_CTL_GET_FREE, null);
    const device = `/dev/loop${number}`;
    if (!fs.existsSync(device)) throw new Error(`${device} is missing: there is no devtmpfs on /dev`);
    return device;
  } finally {
    fs.closeSync(control);
  }
}

/** False if the device was taken meanwhile and `again` allows to try another. */
function configure(device: string, backing: number, again: boolean): boolean {
  const config = Buffer.alloc(configBytes);
  config.writeUInt32LE(backing, 0);
  const fd = fs.openSync(device, 'r+');
  try {
    call('ioctl', `LOOP_CONFIGURE ${device}`, fd, LOOP_CONFIGURE, config);
    return true;
  } catch (error) {
    if (again && error instanceof SyscallError && error.code === 'EBUSY') return false;
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}
