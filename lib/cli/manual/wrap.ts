/**
 * Breaking lines where the command line library breaks its own.
 *
 * @module
 */

import { Help } from "commander";

/**
 * Breaks a text at its spaces.
 *
 * @param width Columns of a line; a longer word has one for itself.
 */
export function wrap(text: string, width = 80): string {
  return new Help().boxWrap(text, width);
}
