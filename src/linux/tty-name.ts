import { readText } from './read-text.ts';

const names = new Map<number, string | undefined>();

/** 'pts/0', 'tty1', 'ttyS0' for the device number in /proc/PID/stat; undefined without a terminal. */
export function ttyName(device: number): string | undefined {
  if (device === 0) return undefined;
  if (!names.has(device)) names.set(device, find(device));
  return names.get(device);
}

/** Pseudo terminals have majors 136 to 143 (admin-guide/devices.txt) and no entry in /sys. */
function find(device: number): string | undefined {
  // As new_encode_dev packs it (include/linux/kdev_t.h).
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  try {
    return /^DEVNAME=(.*)$/m.exec(readText(`/sys/dev/char/${major}:${minor}/uevent`))?.[1];
  } catch {
    return undefined;
  }
}
