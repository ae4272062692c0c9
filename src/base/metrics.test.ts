import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Histogram, Metric, renderMetrics } from './metrics.ts';

describe('metrics in the text format', () => {
  it('writes help, type and one line for each combination of labels', () => {
    const requests = new Metric('counter', { name: 'requests_total', help: 'What came.', labels: ['verb', 'code'] });
    requests.add(2, 'GET', '200');
    requests.add(1, 'GET', '404');
    assert.equal(
      renderMetrics([requests.family()]),
      '# HELP requests_total What came.\n# TYPE requests_total counter\n' +
        'requests_total{verb="GET",code="200"} 2\nrequests_total{verb="GET",code="404"} 1\n',
    );
  });

  it('escapes what would end a label', () => {
    const family = { name: 'a', help: '', type: 'gauge', samples: [{ labels: { x: 'q"\\\n' }, value: 1 }] } as const;
    assert.match(renderMetrics([family]), /^a\{x="q\\"\\\\\\n"\} 1$/m);
  });

  it('writes the time of a figure in milliseconds', () => {
    const family = { name: 'a', help: '', type: 'gauge', samples: [{ value: 0.5, atMs: 1000.4 }] } as const;
    assert.match(renderMetrics([family]), /^a 0\.5 1000$/m);
  });

  it('counts the buckets of a histogram from below', () => {
    const latency = new Histogram([0.1, 1], { name: 'latency', help: '' });
    for (const seconds of [0.05, 0.1, 0.5, 3]) latency.observe(seconds);
    const lines = renderMetrics([latency.family()]).split('\n').slice(2, -1);
    assert.deepEqual(lines, [
      'latency_bucket{le="0.1"} 2',
      'latency_bucket{le="1"} 3',
      'latency_bucket{le="+Inf"} 4',
      'latency_sum 3.65',
      'latency_count 4',
    ]);
  });
});
