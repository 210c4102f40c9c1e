/**
 * What a name means to a server that is to listen on it.
 *
 * @module
 */

import { formatAddress } from "./datagram.ts";
import { NetworkError, ServerError } from "../wire/errors.ts";
import { type Lookup, resolve } from "./resolve.ts";

/**
 * All addresses of a name, in both families; a literal address stands for itself. Where the
 * machine has no IPv6, those are left out, since a hosts file lists them all the same.
 *
 * @param where A name or a literal address, and a port.
 * @param hasIpv6 Asked only where a name has addresses of both families.
 * @param lookup Resolves names.
 * @throws {ServerError} With code `bind` if there is no such name.
 */
export async function addressesToListenOn(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  hasIpv6: () => Promise<boolean>,
  lookup?: Lookup,
): Promise<{ hostname: string; port: number }[]> {
  let found: Awaited<ReturnType<typeof resolve>>;
  try {
    found = await resolve(hostname, lookup);
  } catch (cause) {
    if (!(cause instanceof NetworkError)) throw cause;
    const reason = cause.code === "name"
      ? "there is no host of that name; give an address of this machine, such as 0.0.0.0"
      : cause.message;
    const where = formatAddress(hostname, port);
    const message = `Cannot listen on ${where}: ${reason}`;
    throw new ServerError("bind", message, { cause });
  }
  const both = new Set(found.map(({ family }) => family)).size > 1;
  const usable = both && !await hasIpv6()
    ? found.filter(({ family }) => family === 4)
    : found;
  return usable.map(({ hostname }) => ({ hostname, port }));
}
