export interface PemBlock {
  /** 'CERTIFICATE' and the like. */
  type: string;
  bytes: Buffer;
  /** It begins with headers, as RFC 1421 had them. */
  headers: boolean;
}

const block = /-----BEGIN ([^\n-]*)-----[ \t]*\r?\n([\s\S]*?)-----END \1-----/g;

/** The blocks of a text; what stands between them is passed over (encoding/pem of Go). */
export function pemBlocks(text: string): PemBlock[] {
  return [...text.matchAll(block)].map(([, type = '', body = '']) => {
    const [, headers = '', base64 = ''] = /^((?:[^\n:]+:[^\n]*\n)*)([\s\S]*)$/.exec(body) ?? [];
    return { type, bytes: Buffer.from(base64, 'base64'), headers: headers !== '' };
  });
}
