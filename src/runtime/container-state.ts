import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ProcessUser } from './container-user.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import type { Container, ContainerSpec } from './runtime.ts';

/** container.json: written before anything is started. */
export interface CreatedState {
  spec: ContainerSpec;
  imageName: string;
  cgroup: string;
  createdAtMs: number;
  stopSignal: string;
}

/** started.json: written once the first process may run. A pid with its start time names a process for good. */
export interface StartedState {
  pid: number;
  pidStart: number | undefined;
  monitorPid: number;
  monitorStart: number | undefined;
  startedAtMs: number;
  /** Absent in files of earlier versions. */
  user?: ProcessUser;
}

/** finished.json: written before the container's traces in the kernel are removed. */
export interface FinishedState {
  exitCode: number;
  finishedAtMs: number;
  oomKilled: boolean;
}

/** The state files of one container, in its bundle directory. */
export class ContainerState {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  readCreated = (): CreatedState | undefined => readJsonFile(path.join(this.dir, 'container.json'));
  readStarted = (): StartedState | undefined => readJsonFile(path.join(this.dir, 'started.json'));
  readFinished = (): FinishedState | undefined => readJsonFile(path.join(this.dir, 'finished.json'));
  writeCreated = (state: CreatedState): void => writeJsonFile(path.join(this.dir, 'container.json'), state);
  writeStarted = (state: StartedState): void => writeJsonFile(path.join(this.dir, 'started.json'), state);
  writeFinished = (state: FinishedState): void => writeJsonFile(path.join(this.dir, 'finished.json'), state);
}

/** What conmon noted about an end: the exit code, 128 + n for signal n, and when. */
export function readExitFile(file: string): { exitCode: number; finishedAtMs: number } | undefined {
  try {
    const exitCode = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return Number.isNaN(exitCode) ? undefined : { exitCode, finishedAtMs: Math.round(statSync(file).mtimeMs) };
  } catch {
    return undefined;
  }
}

/** The container as callers see it, from its three states. */
export function toContainer(created: CreatedState, started?: StartedState, finished?: FinishedState): Container {
  const { spec } = created;
  const signal = finished && finished.exitCode > 128 && finished.exitCode <= 192 ? finished.exitCode - 128 : undefined;
  return {
    id: spec.id,
    sandboxId: spec.sandboxId,
    labels: spec.labels,
    image: { id: spec.imageId, name: created.imageName },
    state: finished ? 'exited' : started ? 'running' : 'created',
    pid: finished ? 0 : (started?.pid ?? 0),
    createdAtMs: created.createdAtMs,
    startedAtMs: started?.startedAtMs ?? 0,
    ...(finished && { finishedAtMs: finished.finishedAtMs, exitCode: finished.exitCode }),
    ...(signal !== undefined && { signal }),
    oomKilled: finished?.oomKilled ?? false,
    logPath: spec.logPath,
    cgroup: created.cgroup,
    stopSignal: created.stopSignal,
    ...(started?.user && { user: started.user }),
  };
}
