/**
 * Listening on all addresses of a machine. Whether a socket bound to `::` hears IPv4 as well
 * is up to the system (`net.ipv6.bindv6only`, Windows), and the runtime can rarely tell it
 * which is wanted. So it is found out here, for every backend, and what is missing is opened.
 *
 * @module
 */

import { mayUse } from "./permission.ts";

/** Every address of IPv6, and here of the machine. */
export const ANY: string = "::";
/** Every address of IPv4. */
export const ANY_IPV4: string = "0.0.0.0";

/** What opens sockets of some kind, and closes them. */
export interface Opener<T> {
  /** Opens one that is bound to an address. */
  open(hostname: string, port: number): Promise<T>;
  /** Closes it; settles when it is gone. */
  close(socket: T): Promise<void>;
  /** May an address be bound? By default as the permissions say. */
  readonly may?: ((hostname: string, port: number) => boolean) | undefined;
}

/** Has a port. */
interface Bound {
  readonly address: { readonly port: number };
}

/** Where somebody wants to listen. */
interface Wanted {
  readonly hostname: string;
  readonly port: number;
}

/** Does an error say that somebody has the port already, as Deno or as Node puts it? */
export function isInUse(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  return name === "AddrInUse" || code === "EADDRINUSE";
}

/**
 * Leaves out what `::` on the same port stands for already.
 *
 * @param wanted Addresses to listen on; `::` is every address of both families.
 */
export function mergeWildcards<T extends Wanted>(wanted: readonly T[]): T[] {
  const all = new Set(
    wanted.filter(({ hostname }) => hostname === ANY).map(({ port }) => port),
  );
  return wanted.filter(({ hostname, port }) =>
    hostname !== ANY_IPV4 || port === 0 || !all.has(port)
  );
}

/**
 * Opens what it takes to hear all of a machine's addresses on one port: a socket bound to
 * `::`, and one to `0.0.0.0` where that hears IPv6 only.
 *
 * @param opener Opens sockets.
 * @param port The port, 0 for any: both have the same.
 * @returns One socket or two.
 * @throws What opening throws; nothing is left open then.
 */
export async function openWildcard<T extends Bound>(
  opener: Opener<T>,
  port: number,
): Promise<T[]> {
  const first = await opener.open(ANY, port);
  const bound = first.address.port;
  // Whoever may use nothing but `::` has what that gives.
  const { may = mayUse } = opener;
  if (!may(ANY_IPV4, bound)) return [first];
  try {
    return [first, await opener.open(ANY_IPV4, bound)];
  } catch (error) {
    // Either the first one has it already, or a stranger does.
    if (isInUse(error) && await hearsBoth(opener)) return [first];
    await opener.close(first);
    throw error;
  }
}

/** Ports on which a stranger may be in the way before it is taken for the rule. */
const TRIES = 3;

/**
 * Does a socket bound to `::` hear IPv4 as well? Tried on ports of no account.
 *
 * @param opener Opens sockets.
 * @returns Also true where that cannot be found out.
 */
export async function hearsBoth<T extends Bound>(
  opener: Opener<T>,
): Promise<boolean> {
  const { may = mayUse } = opener;
  if (!may(ANY, 0) || !may(ANY_IPV4, 0)) return true;
  for (let i = 0; i < TRIES; i++) {
    let first: T;
    try {
      first = await opener.open(ANY, 0);
    } catch {
      return true; // who really wants it will hear why
    }
    try {
      await opener.close(await opener.open(ANY_IPV4, first.address.port));
      return false;
    } catch (error) {
      if (!isInUse(error)) return true;
    } finally {
      await opener.close(first);
    }
  }
  return true;
}
