/**
 * Whole numbers of any size on their way into SQLite, which has 64 bits with a sign.
 *
 * @module
 */

const LEAST = -(1n << 63n);
const MOST = (1n << 63n) - 1n;

/**
 * A number where it fits, and text where it does not.
 *
 * @param decimal As the API tells it.
 */
export function toSql(
  decimal: string | null | undefined,
): bigint | string | null {
  if (decimal === null || decimal === undefined) return null;
  const value = BigInt(decimal);
  return value >= LEAST && value <= MOST ? value : decimal;
}
