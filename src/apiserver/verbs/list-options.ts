import { type Cause, invalid } from '../../api/status-error.ts';
import { forbiddenField, notSupported } from '../../api/validation/field-error.ts';

/** Refuses options that contradict each other (apimachinery pkg/apis/meta/internalversion/validation ValidateListOptions). */
export function checkListOptions(query: URLSearchParams): void {
  refuse(contradictions(query));
}

export function checkWatchOptions(query: URLSearchParams): void {
  refuse(watchContradictions(query));
}

const field = 'resourceVersionMatch';

function contradictions(query: URLSearchParams): Cause[] {
  const match = query.get(field);
  const version = query.get('resourceVersion');
  const causes: Cause[] = [];
  if (match) {
    if (!version) causes.push(forbiddenField(field, `${field} is forbidden unless resourceVersion is provided`));
    if (query.get('continue')) causes.push(forbiddenField(field, `${field} is forbidden when continue is provided`));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      causes.push(notSupported(field, match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && version === '0') {
      causes.push(forbiddenField(field, `${field} "exact" is forbidden for resourceVersion "0"`));
    }
  }
  if (query.has('sendInitialEvents')) {
    causes.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return causes;
}

function watchContradictions(query: URLSearchParams): Cause[] {
  const match = query.get(field);
  const initial = query.get('sendInitialEvents');
  const causes: Cause[] = [];
  if (initial !== null && match !== 'NotOlderThan') {
    causes.push(forbiddenField(field, `sendInitialEvents requires setting ${field} to NotOlderThan`));
  }
  if (initial === 'true' && query.get('allowWatchBookmarks') !== 'true') {
    causes.push(
      forbiddenField('allowWatchBookmarks', 'sendInitialEvents requires setting allowWatchBookmarks to true'),
    );
  }
  if (match) {
    if (initial === null) {
      causes.push(forbiddenField(field, `${field} is forbidden for watch unless sendInitialEvents is provided`));
    }
    if (match !== 'NotOlderThan') causes.push(notSupported(field, match, ['NotOlderThan']));
    if (query.get('continue')) causes.push(forbiddenField(field, `${field} is forbidden when continue is provided`));
  }
  return causes;
}

function refuse(causes: Cause[]): void {
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes);
}
