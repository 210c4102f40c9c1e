/**
 * What the tests of commands that ask several servers share: servers that lie or fall
 * silent, lists of them, and evidence against them.
 *
 * @module
 */

import { parseKey } from "../../lib/wire/key_text.ts";
import { type Link, queryServers } from "../../lib/ecosystem/measure.ts";
import { malfeasanceReport } from "../../lib/verify/report.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { Server } from "../../lib/server/core.ts";
import { readAddress, type ServerAddress } from "../../lib/net/address.ts";
import { STRANGER, type Target, target } from "./cli.ts";
import { SECOND } from "./fixtures.ts";

/** Says that it is an hour later than it is. */
export class Ahead extends Server {
  override getTime(): bigint {
    return super.getTime() + 3600n * SECOND;
  }
}

/** Says that it is an hour earlier than it is. */
export class Behind extends Server {
  override getTime(): bigint {
    return super.getTime() - 3600n * SECOND;
  }
}

/** Answers once and never again. */
export class Once extends Server {
  #hasAnswered = false;

  override async handleBatch(
    packets: readonly Uint8Array[],
  ): Promise<Outcome[]> {
    if (this.#hasAnswered) return packets.map(() => ({ drop: "version" }));
    this.#hasAnswered = true;
    return await super.handleBatch(packets);
  }
}

/** Where a server of a list is, and its key. */
export type Place = Pick<Target, "at" | "key">;

/** An entry of a list. */
export interface ListEntry {
  readonly name: string;
  readonly [member: string]: unknown;
}

/** Makes an entry of a list. */
export function entry(
  name: string,
  { at, key }: Place,
  more: Readonly<Record<string, unknown>> = {},
): ListEntry {
  return {
    name,
    version: 1,
    publicKeyType: "ed25519",
    publicKey: key,
    addresses: [{ protocol: "udp", address: at }],
    ...more,
  };
}

/** The entry of a server that is not there. */
export function dead(name: string): ListEntry {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const address = `127.0.0.1:${port}`;
  return entry(name, { at: address, key: STRANGER }, {
    addresses: [{ protocol: "tcp", address }],
  });
}

/** Another key that no server here has. */
const OTHER_STRANGER = "Ixu7gqjJ9TU6IxsO8wxZxAFT5te6FcZZQq5vXFl35JE=";

/** The entry of a server under a key that is not its own. */
export function wrongKey(name: string, { at }: Place): ListEntry {
  // Later protocols say which key is wanted, and servers ignore who wants another.
  return entry(name, { at, key: OTHER_STRANGER }, {
    version: "Google-Roughtime",
  });
}

/** Writes a list. */
export async function writeList(
  path: string,
  servers: readonly ListEntry[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  await Deno.writeTextFile(path, JSON.stringify({ servers, ...more }));
  return path;
}

/** The same server under a name, which makes it another operator's. */
export function named({ port, key }: Target): Place {
  return { at: `localhost:${port}`, key };
}

/** Options that skip a test where there are no three operators on loopback. */
export function threeOperators(
  name: string,
): { name: string; ignore: boolean } {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return { name, ignore: false };
  } catch {
    const reason = "skipped: no IPv6 on this machine";
    return { name: `${name} (${reason})`, ignore: true };
  }
}

/** Asks servers of these kinds, in this order and twice, and gives the chain of replies. */
export async function gatherEvidence(
  ...kinds: readonly (typeof Server)[]
): Promise<readonly Link[]> {
  await using stack = new AsyncDisposableStack();
  const servers = [];
  for (const kind of kinds) {
    const { at, key } = stack.use(await target({}, { kind }));
    const read = readAddress(at);
    if (!read.ok) throw new Error(at);
    const address: ServerAddress = { transport: "udp", ...read };
    servers.push({
      name: kind.name,
      publicKey: parseKey(key),
      addresses: [address],
      version: undefined,
      offer: undefined,
    });
  }
  return (await queryServers(servers)).chain;
}

/** A report in which the server that was asked first lied. */
export async function lyingReport(): Promise<string> {
  return malfeasanceReport(await gatherEvidence(Ahead, Server));
}
