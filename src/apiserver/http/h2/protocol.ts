/** Numbers of HTTP/2 (RFC 9113 sections 6 and 7), and the two ways in which a peer can break its rules. */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** ACK and END_STREAM are the same bit, of different frames. */
export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Of a connection and of each stream, until somebody says otherwise. */
export const defaultWindow = 65_535;
export const largestWindow = 2 ** 31 - 1;
export const largestStreamId = 2 ** 31 - 1;
/** The smallest that may be set, and the largest that we send or accept. */
export const maxFrameSize = 16_384;
export const frameHeadSize = 9;

/** Ends the connection, with GOAWAY. */
export class ConnectionError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Ends one stream, with RST_STREAM. */
export class StreamError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
