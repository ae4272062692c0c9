import type { Pod } from '../../api/generated/core-v1.ts';
import { type Cause, invalid } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import type { ServerResponse } from '../http/exchange.ts';
import { answerOverWebSocket, wantsWebSocket } from '../http/web-socket-body.ts';
import { existing } from '../verbs/get.ts';
import { containerOf } from './container-name.ts';
import { getFromKubelet, kubeletAddress } from './kubelet-connection.ts';

/** Passed on as they came. */
const parameters = [
  'follow',
  'previous',
  'timestamps',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'limitBytes',
  'stream',
];

/** GET pods/NAME/log: the kubelet's own stream (pkg/registry/core/pod/strategy.go LogLocation). */
export async function log(call: Call): Promise<ServerResponse> {
  const { request, backend } = call;
  const pod = existing(call).object as Pod;
  checkOptions(request.query);
  const container = containerOf(pod, request.query.get('container'));
  const headers = { 'content-type': 'text/plain' };
  // A Pod without a node has not said anything yet.
  if (!pod.spec?.nodeName) return { status: 200, headers, body: new Uint8Array() };
  const query = new URLSearchParams();
  for (const name of parameters) {
    const value = request.query.get(name);
    if (value !== null && value !== 'false') query.set(name, value);
  }
  const { namespace, name } = pod.metadata;
  const path = `/containerLogs/${namespace}/${name}/${container}?${query}`;
  const body = await getFromKubelet(
    kubeletAddress(backend, pod.spec.nodeName),
    path,
    backend.kubelet,
    request.cancellation.signal,
  );
  if (wantsWebSocket(request)) return answerOverWebSocket(request, body);
  return { status: 200, headers, body };
}

/** pkg/apis/core/validation ValidatePodLogOptions. */
function checkOptions(query: URLSearchParams): void {
  const causes: Cause[] = [];
  const atLeast = (field: string, minimum: number, message: string) => {
    const text = query.get(field);
    if (text === null || (/^-?\d+$/.test(text) && Number(text) >= minimum)) return;
    causes.push({ reason: 'FieldValueInvalid', field, message: `Invalid value: ${text}: ${message}` });
  };
  atLeast('tailLines', 0, 'must be greater than or equal to 0');
  atLeast('limitBytes', 1, 'must be greater than 0');
  atLeast('sinceSeconds', 1, 'must be greater than 0');
  if (query.has('sinceSeconds') && query.has('sinceTime')) {
    causes.push({
      reason: 'FieldValueForbidden',
      field: '',
      message: 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    });
  }
  if (causes.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, '', causes);
}
