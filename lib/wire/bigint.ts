/**
 * Arithmetic that `Math` has for numbers only.
 *
 * @module
 */

/** The larger of two. */
export function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
