import assert from "node:assert/strict";
import fc from "fast-check";
import { Histogram } from "../../lib/load/histogram.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** What the histogram approximates. */
function exactQuantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(fraction * sorted.length));
  return sorted[rank - 1] as number;
}

const value = fc.double({ min: 1, max: 2 ** 47, noNaN: true });
const values = fc.array(value, { minLength: 1, maxLength: 300 });
const fraction = fc.double({ min: 0, max: 1, noNaN: true });

test("an empty histogram claims nothing", () => {
  const empty = new Histogram();
  assert.equal(empty.count, 0);
  assert.equal(empty.min, undefined);
  assert.equal(empty.max, undefined);
  assert.equal(empty.mean, undefined);
  assert.equal(empty.quantile(0.5), undefined);
});

test("a quantile is within 1 % of the exact one", () => {
  fc.assert(fc.property(values, fraction, (values, fraction) => {
    const found = histogramOf(values).quantile(fraction) as number;
    const exact = exactQuantile(values, fraction);
    assert(Math.abs(found - exact) <= exact * 0.01, `${found}, not ${exact}`);
  }));
});

test("count, extremes and mean are exact", () => {
  fc.assert(fc.property(values, (values) => {
    const histogram = histogramOf(values);
    assert.equal(histogram.count, values.length);
    assert.equal(histogram.min, Math.min(...values));
    assert.equal(histogram.max, Math.max(...values));
    assert.equal(histogram.quantile(0), histogram.min);
    assert.equal(histogram.quantile(1), histogram.max);
    const sum = values.reduce((a, b) => a + b, 0);
    assert.equal(histogram.mean, sum / values.length);
  }));
});

test("quantiles ascend and stay between the extremes", () => {
  fc.assert(fc.property(values, fraction, fraction, (values, a, b) => {
    const histogram = histogramOf(values);
    const low = histogram.quantile(Math.min(a, b)) as number;
    const high = histogram.quantile(Math.max(a, b)) as number;
    assert(low <= high);
    assert(low >= (histogram.min as number));
    assert(high <= (histogram.max as number));
  }));
});

test("the order of values does not matter", () => {
  fc.assert(fc.property(values, fraction, (values, fraction) => {
    const forth = histogramOf(values).quantile(fraction);
    assert.equal(histogramOf(values.toReversed()).quantile(fraction), forth);
  }));
});

test("values at the edges of doublings land on their own side", () => {
  for (let exponent = 0; exponent < 48; exponent++) {
    const edge = 2 ** exponent;
    const histogram = histogramOf([edge * 0.75, edge, edge, edge * 1.5]);
    const found = histogram.quantile(0.5) as number;
    assert(found >= edge && found <= edge * 1.01, `2 ** ${exponent}`);
  }
});

test("what is below 1 counts as less than 1, and nothing makes it throw", () => {
  const odd = [0, -5, 0.25, NaN, -Infinity];
  const histogram = histogramOf([...odd, 7, 7, 7, 7, 7, 7]);
  assert.equal(histogram.count, odd.length + 6);
  assert.equal(histogram.min, 0);
  assert((histogram.quantile(0.3) as number) < 1);
  assert.equal(histogram.max, 7);
});

test("what is beyond the range keeps its maximum", () => {
  const histogram = histogramOf([1, 1e18, 2e18, 3e18]);
  assert.equal(histogram.quantile(0.5), 3e18);
  assert.equal(histogram.max, 3e18);
});
