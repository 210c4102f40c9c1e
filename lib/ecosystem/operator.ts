/**
 * Who runs a server, as far as its addresses tell.
 *
 * @module
 */

import { getDomain } from "tldts-icann";
import { isIpv4, isIpv6, type ServerAddress } from "../net/address.ts";
import { readIp } from "../net/ip_address.ts";

function isLiteral(host: string): boolean {
  return isIpv4(host) || isIpv6(host);
}

/**
 * Names the operator of a server, so that servers of one operator count once: RFC 10049,
 * section 8.1, wants servers that are "not run by the same parties". It is the domain that
 * was registered (`netnod.se` for `sth1.roughtime.netnod.se`); an address, or a name without
 * such a domain, stands for itself.
 *
 * Names under a hoster's domain, such as a dynamic DNS service, count as one operator: two
 * of them cost nothing to have, so they are no sign of two parties. It is a rule of thumb.
 * Parties may have several domains, and a key that two servers share tells more.
 *
 * @example
 * ```ts
 * import { operatorOf } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * const addresses = [{ transport: "udp", host: "time.example.co.uk", port: 2002 }] as const;
 * assert.equal(operatorOf({ addresses }), "example.co.uk");
 * ```
 *
 * @param server Its addresses; names tell more than literal addresses.
 * @returns A domain or an address in lower case; empty without addresses.
 */
export function operatorOf(
  { addresses }: { readonly addresses: readonly ServerAddress[] },
): string {
  const hosts = addresses.map(({ host }) => host.toLowerCase());
  const name = hosts.find((host) => !isLiteral(host))?.replace(/\.$/, "");
  if (name !== undefined) return getDomain(name) ?? name;
  const [first = ""] = hosts;
  return readIp(first)?.text ?? first;
}
