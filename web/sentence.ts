/**
 * The sentence about a round, while time goes on. Pure.
 *
 * @module
 */

/** The time in it. What was true once has another word before it, and stays as it is. */
const TIME = /\bit is (\d\d):(\d\d):(\d\d) UTC\b/;

/**
 * Lets the time in a sentence go on.
 *
 * @param sentence As the watcher said it.
 * @param passedMs How long ago that was, in milliseconds.
 */
export function goOn(sentence: string, passedMs: number): string {
  return sentence.replace(TIME, (_, hours, minutes, seconds) => {
    const ms = Date.UTC(1970, 0, 1, hours, minutes, seconds) + passedMs;
    return `it is ${new Date(ms).toISOString().slice(11, 19)} UTC`;
  });
}

/** What of a sentence is news when it is said again a little later. */
export function newsIn(sentence: string): string {
  return sentence.replace(TIME, "");
}
