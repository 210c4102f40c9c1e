/**
 * Names and messages of others, made fit for a sentence.
 *
 * @module
 */

/** Characters that act on what is around them, or that nobody sees. */
const ACTING = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Takes out what would change how the rest of a line is read, and shortens. It is no escaping:
 * markup stays, for whoever writes markup to escape.
 *
 * @param text Of a list, a server or the system.
 * @param length Most characters.
 */
export function plainText(text: string, length = 60): string {
  const plain = [...text.replace(ACTING, "\ufffd")];
  return plain.length <= length
    ? plain.join("")
    : `${plain.slice(0, length - 1).join("")}…`;
}
