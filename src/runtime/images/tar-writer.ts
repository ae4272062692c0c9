/** A member to write. Owner is root and the time is fixed unless given: equal trees make equal bytes. */
export interface TarMember {
  name: string;
  type: 'file' | 'link' | 'symlink' | 'directory' | 'char' | 'fifo';
  mode: number;
  uid?: number;
  gid?: number;
  /** Seconds since the epoch. @default 0 */
  mtime?: number;
  size?: number;
  linkName?: string;
  major?: number;
  minor?: number;
  xattrs?: Map<string, Uint8Array>;
}

const typeFlags: Record<TarMember['type'], string> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  directory: '5',
  fifo: '6',
};

/** The header block(s) of a member: ustar, with a PAX header in front where ustar is too narrow. */
export function tarHeader(member: TarMember): Buffer {
  const pax: [string, Uint8Array | string][] = [];
  const size = member.size ?? 0;
  if (Buffer.byteLength(member.name) > 100 || /[^ -~]/.test(member.name)) pax.push(['path', member.name]);
  if (Buffer.byteLength(member.linkName ?? '') > 100) pax.push(['linkpath', member.linkName ?? '']);
  if (size >= 8 ** 11) pax.push(['size', String(size)]);
  for (const [name, value] of member.xattrs ?? []) pax.push([`SCHILY.xattr.${name}`, value]);
  if (pax.length === 0) return block(member, typeFlags[member.type], size);
  const data = Buffer.concat(pax.map(([key, value]) => paxRecord(key, value)));
  return Buffer.concat([
    block({ ...member, name: 'PaxHeaders/x', linkName: '' }, 'x', data.length),
    data,
    tarPadding(data.length),
    block(member, typeFlags[member.type], size),
  ]);
}

/** Zeros that fill the last block of a body. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((512 - (size % 512)) % 512);
}

/** The two zero blocks that end an archive. */
export const tarEnd: Buffer = Buffer.alloc(1024);

function block(member: TarMember, flag: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(member.name, 0, 100);
  header.write(octal(member.mode, 8), 100);
  header.write(octal(member.uid ?? 0, 8), 108);
  header.write(octal(member.gid ?? 0, 8), 116);
  header.write(octal(size >= 8 ** 11 ? 0 : size, 12), 124);
  header.write(octal(Math.floor(member.mtime ?? 0), 12), 136);
  header.write('        ', 148);
  header.write(flag, 156);
  header.write(member.linkName ?? '', 157, 100);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(octal(member.major ?? 0, 8), 329);
  header.write(octal(member.minor ?? 0, 8), 337);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function paxRecord(key: string, value: Uint8Array | string): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
