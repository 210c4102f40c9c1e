/**
 * The link that a link-local address is on, which has a name and a number: both are the same
 * zone (RFC 4007, section 11.2), and runtimes tell and take now one and now the other.
 *
 * @module
 */

import { formatIp, type IpAddress, readIp } from "./ip_address.ts";
import { nodeModule } from "./node_module.ts";

/** The machine's interfaces by name, as far as needed here. */
export type Interfaces = Readonly<
  Record<string, readonly { readonly scopeid?: number }[] | undefined>
>;

/** What the system tells; nothing in a browser, or where the user would be asked first. */
function systemInterfaces(): Interfaces {
  const deno = globalThis.Deno;
  const descriptor = { name: "sys", kind: "networkInterfaces" } as const;
  const mayAsk = globalThis.process !== undefined &&
    (deno?.permissions === undefined ||
      deno.permissions.querySync(descriptor).state === "granted");
  return mayAsk ? nodeModule("node:os").networkInterfaces() as Interfaces : {};
}

/**
 * The one spelling of a zone: what this system's calls take, which is a number on Windows and
 * elsewhere a name. What the system does not tell stays as it is.
 *
 * @param zone A name or a number.
 * @param interfaces The machine's.
 * @param isWindows Is it a number that is wanted?
 */
export function canonicalZone(
  zone: string,
  interfaces: () => Interfaces = systemInterfaces,
  isWindows: boolean = globalThis.process?.platform === "win32",
): string {
  const number = /^\d+$/.test(zone) ? Number(zone) : undefined;
  if ((number !== undefined) === isWindows) {
    return number === undefined ? zone : String(number);
  }
  for (const [name, addresses = []] of Object.entries(interfaces())) {
    for (const { scopeid } of addresses) {
      if (!scopeid) continue;
      if (number === scopeid) return name;
      if (number === undefined && name === zone) return String(scopeid);
    }
  }
  return number === undefined ? zone : String(number);
}

/**
 * Reads a literal address, its zone in the one spelling.
 *
 * @param literal As for {@linkcode readIp}.
 */
export function readLocalIp(literal: string): IpAddress | undefined {
  const ip = readIp(literal);
  return ip?.zone === undefined ? ip : { ...ip, zone: canonicalZone(ip.zone) };
}

/**
 * The one spelling of a literal address, zone included.
 *
 * @param literal Anything else is given back as it is.
 */
export function canonicalLiteral(literal: string): string {
  const ip = readLocalIp(literal);
  return ip === undefined ? literal : formatIp(ip);
}
