/**
 * The first process of a shared PID namespace: it reaps what is left to it and waits. It is an ELF executable of some
 * 170 bytes, put together here, as a compiled one could not be read and a shell would need a second process to wait in.
 *
 *     rt_sigaction(SIGCHLD, {SIG_IGN}, NULL, 8)   the kernel then reaps children by itself (sigaction(2), NOTES)
 *     for (;;) ppoll(NULL, 0, NULL, NULL, 0)
 */
export function pauseProgram(architecture: string = process.arch): Buffer {
  const program = programs[architecture];
  if (!program) throw new Error(`no pause program for the architecture '${architecture}'`);
  const code = Buffer.concat(
    program.code
      .trim()
      .split('\n')
      .map((line) => Buffer.from(line.trim().split(' ')[0] ?? '', 'hex')),
  );
  const headers = 64 + 56;
  const action = Buffer.alloc(32); // struct kernel_sigaction: handler, flags, restorer, mask
  action.writeBigUInt64LE(1n, 0); // SIG_IGN
  const size = headers + action.length + code.length;
  const file = Buffer.alloc(size);
  file.write('7f454c46020101', 0, 'hex');
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(program.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(loadAddress + BigInt(headers + action.length), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  for (const at of [80, 88]) file.writeBigUInt64LE(loadAddress, at);
  for (const at of [96, 104]) file.writeBigUInt64LE(BigInt(size), at);
  file.writeBigUInt64LE(0x1000n, 112);
  action.copy(file, headers);
  code.copy(file, headers + action.length);
  return file;
}

const loadAddress = 0x400000n;

/** struct sigaction is at 0x400078, right before the code. */
const programs: Record<string, { machine: number; code: string }> = {
  x64: {
    machine: 62,
    code: `
      b80d000000     mov eax, 13
      bf11000000     mov edi, 17
      be78004000     mov esi, 0x400078
      31d2           xor edx, edx
      41ba08000000   mov r10d, 8
      0f05           syscall
      b80f010000     mov eax, 271
      31ff           xor edi, edi
      31f6           xor esi, esi
      31d2           xor edx, edx
      4531d2         xor r10d, r10d
      4531c0         xor r8d, r8d
      0f05           syscall
      ebeb           jmp to mov eax, 271
    `,
  },
  arm64: {
    machine: 183,
    code: `
      c81080d2       mov x8, 134
      200280d2       mov x0, 17
      010f80d2       mov x1, 0x78
      0108a0f2       movk x1, 0x40, lsl 16
      020080d2       mov x2, 0
      030180d2       mov x3, 8
      010000d4       svc 0
      280980d2       mov x8, 73
      000080d2       mov x0, 0
      010080d2       mov x1, 0
      020080d2       mov x2, 0
      030080d2       mov x3, 0
      040080d2       mov x4, 0
      010000d4       svc 0
      f9ffff17       b to mov x8, 73
    `,
  },
};
