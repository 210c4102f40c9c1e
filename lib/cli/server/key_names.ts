/**
 * Where a server's key is looked for unless it is said.
 *
 * @module
 */

/** Environment variables that hold the key, the first one set wins. */
export const KEY_VARIABLES: readonly string[] = [
  "ROUGHLY_SERVER_PRIVATE_KEY",
  "ROUGHLY_PRIVATE_KEY",
];

/** The file that `keygen` writes and `run` reads, in the working folder. */
export const KEY_FILE = ".env";
