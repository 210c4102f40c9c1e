/**
 * Where a server's keys come from: files, the environment, `.env`, delegations.
 *
 * @module
 */

import process from "node:process";
import { parse } from "dotenv";
import { createSigner, type Signer } from "../../crypto/ed25519.ts";
import { parseDelegation } from "../../server/delegation.ts";
import { formatKey, parseKey } from "../../wire/key_text.ts";
import type { Delegated } from "../../server/keyring.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { messageOf } from "../terminal/failure.ts";
import { KEY_FILE, KEY_VARIABLES } from "./key_names.ts";
import { readSecret } from "./secret_file.ts";

/** Where the user said that keys are. */
export interface KeyOptions {
  /** The key itself. */
  readonly privateKey?: string;
  /** Files with long-term keys. */
  readonly keyFile?: readonly string[];
  /** Files with online keys that were certified elsewhere. */
  readonly delegation?: readonly string[];
}

/** A key that was read, and from where. */
export interface Sourced<T> {
  /** The key. */
  readonly key: T;
  /** Such as `.env`. */
  readonly source: string;
  /** Is the source a file? */
  readonly isFile: boolean;
}

/** The keys to serve with. */
export interface LoadedKeys {
  /** Long-term keys. */
  readonly longTerm: readonly Sourced<Signer>[];
  /** Delegations. */
  readonly delegated: readonly Sourced<Delegated>[];
}

/** Was there any key? */
export function hasKeys({ longTerm, delegated }: LoadedKeys): boolean {
  return longTerm.length + delegated.length > 0;
}

/** The text that is written to a key file; `.env` files look the same. */
export function keyFileText(seed: Uint8Array): string {
  return `${KEY_VARIABLES[1]}=${formatKey(seed)}\n`;
}

/** A key in the text of `.env`, which may have other variables instead. */
function variableIn(text: string): string | undefined {
  const values = parse(text);
  return KEY_VARIABLES.map((name) => values[name]).find(Boolean);
}

/** A key in the text of a key file: as one of the variables, or alone. */
function keyIn(text: string): string | undefined {
  const alone = text.trim();
  return variableIn(text) ??
    (alone === "" || /\s|=[^=]/.test(alone) ? undefined : alone);
}

function toSigner(text: string, source: string): Signer {
  let seed: Uint8Array;
  try {
    seed = parseKey(text);
  } catch (error) {
    throw new UsageError(
      `the private key from ${source} is unusable: ${
        messageOf(error).replace(/^Cannot read key: /, "")
      }`,
    );
  }
  const signer = createSigner(seed);
  seed.fill(0);
  return signer;
}

/**
 * Reads a long-term key from a file.
 *
 * @throws {UsageError} If the file is missing, readable by others, or holds no key.
 */
export async function loadKeyFile(path: string): Promise<Signer> {
  const text = await readSecret(path);
  if (text === undefined) throw new UsageError(`there is no file ${path}`);
  const key = keyIn(text);
  if (key === undefined) throw new UsageError(`${path} holds no private key`);
  return toSigner(key, path);
}

async function loadDelegation(path: string): Promise<Delegated> {
  const text = await readSecret(path);
  if (text === undefined) throw new UsageError(`there is no file ${path}`);
  const result = await parseDelegation(text, { exportable: true });
  if (result.ok) return result.delegated;
  throw new UsageError(`${path} is not a usable delegation: ${result.problem}`);
}

/** Looks in the environment, then in `.env`. */
export async function findKey(): Promise<Sourced<Signer> | undefined> {
  for (const name of KEY_VARIABLES) {
    const text = process.env[name];
    if (!text) continue;
    return { key: toSigner(text, name), source: name, isFile: false };
  }
  // `.env` may be there for other reasons, and then anybody may read it.
  const text = await readSecret(
    KEY_FILE,
    (content) => variableIn(content) !== undefined,
  );
  const found = text === undefined ? undefined : variableIn(text);
  return found === undefined
    ? undefined
    : { key: toSigner(found, KEY_FILE), source: KEY_FILE, isFile: true };
}

/**
 * Reads all keys that the options name; without any, what the environment has. What was
 * named excludes what was not, so that a delegated server never picks up a root key.
 */
export async function loadKeys(options: KeyOptions): Promise<LoadedKeys> {
  const { privateKey, keyFile = [], delegation = [] } = options;
  const longTerm: Sourced<Signer>[] = [];
  if (privateKey !== undefined) {
    const source = "--private-key";
    longTerm.push({ key: toSigner(privateKey, source), source, isFile: false });
  }
  for (const source of keyFile) {
    longTerm.push({ key: await loadKeyFile(source), source, isFile: true });
  }
  const delegated: Sourced<Delegated>[] = [];
  for (const source of delegation) {
    delegated.push({ key: await loadDelegation(source), source, isFile: true });
  }
  if (!hasKeys({ longTerm, delegated })) {
    const found = await findKey();
    if (found) longTerm.push(found);
  }
  return { longTerm, delegated };
}
