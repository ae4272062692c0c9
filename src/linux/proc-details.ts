import fs from 'node:fs';
import { readText } from './read-text.ts';

/** What is asked about one process only, as it costs a file or more each. What we may not see is undefined. */
export interface ProcessDetails {
  executable: string | undefined;
  /** The file was removed or replaced since it was started. */
  executableDeleted: boolean;
  workingDirectory: string | undefined;
  /** '/' unless in a chroot or a mount namespace of its own. */
  root: string | undefined;
  descriptorCount: number | undefined;
  descriptorLimit: number | undefined;
  oomScore: number | undefined;
  oomScoreAdjust: number | undefined;
  swapBytes: number | undefined;
  peakRssBytes: number | undefined;
  /** 'disabled', 'strict', 'filter'. */
  seccomp: string | undefined;
  noNewPrivileges: boolean | undefined;
  /** Effective capabilities as a mask in hexadecimal. */
  capabilities: string | undefined;
  threadsWaitIn: string | undefined;
  readBytes: number | undefined;
  writtenBytes: number | undefined;
}

const seccompModes = ['disabled', 'strict', 'filter'];

export function readDetails(pid: number): ProcessDetails {
  const status = fieldsOf(read(pid, 'status'));
  const io = fieldsOf(read(pid, 'io'));
  const executable = link(pid, 'exe');
  const kilobytes = (name: string) => (status[name] ? Number.parseInt(status[name], 10) * 1024 : undefined);
  return {
    executable: executable?.replace(/ \(deleted\)$/, ''),
    executableDeleted: executable?.endsWith(' (deleted)') ?? false,
    workingDirectory: link(pid, 'cwd'),
    root: link(pid, 'root'),
    descriptorCount: countDescriptors(pid),
    descriptorLimit: openFilesLimit(read(pid, 'limits')),
    oomScore: number(read(pid, 'oom_score')),
    oomScoreAdjust: number(read(pid, 'oom_score_adj')),
    swapBytes: kilobytes('VmSwap'),
    peakRssBytes: kilobytes('VmHWM'),
    seccomp: seccompModes[number(status.Seccomp) ?? -1],
    noNewPrivileges: status.NoNewPrivs === undefined ? undefined : status.NoNewPrivs === '1',
    capabilities: status.CapEff,
    threadsWaitIn: read(pid, 'wchan') || undefined,
    readBytes: number(io.read_bytes),
    writtenBytes: number(io.write_bytes),
  };
}

/** Proportional set size in bytes (smaps_rollup); slow, as the kernel walks the page tables. */
export function readPss(pid: number): number | undefined {
  const match = /^Pss:\s+(\d+) kB/m.exec(read(pid, 'smaps_rollup'));
  return match ? Number(match[1]) * 1024 : undefined;
}

/** The executable's path; ' (deleted)' at the end when it was replaced. undefined for kernel threads and what is hidden. */
export function readExecutable(pid: number): string | undefined {
  return link(pid, 'exe');
}

export function countDescriptors(pid: number): number | undefined {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** Soft limit of open files. */
export function readDescriptorLimit(pid: number): number | undefined {
  return openFilesLimit(read(pid, 'limits'));
}

function openFilesLimit(text: string): number | undefined {
  return number(/^Max open files\s+(\d+)/m.exec(text)?.[1]);
}

/** Libraries that are mapped but were replaced on disk: the process runs old code until it is restarted. */
export function readDeletedLibraries(pid: number): string[] {
  const libraries = new Set<string>();
  const text = read(pid, 'maps');
  for (let at = text.indexOf(' (deleted)'); at >= 0; at = text.indexOf(' (deleted)', at + 1)) {
    const line = text.slice(text.lastIndexOf('\n', at) + 1, at);
    const path = /r-x\S* .*? (\/.*\.so(?:\.[\d.]+)?)$/.exec(line)?.[1];
    if (path) libraries.add(path);
  }
  return [...libraries];
}

/** pid and thread group of a thread id; undefined when there is none. */
export function readThreadOwner(tid: number): number | undefined {
  // /proc/TID is there for every thread, though it is not listed.
  return number(fieldsOf(read(tid, 'status')).Tgid);
}

/** Lines 'Name: value' by name. */
function fieldsOf(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trim();
  }
  return fields;
}

function link(pid: number, name: string): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return undefined;
  }
}

function read(pid: number, name: string): string {
  try {
    return readText(`/proc/${pid}/${name}`);
  } catch {
    return '';
  }
}

function number(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}
