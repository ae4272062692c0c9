import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface SeccompRule {
  names: string[];
  /** What happens: allowed, or refused with this errno. */
  action: 'allow' | { errno: number };
  /** All must hold. */
  args?: { index: number; op: 'ne' | 'eq' | 'maskedEq'; value: bigint; mask?: bigint }[];
}

const SCMP_ACT_ALLOW = 0x7fff0000;
const errnoAction = (errno: number): number => (0x00050000 | errno) >>> 0;
const operators = { ne: 1, eq: 4, maskedEq: 7 };
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
/** Audit architectures beside the native one: those whose programs the CPU runs as well. */
const otherArchitectures: Record<string, string[]> = { x64: ['x86', 'x32'], arm64: ['arm'] };

/**
 * Compiles rules to the BPF program that seccomp(2) takes, by libseccomp; what no rule names is refused with EPERM.
 * Names that this kernel's architecture does not have are skipped.
 */
export function compileSeccomp(rules: SeccompRule[]): Buffer {
  const lib = load();
  const filter = lib.init(errnoAction(1));
  if (!filter) throw new Error('seccomp_init failed');
  const file = path.join(tmpdir(), `vitrine-seccomp-${process.pid}.bpf`);
  try {
    for (const name of otherArchitectures[process.arch] ?? []) lib.archAdd(filter, lib.archResolve(name));
    lib.attrSet(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); // binary tree instead of one comparison a call
    for (const rule of rules) addRule(lib, filter, rule);
    const fd = openSync(file, 'w+', 0o600);
    try {
      const result = lib.exportBpf(filter, fd);
      if (result < 0) throw new Error(`seccomp_export_bpf failed with ${result}`);
    } finally {
      closeSync(fd);
    }
    return readFileSync(file);
  } finally {
    lib.release(filter);
    rmSync(file, { force: true });
  }
}

function addRule(lib: Library, filter: unknown, rule: SeccompRule): void {
  const action = rule.action === 'allow' ? SCMP_ACT_ALLOW : errnoAction(rule.action.errno);
  const args = rule.args ?? [];
  const encoded = Buffer.alloc(Math.max(1, args.length) * 24);
  for (const [i, { index, op, value, mask }] of args.entries()) {
    encoded.writeUInt32LE(index, i * 24);
    encoded.writeUInt32LE(operators[op], i * 24 + 4);
    encoded.writeBigUInt64LE(op === 'maskedEq' ? (mask ?? 0n) : value, i * 24 + 8);
    encoded.writeBigUInt64LE(op === 'maskedEq' ? value : 0n, i * 24 + 16);
  }
  for (const name of rule.names) {
    const number = lib.resolve(name);
    if (number === -1) continue;
    const result = lib.ruleAdd(filter, action, number, args.length, encoded);
    if (result < 0 && result !== -17) throw new Error(`seccomp_rule_add_array for '${name}' failed with ${result}`);
  }
}

interface Library {
  init(action: number): unknown;
  release(filter: unknown): void;
  archResolve(name: string): number;
  archAdd(filter: unknown, architecture: number): number;
  attrSet(filter: unknown, attribute: number, value: number): number;
  resolve(name: string): number;
  ruleAdd(filter: unknown, action: number, call: number, count: number, args: Uint8Array): number;
  exportBpf(filter: unknown, fd: number): number;
}

function load(): Library {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const lib = koffi.load('libseccomp.so.2');
  const bind = (prototype: string) => lib.func(prototype) as never;
  return {
    init: bind('void *seccomp_init(uint32_t action)'),
    release: bind('void seccomp_release(void *filter)'),
    archResolve: bind('uint32_t seccomp_arch_resolve_name(const char *name)'),
    archAdd: bind('int seccomp_arch_add(void *filter, uint32_t arch)'),
    attrSet: bind('int seccomp_attr_set(void *filter, int attr, uint32_t value)'),
    resolve: bind('int seccomp_syscall_resolve_name(const char *name)'),
    ruleAdd: bind(
      'int seccomp_rule_add_array(void *f, uint32_t action, int call, uint32_t count, const uint8_t *args)',
    ),
    exportBpf: bind('int seccomp_export_bpf(void *filter, int fd)'),
  };
}
