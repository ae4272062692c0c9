import path from 'node:path';

/** Where a runtime keeps what. All but the writable layers is state of processes and belongs on tmpfs. */
export interface RuntimePaths {
  /** Sandboxes: <id>/{sandbox.json,net,ipc,uts,shm}. */
  sandboxes: string;
  /** Bundles: <id>/{config.json,rootfs,container.json,started.json,finished.json,attach,ctl,…}. */
  containers: string;
  /** Exit files, which conmon writes: <container id>. */
  exits: string;
  /** crun's --root. */
  crun: string;
  /** Names the boot that the state belongs to. */
  bootId: string;
  /** Writable layers: <id>/{upper,work}. */
  writable: string;
  seccomp: string;
}

export function runtimePaths(runDir: string, stateDir: string): RuntimePaths {
  return {
    sandboxes: path.join(runDir, 'sandboxes'),
    containers: path.join(runDir, 'containers'),
    exits: path.join(runDir, 'exits'),
    crun: path.join(runDir, 'crun'),
    bootId: path.join(runDir, 'boot-id'),
    writable: path.join(stateDir, 'containers'),
    seccomp: path.join(stateDir, 'seccomp'),
  };
}
