import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileMetered, dynamicEnvironment } from '../load.ts';
import { toJson } from '../objects.ts';
import { celProblem } from '../problems.ts';
import { toCel } from '../values.ts';

const evaluate = (expression: string, self: unknown = null): unknown =>
  compileMetered(dynamicEnvironment(['self']), expression)({ self: toCel(self) });

const truths: Record<string, string[]> = {
  lists: [
    '[1, 2, 3].isSorted() && ![2, 1].isSorted()',
    '[1, 2].sum() == 3 && [0.5, 1.5].sum() == 2.0',
    "['a', 'c', 'b'].max() == 'c' && [3, 1].min() == 1",
    '[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1',
    '[[1], [2]].indexOf([2]) == 1',
    "sets.contains([1, 2], [1]) && sets.intersects(['a'], ['b', 'a']) && sets.equivalent([1, 2, 2], [2, 1])",
  ],
  strings: [
    "'abc 123 def'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''",
    "'1 2 3'.findAll('[0-9]') == ['1', '2', '3'] && '1 2 3'.findAll('[0-9]', 2) == ['1', '2']",
    "'AbC'.find('(?i)abc') == 'AbC'",
    "'%s is %d, %.2f, %x, %b'.format(['a', 5, 1.5, 255, 5]) == 'a is 5, 1.50, ff, 101'",
    "'a,b,c'.replace(',', ';', 1) == 'a;b,c'",
    'strings.quote(\'a\\"b\') == \'"a\\\\"b"\'',
    "'a-b'.split('-').join('+') == 'a+b'",
  ],
  urls: [
    "isURL('https://a.b:80/x?y=1') && isURL('/a') && !isURL('a b')",
    "url('https://a.b:8080/x?y=1&y=2').getQuery()['y'] == ['1', '2']",
    "url('https://a.b:8080/x').getHost() == 'a.b:8080' && url('https://a.b:8080/x').getPort() == '8080'",
    "url('/path').getHost() == '' && url('/path').getEscapedPath() == '/path'",
    "url('https://a/') == url('https://a/')",
  ],
  quantities: [
    "isQuantity('1.5Gi') && !isQuantity('1.5Xi')",
    "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1000m') == quantity('1')",
    "quantity('50k').asInteger() == 50000 && !quantity('0.5').isInteger()",
    "quantity('1').add(quantity('500m')).asApproximateFloat() == 1.5 && quantity('5').sub(2).sign() == 1",
  ],
  addresses: [
    "isIP('10.0.0.1') && isIP('::1') && !isIP('10.0.0.256') && !isIP('::ffff:10.0.0.1') && !isIP('fe80::1%eth0')",
    "ip('::1').family() == 6 && ip('127.0.0.1').isLoopback() && ip('fe80::1').isLinkLocalUnicast()",
    "ip('8.8.8.8').isGlobalUnicast() && !ip('224.0.0.1').isGlobalUnicast()",
    "ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::0:1')",
    "ip('0:0::1') == ip('::1') && string(ip('0:0::1')) == '::1'",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
    "cidr('10.0.0.0/8').prefixLength() == 8 && string(cidr('10.1.2.3/8').ip()) == '10.1.2.3'",
  ],
  versions: [
    "isSemver('1.2.3-rc.1+build') && !isSemver('v1.2') && isSemver('v1.2', true)",
    "semver('1.2.3').isGreaterThan(semver('1.2.3-rc.1')) && semver('1.0.0-alpha.2').isLessThan(semver('1.0.0-alpha.10'))",
    "semver('1.2.3').minor() == 2 && semver('1.0.0') == semver('1.0.0+x')",
  ],
  formats: [
    "!format.named('dns1123Label').value().validate('a-b').hasValue()",
    "format.dns1123Label().validate('A').value()[0].startsWith('a lowercase RFC 1123 label')",
    "!format.named('none').hasValue()",
    "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
  ],
  'comprehensions over two variables': [
    '[1, 2].all(i, v, v == i + 1)',
    "{'a': 1, 'b': 2}.exists(k, v, k == 'b' && v == 2)",
    '[1, 1, 3].existsOne(i, v, v == 3)',
    '[1, 2, 3].transformList(i, v, i > 0, v * 2) == [4, 6]',
    "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
    "{'a': 'b'}.transformMapEntry(k, v, {v: k}) == {'b': 'a'}",
    '[[1, 2], [3]].all(i, row, row.all(j, v, v > i + j))',
  ],
  optionals: [
    "self.?missing.orValue('x') == 'x'",
    "self.?a.hasValue() && self[?'a'].value() == 1",
    'optional.of(1).or(optional.none()).value() == 1',
  ],
};

for (const [library, expressions] of Object.entries(truths))
  describe(`CEL: ${library}`, () => {
    for (const expression of expressions) it(expression, () => assert.equal(evaluate(expression, { a: 1 }), true));
  });

describe('CEL: what is refused', () => {
  const cases: [expression: string, problem: RegExp][] = [
    ["quantity('x')", /quantities must match the regular expression/],
    ["ip('1.2.3')", /IP Address "1.2.3" parse error during conversion from string/],
    ['[].min()', /min called on empty list/],
    ["'a'.find('(?=b)')", /invalid or unsupported Perl syntax/],
    ["'%d'.format(['x'])", /only integers/],
    ['self.b', /no such key: b/],
  ];
  for (const [expression, problem] of cases)
    it(expression, () =>
      assert.throws(
        () => evaluate(expression, { a: 1 }),
        (error) => problem.test(celProblem(error)),
      ),
    );

  it('answers at once, whatever the regular expression', () => {
    assert.equal(evaluate("self.find('^(a+)+$')", `${'a'.repeat(5000)}b`), '');
    assert.equal(evaluate("self.matches('^(a+)+$')", `${'a'.repeat(5000)}b`), false);
  });

  it('has JSON for what JSON can say', () => {
    assert.deepEqual(toJson(evaluate("{'a': [1, 2.5, true, null]}")), { a: [1, 2.5, true, null] });
    assert.throws(() => toJson(evaluate("ip('::1')")), /could not be converted to JSON/);
  });
});
