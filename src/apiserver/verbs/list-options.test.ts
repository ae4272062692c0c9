import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '../../api/status-error.ts';
import { checkListOptions, checkWatchOptions } from './list-options.ts';

const title = 'ListOptions.meta.k8s.io "" is invalid: ';

/** What is answered to these options; undefined: nothing is wrong. */
function answer(check: (query: URLSearchParams) => void, query: string): string | undefined {
  try {
    check(new URLSearchParams(query));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof StatusError);
    assert.deepEqual([error.code, error.reason], [422, 'Invalid']);
    return error.message.replace(title, '');
  }
}

test('options of a list that contradict each other are refused, all at once', () => {
  const forbidden = (why: string) => `resourceVersionMatch: Forbidden: ${why}`;
  const unless = forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided');
  for (const [query, expected] of [
    ['', undefined],
    ['resourceVersion=5&resourceVersionMatch=Exact', undefined],
    ['resourceVersion=0&resourceVersionMatch=NotOlderThan', undefined],
    ['resourceVersionMatch=Exact', unless],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    ],
    [
      'resourceVersion=5&resourceVersionMatch=Newest',
      'resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""',
    ],
    [
      'continue=x&resourceVersionMatch=NotOlderThan',
      `[${unless}, ${forbidden('resourceVersionMatch is forbidden when continue is provided')}]`,
    ],
    ['sendInitialEvents=false', 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'],
  ] as const)
    assert.equal(answer(checkListOptions, query), expected, query);
});

test('so are those of a watch (KEP-3157)', () => {
  const match = 'resourceVersionMatch: Forbidden: ';
  for (const [query, expected] of [
    ['resourceVersion=5', undefined],
    ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', undefined],
    ['sendInitialEvents=false&resourceVersionMatch=NotOlderThan', undefined],
    ['sendInitialEvents=false', `${match}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`],
    [
      'resourceVersionMatch=NotOlderThan',
      `${match}resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
    ],
    [
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
      'allowWatchBookmarks: Forbidden: sendInitialEvents requires setting allowWatchBookmarks to true',
    ],
  ] as const)
    assert.equal(answer(checkWatchOptions, query), expected, query);
});
