import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  quantityProblem,
  quantityValue,
} from '../../src/api/quantity.ts';
import {
  formatFieldSelector,
  formatLabelSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  type Selector,
} from '../../src/api/selectors.ts';
import { parseScrape } from '../../src/apiserver/metrics-api/scrape.ts';
import { startTestServer, type TestServer } from '../../src/apiserver/testing/start-server.ts';
import { fuzz } from '../../src/base/testing/fuzz.ts';

const options = fuzz(2000);

const syntax = (...parts: string[]) =>
  fc.oneof(
    fc
      .array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 3 })), { maxLength: 10 })
      .map((all) => all.join('')),
    fc.string(),
  );

describe('selectors', () => {
  const label = syntax('a', 'b/c', '=', '==', '!=', '!', ' in ', ' notin ', '(', ')', ',', ' ', '>', '<', '5', '"');

  const check = (
    parse: (text: string) => Selector,
    format: (selector: Selector) => string,
    matches: (selector: Selector) => boolean,
  ) =>
    fc.assert(
      fc.property(label, (text) => {
        let selector: Selector;
        try {
          selector = parse(text);
        } catch (error) {
          assert.ok(
            error instanceof Error && !(error instanceof TypeError || error instanceof RangeError),
            String(error),
          );
          return;
        }
        assert.equal(typeof matches(selector), 'boolean');
        // What was understood is understood again as the same.
        assert.deepEqual(parse(format(selector)), selector, `${JSON.stringify(text)} ${format(selector)}`);
      }),
      options,
    );

  it('by labels are understood, the same once written again, or refused', () =>
    check(parseLabelSelector, formatLabelSelector, (selector) => matchesLabels(selector, { a: 'b', 'b/c': '5' })));
  it('by fields are, too', () =>
    check(parseFieldSelector, formatFieldSelector, (selector) => matchesFields(selector, (name) => name)));
});

describe('quantities', () => {
  const text = syntax('1', '0', '.', '-', '+', 'e', 'E', 'Ki', 'Mi', 'm', 'n', 'k', 'G', '99999999999999999999', ' ');

  it('are canonical once they are canonical, or refused in words', () => {
    fc.assert(
      fc.property(text, (quantity) => {
        const problem = quantityProblem(quantity);
        if (problem !== undefined) {
          assert.throws(() => canonicalQuantity(quantity), { message: problem });
          return;
        }
        const canonical = canonicalQuantity(quantity);
        assert.equal(canonicalQuantity(canonical), canonical);
        // Fractions of a byte are rounded up as such quantities are written: .1Mi is 104858.
        assert.equal(quantityValue(quantity), quantityValue(canonical), `${quantity} ${canonical}`);
        if (!quantity.endsWith('i'))
          assert.equal(compareQuantities(quantity, canonical), 0, `${quantity} ${canonical}`);
      }),
      options,
    );
  });

  it('add up in any order', () => {
    const milli = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => `${value}m`);
    fc.assert(
      fc.property(milli, milli, milli, (a, b, c) => {
        const [left, right] = [addQuantities(addQuantities(a, b), c), addQuantities(a, addQuantities(b, c))];
        assert.equal(compareQuantities(left, right), 0);
      }),
      options,
    );
  });
});

describe('CEL rules of a custom resource', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.server.stop());
  const expression = syntax(
    ...['self', '.spec', '.x', '[', ']', '(', ')', '"a"', '1', '1.0', ' + ', ' == ', ' && ', ' ? ', ' : ', '.size()'],
    ...[
      '.all(y, ',
      '.map(y, y)',
      'has(',
      '!',
      '-',
      'duration("1s")',
      '.matches("(")',
      'oldSelf',
      'null',
      '{',
      '}',
      'x'.repeat(50),
    ],
  );
  let n = 0;

  it('are compiled or refused', async () => {
    const check = async (rule: string) => {
      const name = `w${n++}s`;
      const kind = { plural: name, singular: `${name}x`, kind: `W${n}`, listKind: `W${n}List` };
      const spec = { type: 'object', properties: { x: { type: 'string' } }, 'x-kubernetes-validations': [{ rule }] };
      const answer = await server.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
        metadata: { name: `${name}.fuzz.io` },
        spec: {
          group: 'fuzz.io',
          scope: 'Namespaced',
          names: kind,
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
            },
          ],
        },
      });
      assert.ok([201, 422].includes(answer.status), `${rule}: ${answer.status} ${JSON.stringify(answer.body)}`);
      if (answer.status === 201)
        await server.call('DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}.fuzz.io`);
    };
    await fc.assert(fc.asyncProperty(expression, check), fuzz(200));
  });
});

describe("a kubelet's figures", () => {
  it('are read or left out', () => {
    const text = syntax('container_cpu_usage_seconds_total', '{', '}', 'pod="', 'x', '",', ' 1', ' NaN', '\n', '# ');
    fc.assert(
      fc.property(text, (figures) => {
        parseScrape(figures);
      }),
      options,
    );
  });
});
