/**
 * Asking a server of a list: its addresses in turn, until one answers.
 *
 * @module
 */

import type { Transport } from "../counters.ts";
import { NetworkError, VerificationError } from "../errors.ts";
import { formatServerAddress } from "../server_address.ts";
import type { ListedServer } from "../server_list.ts";
import { UsageError } from "./exit_code.ts";

/** One host and port, and how it may be asked. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly transport: "auto" | Transport;
}

/**
 * The endpoints of a server, each once, in the order of the list.
 *
 * @param server Of a list.
 * @param transport What the user asked for; UDP and TCP at one endpoint make `auto`.
 * @throws {UsageError} If the list has no address for that transport.
 */
export function endpointsOf(
  { name, addresses }: Pick<ListedServer, "name" | "addresses">,
  transport: "auto" | Transport,
): [Endpoint, ...Endpoint[]] {
  const endpoints = new Map<string, Endpoint>();
  for (const address of addresses) {
    if (transport !== "auto" && address.transport !== transport) continue;
    const key = formatServerAddress(address);
    const known = endpoints.get(key);
    const same = known === undefined || known.transport === address.transport;
    const { host, port } = address;
    endpoints.set(key, {
      host,
      port,
      transport: same ? address.transport : "auto",
    });
  }
  const [first, ...others] = endpoints.values();
  if (first === undefined) {
    throw new UsageError(
      `the list has no ${transport.toUpperCase()} address for ${name}`,
    );
  }
  return [first, ...others];
}

/**
 * Asks each endpoint in turn; they share the time there is.
 *
 * @param endpoints Where to ask.
 * @param timeoutMs Time for all of them, in milliseconds.
 * @param send Asks one of them.
 * @throws Of all failures the one that says most.
 */
export async function tryEach<T>(
  endpoints: readonly [Endpoint, ...Endpoint[]],
  timeoutMs: number,
  send: (endpoint: Endpoint, timeoutMs: number) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let failure: unknown;
  for (const [i, endpoint] of endpoints.entries()) {
    const spent = i === 0 ? 0 : performance.now() - start;
    const left = Math.max(1, timeoutMs - spent);
    try {
      return await send(endpoint, left / (endpoints.length - i));
    } catch (error) {
      if (weight(error) > weight(failure)) failure = error;
    }
  }
  throw failure;
}

/** How much a failure says: an answer that is refused most, an address without a way to it least. */
function weight(error: unknown): number {
  if (error === undefined) return 0;
  if (error instanceof NetworkError) return 1;
  return error instanceof VerificationError ? 3 : 2;
}
