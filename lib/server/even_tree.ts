/**
 * Trees with an even number of levels, for clients that cannot do with an odd one: craggy, which
 * asks for 0x8000000c without TYPE, aborts on it. No client can tell how a tree is filled up.
 *
 * @module
 */

import type { Dialect } from "../wire/dialect.ts";

/** With more levels, one that is added could make a reply longer than its request. */
const MOST_LEVELS = 8;

/**
 * How many leaves a tree for so many requests has: what is missing is filled with repeats of
 * the last one.
 *
 * @param dialect Clients that send TYPE are new enough for any tree.
 * @param count Requests, one at least.
 * @returns `count`, or up to 256 the least that makes the number of levels even.
 */
export function leavesFor(
  { type }: Pick<Dialect, "type">,
  count: number,
): number {
  const levels = 32 - Math.clz32(count - 1);
  const isFine = levels % 2 === 0 || levels > MOST_LEVELS;
  return type === "required" || isFine ? count : 2 ** levels + 1;
}
