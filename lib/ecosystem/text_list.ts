/**
 * Server lists as Botan's `roughtime` command reads them: a line for each server with its
 * name, type of key, key, protocol and addresses, such as
 * `int08h ed25519 AW5u...vsE= udp roughtime.int08h.com:2002`.
 *
 * @module
 */

/** Longest line that is looked at. */
const MAX_LINE_LENGTH = 4096;

/** Nothing but a list has a line of this shape, so no other text is taken for one. */
const LINE = /^\S+ +ed25519 +[\w+/=-]{43,64} +(udp|tcp)\d? +\S+:\d+[,;]?( |$)/i;

/**
 * Takes such a list apart into what the JSON of RFC 10049 would have.
 *
 * @param text All of it.
 * @returns Nothing if it is no such list. Lines of another shape become entries of no use.
 */
export function readTextList(
  text: string,
): { readonly servers: readonly unknown[] } | undefined {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const isLine = (line: string) =>
    line.length <= MAX_LINE_LENGTH && LINE.test(line);
  if (!lines.some(isLine)) return undefined;
  return { servers: lines.map(readLine) };
}

function readLine(line: string): unknown {
  if (line.length > MAX_LINE_LENGTH) return undefined;
  const [name, publicKeyType, publicKey, protocol, ...addresses] = line
    .replace(/;$/, "").split(/[ \t,]+/);
  // Fewer words, such as a heading: nothing that could be named.
  if (protocol === undefined) return undefined;
  return {
    name,
    publicKeyType,
    publicKey,
    addresses: addresses.filter((address) => address !== "")
      .map((address) => ({ protocol, address })),
  };
}
