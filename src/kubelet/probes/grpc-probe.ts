import http2 from 'node:http2';
import { joinHostPort, type ProbeResult } from './probe.ts';

const serving = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/**
 * Calls grpc.health.v1.Health/Check without a gRPC library: one request field (service, a string), one answer field
 * (status, an enum), each in a 5-byte frame (gRPC over HTTP/2; pkg/probe/grpc).
 */
export function probeGrpc(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeResult> {
  const address = joinHostPort(host, port);
  return new Promise((resolve) => {
    const session = http2.connect(`http://${address}`);
    const end = (result: ProbeResult) => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    const late = `timeout: failed to connect service "${address}" within ${timeoutMs / 1000}s: context deadline exceeded`;
    const timer = setTimeout(() => end({ success: false, output: late }), timeoutMs);
    session.on('error', (error) =>
      end({
        success: false,
        output: `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.message}`,
      }),
    );
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'user-agent': 'kube-probe/1.36',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let grpcStatus = '';
    let grpcMessage = '';
    const readStatus = (headers: http2.IncomingHttpHeaders) => {
      grpcStatus = String(headers['grpc-status'] ?? grpcStatus);
      grpcMessage = String(headers['grpc-message'] ?? grpcMessage);
    };
    stream.on('response', readStatus);
    stream.on('trailers', readStatus);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () => end(judge(Buffer.concat(chunks), grpcStatus, grpcMessage)));
    stream.end(checkRequest(service));
  });
}

function checkRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length ? Buffer.concat([Buffer.from([0x0a, name.length]), name]) : Buffer.alloc(0);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function judge(body: Buffer, grpcStatus: string, grpcMessage: string): ProbeResult {
  if (grpcStatus !== '0')
    return {
      success: false,
      output: `error: health rpc probe failed: rpc error: code = ${grpcStatus} desc = ${grpcMessage}`,
    };
  // Field 1, varint; absent means 0.
  const state = body[5] === 0x08 ? (body[6] ?? 0) : 0;
  const success = state === 1;
  return {
    success,
    output: success ? 'service healthy' : `service unhealthy (responded with "${serving[state] ?? state}")`,
  };
}
