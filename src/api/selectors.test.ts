import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileSelector,
  formatFieldSelector,
  formatLabelSelector,
  formatSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  requiredValue,
} from './selectors.ts';

const matching: [string, Record<string, string>, boolean][] = [
  ['', { a: '1' }, true],
  ['a=1', { a: '1' }, true],
  ['a==1', { a: '2' }, false],
  ['a=', { a: '' }, true],
  ['a', { a: 'anything' }, true],
  ['!a', { b: '1' }, true],
  ['!a', { a: '1' }, false],
  ['a!=1', {}, true],
  ['a!=1', { a: '1' }, false],
  ['a in (1, 2)', { a: '2' }, true],
  ['a in (1,2),b notin (3)', { a: '1' }, true],
  ['a notin (1,2)', { a: '1' }, false],
  ['a in ()', { a: '' }, true],
  ['a in (,x)', { a: 'x' }, true],
  ['a=in', { a: 'in' }, true],
  ['in', { in: 'x' }, true],
  ['n>5', { n: '6' }, true],
  ['n<5', { n: 'x' }, false],
  [' app.kubernetes.io/name = web , tier != db ', { 'app.kubernetes.io/name': 'web' }, true],
];
for (const [text, labels, expected] of matching) {
  test(`label selector '${text}' ${expected ? 'matches' : 'does not match'} ${JSON.stringify(labels)}`, () => {
    assert.equal(matchesLabels(parseLabelSelector(text), labels), expected);
  });
}

const refused: [string, RegExp][] = [
  ['a,', /^found '', expected: identifier after ','$/],
  ['=a', /^found '=', expected: !, identifier, or 'end of string'$/],
  ['a b', /^unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt$/],
  ['a in 1', /^unable to parse requirement: found '1' expected: '\('$/],
  ['a in (1', /^unable to parse requirement: found '', expected: ',' or '\)'$/],
  ['a=b=c', /^found '=', expected: ',' or 'end of string'$/],
  ['-a=b', /^unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/],
  ['a=-b', /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": a valid label must be/],
];
for (const [text, error] of refused) {
  test(`label selector '${text}' is refused in apimachinery's words`, () => {
    assert.throws(() => parseLabelSelector(text), { message: error });
  });
}

test('a label selector is written in its canonical order', () => {
  assert.equal(formatLabelSelector(parseLabelSelector('z,b in (y,x),!c,a!=1')), 'a!=1,b in (x,y),!c,z');
});

test('a LabelSelector that is not there matches nothing, an empty one everything', () => {
  assert.equal(compileSelector(undefined)({ a: '1' }), false);
  assert.equal(compileSelector({})({ a: '1' }), true);
});

test('matchLabels and matchExpressions are joined by and', () => {
  const matches = compileSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }],
  });
  assert.equal(matches({ app: 'web' }), true);
  assert.equal(matches({ app: 'web', tier: 'db' }), false);
  assert.equal(matches(undefined), false);
  assert.throws(() => compileSelector({ matchExpressions: [{ key: 'a', operator: 'Like' }] }), {
    message: '"Like" is not a valid label selector operator',
  });
  assert.equal(formatSelector({ matchLabels: { b: '1', a: '2' } }), 'a=2,b=1');
  assert.equal(formatSelector({}), '<none>');
});

test('field selectors split at unescaped commas and read escapes', () => {
  const selector = parseFieldSelector('spec.nodeName!=,metadata.name==a\\,b\\=c');
  assert.equal(formatFieldSelector(selector), 'metadata.name=a\\,b\\=c,spec.nodeName!=');
  const fields: Record<string, string> = { 'metadata.name': 'a,b=c', 'spec.nodeName': 'n1' };
  assert.equal(
    matchesFields(selector, (name) => fields[name] ?? ''),
    true,
  );
  assert.equal(requiredValue(selector, 'metadata.name'), 'a,b=c');
  assert.equal(requiredValue(selector, 'spec.nodeName'), undefined);
  assert.throws(() => parseFieldSelector('abc'), { message: "invalid selector: 'abc'; can't understand 'abc'" });
  assert.throws(() => parseFieldSelector('a=b=c'), {
    message: 'invalid field selector: unescaped character in value: 61',
  });
  assert.throws(() => parseFieldSelector('a=\\b'), { message: 'invalid field selector: invalid escape sequence: \\b' });
});
