/**
 * Words that a shell may offer in a place of the command line.
 *
 * @module
 */

/** Words, or what loads them when they are wanted. */
export type Words = readonly string[] | (() => Promise<readonly string[]>);

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
export function wordsFor(place: object | undefined): Words | undefined {
  return place && WORDS.get(place);
}

/** Names of the servers that can be asked without a list. */
export async function bundledNames(): Promise<readonly string[]> {
  const { bundledList } = await import("../../ecosystem/bundled.ts");
  return bundledList().servers.map(({ name }) => name);
}
