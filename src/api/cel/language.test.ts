import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileMetered, dynamicEnvironment } from './load.ts';
import { rewriteLiterals } from './rewrite-literals.ts';

/** Expressions that hold, by what they show of the language (cel-spec doc/langdef.md and tests/simple). */
const rows: Record<string, string[]> = {
  'optional entries of lists and maps': [
    '[1, ?optional.of(2), ?optional.none(), 3] == [1, 2, 3]',
    '[?optional.of(1)] == [1] && [?optional.none()].size() == 0',
    "{'a': 1, ?'b': optional.of(2), ?'c': optional.none()} == {'a': 1, 'b': 2}",
    "{?'a': true ? optional.of('x') : optional.none()}.a == 'x'",
    "[[?optional.of([1])], ?self[?'none']] == [[[1]]]",
    "{'m': {?'k': self.?text}}.m.k == 'b'",
    "[?self.?list[?0], 'z',] == ['p', 'z']",
  ],
  'optional values': [
    'optional.of(2).optMap(x, x + 1).value() == 3 && !optional.none().optMap(x, 1).hasValue()',
    "self.?map.optFlatMap(m, m.?k).value() == 'v' && !self.?map.optFlatMap(m, m.?none).hasValue()",
    "optional.ofNonZeroValue('').or(optional.of('x')).value() == 'x' && !optional.ofNonZeroValue([]).hasValue()",
    'optional.of(1) == optional.of(1) && optional.of(1) != optional.none() && optional.none() == optional.none()',
    "['a', 'b'].first().value() == 'a' && ['a', 'b'].last().value() == 'b' && !self.empty.first().hasValue()",
    'optional.unwrap([optional.of(1), optional.none()]) == [1] && [optional.of(2)].unwrapOpt() == [2]',
  ],
  'whether a field is there, of any value': [
    "has({'a': 1}.a) && !has({'a': 1}.b)",
    'has(self.objects[0].x) && !has(self.objects[0].y)',
    'has(self.objects.filter(o, o.x == 1)[0].x) && !self.objects.all(o, has(o.y))',
    'has(self.?map.k) && !has(self.?none.k)',
    "'has' in {'has': 1}",
  ],
  conversions: [
    "int(3u) == 3 && int(timestamp('2009-02-13T23:31:30Z')) == 1234567890",
    "string(timestamp('2009-02-13T23:31:30.5Z')) == '2009-02-13T23:31:30.5Z'",
    "string(duration('1h')) == '3600s' && string(duration('-1500ms')) == '-1.5s'",
    "timestamp(timestamp(0)) == timestamp(0) && duration(duration('1s')) == duration('1s')",
    "b'a' < b'b' && b'b' >= b'ab' && .5 == 0.5",
  ],
  'texts and formats': [
    "'TacoCÆt'.lowerAscii() == 'tacocÆt' && 'éa'.upperAscii() == 'éA' && '\\u0085 x\\ufeff'.trim() == 'x\\ufeff'",
    "'%x %X %o %b %d'.format([500u, b'xy', 8u, 2u, 3u]) == '1f4 7879 10 10 3'",
    "'%s'.format([{'b': 1, 'a': b'x', 'c': duration('2h')}]) == '{a: x, b: 1, c: 7200s}'",
    "'%.0f %.0f %.2f'.format([2.5, 3.5, 1.005]) == '2 4 1.00' && '%s'.format([type('')]) == 'string'",
    "strings.quote('bell\\a\\v') == '\"bell\\\\a\\\\v\"'",
    "'abc'.matches('^[[:alpha:]]+$')",
  ],
  images: [
    "image('nginx').registry() == 'index.docker.io' && image('nginx').repository() == 'library/nginx'",
    "image('registry.k8s.io/a/b:v1').identifier() == 'v1' && image('localhost:5000/a-b').tag() == 'latest'",
    `image('registry.k8s.io/a/b:v1@sha256:${'0'.repeat(64)}').containsDigest()`,
    `image('a/b@sha256:${'0'.repeat(64)}').tag() == '' && image('a/b@sha256:${'0'.repeat(64)}').digest().endsWith('0')`,
    "isImage('a/b:c') && !isImage('registry.k8s.io//a') && !isImage('A b') && !isImage('a@sha256:1')",
  ],
};

const refused: [expression: string, error: RegExp][] = [
  ['-(-9223372036854775808)', /overflow/],
  ['(-9223372036854775808) / -1', /overflow/],
  ['int(1e99)', /overflow/],
  ['int(18446744073709551615u)', /overflow/],
  ["duration('320000000000s')", /overflow/],
  ["timestamp('9999-12-31T23:59:59Z') + duration('1s')", /overflow/],
  ["timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')", /overflow/],
  ["string(b'\\xff')", /not valid|invalid/],
  ["'%a'.format([1])", /unrecognized formatting clause "a"/],
  ["'%e'.format([null])", /scientific clause can only be used on doubles, was given null_type/],
  ["{'a': 1, ?'a': optional.of(2)}", /repeated key/],
  ['has(self)', /invalid argument to has\(\) macro/],
  ['[?1]', /optionalItem__|overload/],
];

const environment = dynamicEnvironment(['self']);
const self = {
  text: 'b',
  list: ['p'],
  empty: [],
  map: { k: 'v' },
  objects: [{ x: 1n }],
};

describe('the language', () => {
  for (const [what, expressions] of Object.entries(rows))
    for (const expression of expressions)
      it(`${what}: ${expression}`, () => {
        assert.equal(compileMetered(environment, expression)({ self }), true);
      });
  for (const [expression, error] of refused)
    it(`refuses ${expression}`, () => {
      assert.throws(() => compileMetered(environment, expression)({ self }), error);
    });

  it('finds places of what was rewritten in what was written', () => {
    const source = "[1, ?x, {'a': y}] == z";
    const { text, original } = rewriteLiterals(source);
    assert.equal(text, "([1] +  optionalItem__(x) + [ {'a': y}]) == z");
    for (const name of ['x', 'y', 'z']) assert.equal(source[original(text.lastIndexOf(name))], name);
  });
});
