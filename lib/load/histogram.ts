/**
 * A histogram of positive numbers in bounded memory: 128 buckets for each doubling, so that
 * a quantile is off by less than 0.4 % of itself, however many values there were.
 *
 * @module
 */

/** Mantissa bits that tell the buckets of one doubling apart. */
const MANTISSA_BITS = 7;

/** Values from here on share the last bucket; in nanoseconds this is more than three days. */
const LIMIT = 2 ** 48;

const view = new DataView(new ArrayBuffer(8));

/**
 * The upper half of a double is its exponent and the start of its mantissa. Read as one
 * integer, it counts log-linear buckets, which is why nothing is computed here.
 */
const EXPONENT_SHIFT = 20 - MANTISSA_BITS;
const FIRST = 1023 << MANTISSA_BITS; // the bucket that begins at 1

function bucketOf(value: number): number {
  if (!(value >= 1)) return 0; // also for what is not a number
  view.setFloat64(0, value < LIMIT ? value : LIMIT);
  return (view.getUint32(0) >>> EXPONENT_SHIFT) - FIRST + 1;
}

/** Where a bucket begins. */
function startOf(bucket: number): number {
  if (bucket === 0) return 0;
  view.setUint32(0, (bucket - 1 + FIRST) << EXPONENT_SHIFT);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

const BUCKETS = bucketOf(LIMIT) + 1;

/** Counts values; choose a unit in which those below 1 do not matter. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  /** How many values were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The smallest value, exactly; `undefined` without any. */
  get min(): number | undefined {
    return this.#count === 0 ? undefined : this.#min;
  }

  /** The largest value, exactly; `undefined` without any. */
  get max(): number | undefined {
    return this.#count === 0 ? undefined : this.#max;
  }

  /** The mean, exactly; `undefined` without any value. */
  get mean(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }

  /** Counts a value; less than 0 counts as 0. */
  record(value: number): void {
    const positive = value > 0 ? value : 0;
    const bucket = bucketOf(positive);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += positive;
    if (positive < this.#min) this.#min = positive;
    if (positive > this.#max) this.#max = positive;
  }

  /**
   * The value that a fraction of all values does not exceed.
   *
   * @param fraction 0 to 1; these two give the exact minimum and maximum.
   * @returns The middle of its bucket, or `undefined` without any value.
   */
  quantile(fraction: number): number | undefined {
    if (this.#count === 0) return undefined;
    const rank = Math.ceil(fraction * this.#count);
    if (rank <= 1) return this.#min;
    if (rank >= this.#count) return this.#max;
    let below = 0;
    let bucket = 0;
    while (bucket < BUCKETS - 1) {
      below += this.#counts[bucket] ?? 0;
      if (below >= rank) break;
      bucket++;
    }
    // The last bucket has no end.
    if (bucket === BUCKETS - 1) return this.#max;
    const middle = (startOf(bucket) + startOf(bucket + 1)) / 2;
    return Math.min(Math.max(middle, this.#min), this.#max);
  }
}
