/**
 * `Retry-After`: when an HTTP server wants to be asked again (RFC 9110, section 10.2.3).
 *
 * @module
 */

/** No `Date` lies further away (ECMA-262, section 21.4.1.1). */
const LAST_MS = 8.64e15;

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

const TIME = String.raw`(?<h>\d\d):(?<m>\d\d):(?<s>\d\d)`;

/** The three forms that a recipient must take (RFC 9110, section 5.6.7). */
const FORMS: readonly RegExp[] = [
  String
    .raw`[A-Z][a-z]{2}, (?<d>\d\d) (?<mon>[A-Z][a-z]{2}) (?<y>\d{4}) ${TIME} GMT`,
  String
    .raw`[A-Z][a-z]{5,8}, (?<d>\d\d)-(?<mon>[A-Z][a-z]{2})-(?<y>\d\d) ${TIME} GMT`,
  String
    .raw`[A-Z][a-z]{2} (?<mon>[A-Z][a-z]{2}) (?<d>[ \d]\d) ${TIME} (?<y>\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/**
 * Reads an HTTP date.
 *
 * @param text In any of the three forms.
 * @param nowMs Says which century a year of two digits belongs to.
 * @returns Milliseconds since 1970, or `undefined` if it is none.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const parts = FORMS.map((form) => form.exec(text)?.groups).find(Boolean);
  if (parts === undefined) return undefined;
  const [day, hours, minutes, seconds] = [parts.d, parts.h, parts.m, parts.s]
    .map(Number) as [number, number, number, number];
  const month = MONTHS.indexOf(parts.mon ?? "") / 3;
  const year = yearOf(parts.y ?? "", nowMs);
  const date = new Date(0);
  // Not Date.UTC(), to which the year 50 is 1950.
  date.setUTCFullYear(year, month, day);
  // A day or month that is none has moved the date elsewhere. 60 is a leap second.
  const isDate = date.getUTCDate() === day && date.getUTCMonth() === month;
  if (!isDate || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  return date.setUTCHours(hours, minutes, seconds);
}

/** Two digits that seem more than 50 years away are of the past (RFC 9110, section 5.6.7). */
function yearOf(digits: string, nowMs: number): number {
  if (digits.length === 4) return Number(digits);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - thisYear % 100 + Number(digits);
  return year > thisYear + 50 ? year - 100 : year;
}

/**
 * How long a server wants to be left alone.
 *
 * @param headers The response's. A date in `Retry-After` counts from its own `Date`, since
 *   the clock here may be off; without one, from that.
 * @param nowMs The clock here, in milliseconds since 1970.
 * @returns Milliseconds from now, 0 for a moment that has passed, or `undefined` if there
 *   is nothing that makes sense.
 */
export function retryAfterMs(
  headers: Headers,
  nowMs: number,
): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(text)) {
    return Math.min(Number(text) * 1000, Math.max(0, LAST_MS - nowMs));
  }
  const at = parseHttpDate(text, nowMs);
  if (at === undefined) return undefined;
  const sent = parseHttpDate(headers.get("date")?.trim() ?? "", nowMs);
  return Math.max(0, at - (sent ?? nowMs));
}
