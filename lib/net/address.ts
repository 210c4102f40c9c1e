/**
 * Where a server list says a server is: `host:port`, as data and as text.
 *
 * @module
 */

/** One way to reach a server. */
export interface ServerAddress {
  /** How. */
  readonly transport: "udp" | "tcp";
  /** Name or literal address, without brackets. */
  readonly host: string;
  /** Port, 1 to 65535. */
  readonly port: number;
}

/** What can be wrong with the text of an address. */
export type AddressProblem =
  | "no-port"
  | "port"
  | "port-zero"
  | "zone"
  | "ipv6"
  | "host";

/** What a text of the form `host:port` says. */
export type ReadAddress =
  | {
    readonly ok: true;
    /** Name or literal address, without brackets. */
    readonly host: string;
    /** Port, 1 to 65535. */
    readonly port: number;
    /** Is it an IPv6 address without brackets? */
    readonly unbracketed: boolean;
  }
  | {
    readonly ok: false;
    /** What is wrong. */
    readonly problem: AddressProblem;
  };

/** Sentences for people; the only place with English. */
const PROBLEMS: Readonly<Record<AddressProblem, string>> = {
  "no-port": "there is no port after the host",
  "port": "the port is no number from 0 to 65535",
  "port-zero": "nothing can be sent to port 0",
  "zone":
    "an IPv6 address must not have a zone, which means something on one machine only",
  "ipv6": "what stands for the host is no IPv6 address",
  "host": "the host is neither an address nor a name that can be looked up",
};

/**
 * Puts a problem into words.
 *
 * @param problem What {@linkcode readAddress} found.
 */
export function explainAddress(problem: AddressProblem): string {
  return PROBLEMS[problem];
}

/** Longest text of a name (RFC 1035, section 2.3.4), with a final dot. */
const MAX_NAME_LENGTH = 254;

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*\\.?$`, "i");

/** Resolvers take names like `0x7f.1` and `2130706433` for addresses, each in its own way. */
const LIKE_A_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i;

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** Is it an IPv4 address in dotted decimal notation? */
export function isIpv4(host: string): boolean {
  return IPV4.test(host);
}

/** Is it an IPv6 address (RFC 4291, section 2.2), without brackets and zone? */
export function isIpv6(host: string): boolean {
  // The characters first: a URL has a meaning for others.
  return host.includes(":") && /^[0-9a-f:.]{2,45}$/i.test(host) &&
    URL.canParse(`http://[${host}]/`);
}

function isName(host: string): boolean {
  return host.length <= MAX_NAME_LENGTH && NAME.test(host) &&
    !LIKE_A_NUMBER.test(host);
}

/**
 * Reads `host:port` (RFC 10049, section 8.3). IPv6 addresses are in brackets since draft 15;
 * before, the last colon is the one before the port.
 *
 * @param text As in a server list.
 */
export function readAddress(text: string): ReadAddress {
  const problem = (problem: AddressProblem): ReadAddress => ({
    ok: false,
    problem,
  });
  if (text.includes("%")) return problem("zone");
  const bracketed = text.startsWith("[");
  const end = bracketed ? text.indexOf("]") + 1 : text.lastIndexOf(":");
  if (bracketed && end === 0) return problem("ipv6");
  const host = bracketed ? text.slice(1, end - 1) : text.slice(0, end);
  if (bracketed && !isIpv6(host)) return problem("ipv6");
  if (end < 0 || end === text.length) return problem("no-port");
  if (host.includes(":") && !isIpv6(host)) return problem("ipv6");
  if (!host.includes(":") && !isIpv4(host) && !isName(host)) {
    return problem("host");
  }
  const digits = text.slice(end);
  const port = Number(digits.slice(1));
  if (!/^:\d{1,5}$/.test(digits) || port > 0xffff) return problem("port");
  // The specification allows 0, which is no port that a packet could be sent to.
  if (port === 0) return problem("port-zero");
  return { ok: true, host, port, unbracketed: !bracketed && isIpv6(host) };
}

/**
 * Writes `host:port`, an IPv6 address in brackets.
 *
 * @param address Where.
 */
export function formatServerAddress(
  { host, port }: Pick<ServerAddress, "host" | "port">,
): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
