/**
 * The common axis of all servers: which stretch of time it shows, where its ticks are, and
 * where on it something lies. Pure.
 *
 * @module
 */

/** A stretch of offsets, in microseconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** No axis is narrower: below that there is nothing that clocks could agree on. */
const LEAST_MICROS = 20;

/** Beyond this a number is too coarse for an axis. */
const MOST_MICROS = 1e17;

/**
 * The stretch that shows those who agree: most of their intervals whole, the majority's
 * bounds and the local clock. Who is far off, or claims to know very little, stands at the
 * edge rather than makes everything else a hair.
 *
 * @param agreeing Intervals of those who agree.
 * @param band The majority's bounds.
 * @param others Intervals of everybody else, for when nobody agrees.
 */
export function fit(
  agreeing: readonly Stretch[],
  band: Stretch | undefined,
  others: readonly Stretch[],
): Stretch {
  const shown = agreeing.length > 0 ? agreeing : others;
  const widths = shown.map(({ from, to }) => to - from).sort((a, b) => a - b);
  // One that says "within an hour" is right, and no measure for the others.
  const usual = (widths[Math.floor(widths.length / 2)] ?? 0) * 8;
  const ends = shown
    .filter(({ from, to }) => to - from <= usual)
    .flatMap(({ from, to }) => [from, to]);
  if (band) ends.push(band.from, band.to);
  if (ends.length === 0) ends.push(0);
  let from = Math.min(...ends);
  let to = Math.max(...ends);
  // The local clock is worth seeing unless it is far away.
  const width = to - from;
  if (from > 0 && from <= 4 * width) from = 0;
  if (to < 0 && -to <= 4 * width) to = 0;
  return widen({ from, to }, 1.16);
}

/** Makes a stretch wider or narrower about its middle. */
export function widen({ from, to }: Stretch, factor: number): Stretch {
  const middle = (from + to) / 2;
  const half = Math.min(
    Math.max((to - from) * factor, LEAST_MICROS),
    MOST_MICROS,
  ) / 2;
  return { from: middle - half, to: middle + half };
}

/** Where on the axis something lies, from 0 to 100. */
export function percent(at: number, { from, to }: Stretch): number {
  return (at - from) / (to - from) * 100;
}

/** Steps that people count in: of microseconds up to days. */
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, n * 1e3]),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * 1e6),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * 60e6),
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240, 720, 2160, 8766].map((n) => n * 3600e6),
].sort((a, b) => a - b);

/**
 * Ticks at round numbers.
 *
 * @param stretch What the axis shows.
 * @param most How many there is room for.
 */
export function ticks({ from, to }: Stretch, most: number): number[] {
  const least = (to - from) / Math.max(1, most);
  const step = STEPS.find((one) => one >= least) ??
    10 ** Math.ceil(Math.log10(least));
  const found: number[] = [];
  for (let n = Math.ceil(from / step); n * step <= to; n++) {
    found.push(n * step || 0);
  }
  return found;
}
