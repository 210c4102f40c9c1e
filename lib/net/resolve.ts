/**
 * Names to addresses.
 *
 * @module
 */

import { NetworkError } from "../wire/errors.ts";
import { canonicalName, formatIp } from "./ip_address.ts";
import { nodeModule, NoNodeModuleError } from "./node_module.ts";
import { readLocalIp } from "./zone.ts";

/** An address to try. */
export interface Address {
  /** Literal IPv4 or IPv6 address. */
  readonly hostname: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
}

/** More addresses of one name than this are not tried. */
const MAX_ADDRESSES = 8;

/** Gives the addresses of a name in the system's order of preference. */
export type Lookup = (host: string) => Promise<readonly Address[]>;

/** Asks the system, hosts file included. */
export const systemLookup: Lookup = async (host) => {
  const found = await nodeModule("node:dns/promises").lookup(host, {
    all: true,
  });
  return found.map(({ address, family }) => ({
    hostname: address,
    family: family === 6 ? 6 : 4,
  }));
};

/**
 * Resolves a name to all its addresses, the families alternating so that neither has to
 * wait for the other one's addresses to be given up (RFC 8305, section 4).
 *
 * @param host A name in any script, or a literal address with or without brackets.
 * @param lookup How to ask for a name.
 * @throws {NetworkError} With code `name` if there is no such name, `denied` without permission,
 *   `unreachable` where the runtime knows no names, as a browser.
 */
export async function resolve(
  host: string,
  lookup: Lookup = systemLookup,
): Promise<Address[]> {
  const literal = host.replace(/^\[(.*)\]$/, "$1");
  const known = readAddress(literal);
  if (known !== undefined) return [known];
  let found: readonly Address[];
  try {
    found = await lookup(canonicalName(host));
  } catch (cause) {
    if (cause instanceof NoNodeModuleError) {
      throw new NetworkError(
        "unreachable",
        `Cannot reach "${host}": ${cause.message}`,
        { cause, server: host, step: "lookup", reason: "other" },
      );
    }
    if (isPermissionError(cause)) {
      throw new NetworkError(
        "denied",
        `Cannot look up "${host}": not permitted`,
        { cause, server: host, step: "lookup", reason: "denied" },
      );
    }
    throw new NetworkError(
      "name",
      `Cannot find host "${host}"${whyNoName(cause)}`,
      { cause, server: host, step: "lookup", reason: "name" },
    );
  }
  if (found.length === 0) {
    throw new NetworkError("name", `Cannot find host "${host}": no addresses`, {
      server: host,
      step: "lookup",
      reason: "name",
    });
  }
  const addresses = new Map<string, Address>();
  for (const one of found) {
    const address = readAddress(one.hostname) ?? one;
    addresses.set(address.hostname, address);
  }
  return interleave([...addresses.values()]).slice(0, MAX_ADDRESSES);
}

/** A literal address in its one spelling. */
function readAddress(literal: string): Address | undefined {
  const ip = readLocalIp(literal);
  return ip && { hostname: formatIp(ip), family: ip.family };
}

/** No such name, which goes without saying, is not the same as nobody to ask. */
function whyNoName(cause: unknown): string {
  const { code } = (cause ?? {}) as { code?: unknown };
  return code === "EAI_AGAIN" || code === "ETIMEOUT"
    ? ": no name server answers"
    : "";
}

function interleave(addresses: readonly Address[]): Address[] {
  const first = addresses[0]?.family;
  const preferred = addresses.filter(({ family }) => family === first);
  const other = addresses.filter(({ family }) => family !== first);
  const mixed: Address[] = [];
  for (let i = 0; i < Math.max(preferred.length, other.length); i++) {
    for (const list of [preferred, other]) {
      const address = list[i];
      if (address) mixed.push(address);
    }
  }
  return mixed;
}

/** Did the runtime refuse, rather than the network? */
export function isPermissionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error.name === "NotCapable" || error.name === "PermissionDenied" ||
    code === "EACCES" || code === "EPERM";
}
