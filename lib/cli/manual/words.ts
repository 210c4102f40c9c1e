/**
 * Words that a shell may offer in a place of the command line.
 *
 * @module
 */

/** Words, or what gives them when they are wanted. */
export type Words = readonly string[] | (() => readonly string[]);

const WORDS = new WeakMap<object, Words>();

/**
 * Has completions offer these words.
 *
 * @param place An option or argument that also takes other words, or the parser of one that
 *   takes no others.
 * @returns The same.
 */
export function offering<T extends object>(place: T, words: Words): T {
  WORDS.set(place, words);
  return place;
}

/** The words for a place, if there are any. */
export function wordsFor(
  place: object | undefined,
): readonly string[] | undefined {
  const words = place && WORDS.get(place);
  return typeof words === "function" ? words() : words;
}
