import { ConnectionError, defaultWindow, errorCode, largestWindow, maxFrameSize } from './protocol.ts';

/** Settings by number (RFC 9113 section 6.5.2). */
export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What the client has set, as far as a server that never pushes cares. Its frame size is never below the one we use. */
export interface PeerSettings {
  /** Of our encoder's table, at most. */
  headerTableSize: number;
  /** Window of new streams. */
  initialWindowSize: number;
}

export function defaultSettings(): PeerSettings {
  return { headerTableSize: 4096, initialWindowSize: defaultWindow };
}

/** Takes over the settings of a frame, in order; unknown ones are ignored. */
export function applySettings(settings: PeerSettings, payload: Buffer): void {
  if (payload.length % 6 !== 0)
    throw new ConnectionError(errorCode.frameSizeError, `SETTINGS of ${payload.length} bytes`);
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case settingId.headerTableSize:
        settings.headerTableSize = value;
        break;
      case settingId.enablePush:
        if (value > 1) throw new ConnectionError(errorCode.protocolError, `ENABLE_PUSH is ${value}`);
        break;
      case settingId.initialWindowSize:
        if (value > largestWindow)
          throw new ConnectionError(errorCode.flowControlError, `INITIAL_WINDOW_SIZE is ${value}`);
        settings.initialWindowSize = value;
        break;
      case settingId.maxFrameSize:
        if (value < maxFrameSize || value >= 1 << 24)
          throw new ConnectionError(errorCode.protocolError, `MAX_FRAME_SIZE is ${value}`);
    }
  }
}
