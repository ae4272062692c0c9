import * as koffi from 'koffi';
import { UserError } from '../base/errors.ts';

/** libnftables(3) by FFI: what nft(8) is a thin shell around, without starting it (Debian: libnftables1). */
export interface Nft {
  run(script: string): string;
  close(): void;
}

/** NFT_CTX_OUTPUT_HANDLE: lists say the handle of each rule, by which it can be deleted. */
const outputHandles = 1 << 3;
/** NFT_CTX_OUTPUT_JSON: lists are what `nft -j` prints (libnftables-json(5)). */
const outputJson = 1 << 4;

/**
 * Loads the library at the first use. A context is of the network namespace in which it is opened, and keeps no ruleset
 * between runs, so what others change is seen.
 */
export function openNftables(flags = outputHandles): Nft {
  const library = koffi.load('libnftables.so.1');
  const context = library.func('void *nft_ctx_new(uint32_t flags)')(0);
  library.func('int nft_ctx_buffer_output(void *context)')(context);
  library.func('int nft_ctx_buffer_error(void *context)')(context);
  library.func('void nft_ctx_output_set_flags(void *context, unsigned int flags)')(context, flags);
  const run = library.func('int nft_run_cmd_from_buffer(void *context, const char *commands)');
  const output = library.func('const char *nft_ctx_get_output_buffer(void *context)');
  const errors = library.func('const char *nft_ctx_get_error_buffer(void *context)');
  return {
    run: (script) => {
      const failed = run(context, script) !== 0;
      const text = output(context) as string;
      const message = errors(context) as string;
      if (failed) throw nftError(firstLine(message) || 'unknown error');
      return text;
    },
    close: () => void library.func('void nft_ctx_free(void *context)')(context),
  };
}

/** Everything that nftables has in the network namespace of this thread; undefined when it may not be seen, or cannot. */
export function listRuleset(): Record<string, unknown>[] | undefined {
  let nft: Nft | undefined;
  try {
    nft = openNftables(outputJson);
    return (JSON.parse(nft.run('list ruleset')) as { nftables: Record<string, unknown>[] }).nftables;
  } catch {
    return undefined;
  } finally {
    nft?.close();
  }
}

function nftError(message: string): Error {
  if (!/Operation not supported in: add table ip /.test(message)) return new Error(`nft: ${message}`);
  return new UserError('this kernel has no nf_tables for IPv4', {
    hint: 'load it with: modprobe nf_tables, or use a kernel with CONFIG_NF_TABLES_IPV4',
    cause: new Error(`nft: ${message}`),
  });
}

/** '/dev/stdin:1:1-3: Error: …' and a copy of the line with a marker below it: keep both, on one line. */
function firstLine(message: string): string {
  const [head = '', source = ''] = message.split('\n');
  return [head.replace(/^.*?: Error: /, ''), source.trim().slice(0, 200)].filter(Boolean).join(' in: ');
}
