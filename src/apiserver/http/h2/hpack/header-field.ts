/** One line of a header block, as it is kept in the tables of HPACK. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** What it counts in a table and in a header list (RFC 7541 section 4.1). */
  readonly size: number;
  /** Set if HTTP forbids it: the request is malformed, but the table must have it all the same. */
  readonly malformed: boolean;
}

/** Each costs as much beyond its characters. */
const overhead = 32;

export function headerField(name: string, value: string): HeaderField {
  return {
    name,
    value,
    size: name.length + value.length + overhead,
    malformed: !isFieldName(name[0] === ':' ? name.slice(1) : name) || !isFieldValue(value),
  };
}

/** About a connection of HTTP/1: HTTP/2 forbids them (RFC 9113 section 8.2.2). */
export const http1Fields = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** A token (RFC 9110 section 5.6.2) without upper-case letters (RFC 9113 section 8.2.1). */
function isFieldName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name);
}

/** RFC 9113 section 8.2.1; other control characters are left to whoever reads the field. */
function isFieldValue(value: string): boolean {
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}
