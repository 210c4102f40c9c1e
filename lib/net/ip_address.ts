/**
 * IP addresses as data, with one spelling each: texts of the same address differ, so nothing
 * compares texts that did not come from here.
 *
 * @module
 */

import { isIpv4, isIpv6 } from "./address.ts";

/** An address. IPv4 in IPv6's clothes (RFC 4291, section 2.5.5.2) is the IPv4 address. */
export interface IpAddress {
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** As RFC 5952 spells it, without the zone. */
  readonly text: string;
  /** Which link a link-local address is on, where it says; other addresses have none. */
  readonly zone: string | undefined;
}

/** `::ffff:0:0/96`. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

const ZONE = /^[\w.:@-]+$/;

/** Makes an address of 4 or 16 bytes. */
export function ipOf(bytes: Uint8Array, zone?: string): IpAddress {
  const isMapped = bytes.length === 16 &&
    MAPPED.every((byte, i) => byte === bytes[i]);
  const own = isMapped ? bytes.subarray(MAPPED.length) : bytes;
  if (own.length === 4) {
    return { family: 4, bytes: own, text: own.join("."), zone: undefined };
  }
  const words = Array.from(
    { length: 8 },
    (_, i) =>
      ((own[2 * i] as number) << 8 | (own[2 * i + 1] as number)).toString(16),
  );
  // URLs spell it as RFC 5952 does.
  const text = new URL(`http://[${words.join(":")}]/`).hostname.slice(1, -1);
  const isLinkLocal = own[0] === 0xfe && ((own[1] as number) & 0xc0) === 0x80;
  return { family: 6, bytes: own, text, zone: isLinkLocal ? zone : undefined };
}

/**
 * Reads a literal address.
 *
 * @param literal Without brackets; an IPv6 address may have a zone, as in `fe80::1%eth0`.
 * @returns The address, or `undefined` if it is none.
 */
export function readIp(literal: string): IpAddress | undefined {
  if (isIpv4(literal)) {
    return ipOf(Uint8Array.from(literal.split("."), Number));
  }
  const at = literal.indexOf("%");
  const address = at < 0 ? literal : literal.slice(0, at);
  const zone = at < 0 ? undefined : literal.slice(at + 1);
  if (!isIpv6(address) || (zone !== undefined && !ZONE.test(zone))) {
    return undefined;
  }
  const { hostname } = new URL(`http://[${address}]/`);
  const [head = [], tail = []] = hostname.slice(1, -1).split("::").map((half) =>
    half.split(":").filter((word) => word !== "").map((word) =>
      parseInt(word, 16)
    )
  );
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  const words = [...head, ...zeros, ...tail];
  return ipOf(
    Uint8Array.from(words.flatMap((word) => [word >> 8, word])),
    zone,
  );
}

/** The address with its zone. */
export function formatIp({ text, zone }: IpAddress): string {
  return zone === undefined ? text : `${text}%${zone}`;
}

/** What names in any script are made of, with the dots that IDNA knows. */
const NAME_IN_ANY_SCRIPT = /^[\p{L}\p{M}\p{N}_.\-\u3002\uff0e\uff61]+$/u;

/**
 * The one spelling of a name: lower case, and A-labels where it is not ASCII (RFC 5891).
 *
 * @param name Not a literal address. What cannot be a name is given back as it is.
 */
export function canonicalName(name: string): string {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(name)) return name.toLowerCase();
  if (!NAME_IN_ANY_SCRIPT.test(name)) return name;
  let ascii: string;
  try {
    ascii = new URL(`http://${name}/`).hostname;
  } catch {
    return name;
  }
  // Digits of other scripts make addresses in URLs, and nobody would see it.
  return readIp(ascii) === undefined ? ascii : name;
}
