/**
 * Who may hold how many connections, and whose goes when there is no room for another.
 * Whatever one peer does, the others keep theirs.
 *
 * @module
 */

import { readIp } from "./ip_address.ts";

/** How many connections there may be. */
export interface ShareLimits {
  /** At one time. */
  readonly maxConnections: number;
  /** The same for one address: an IPv4 address, or a /64 of IPv6. */
  readonly maxConnectionsPerAddress: number;
}

/** What became of a connection that wanted in. */
export interface Admission<T> {
  /** Is it in? */
  readonly admitted: boolean;
  /** What is out for it, to be closed. */
  readonly evicted?: T;
}

/** Bytes of an IPv6 address that are one customer's at least: the rest costs nothing. */
const PREFIX_BYTES = 8;

/**
 * Whom an address counts for.
 *
 * @param address A literal address; what is none counts for itself.
 * @returns The IPv4 address, also where it stands in IPv6's clothes, or the /64.
 */
export function holderOf(address: string): string {
  const ip = readIp(address);
  if (ip === undefined) return address;
  return ip.family === 4
    ? ip.text
    : `${ip.bytes.subarray(0, PREFIX_BYTES).join(".")}/64`;
}

/** The connections of one port. In its sets, what was not renewed for longest comes first. */
export class ConnectionShare<T> {
  readonly #limits: ShareLimits;
  readonly #isIdle: (connection: T) => boolean;
  readonly #groups = new Map<string, Set<T>>();
  readonly #holders = new Map<T, string>();

  /**
   * Begins with none.
   *
   * @param limits How many there may be.
   * @param isIdle May this one go? Not one that waits for an answer.
   */
  constructor(limits: ShareLimits, isIdle: (connection: T) => boolean) {
    this.#limits = limits;
    this.#isIdle = isIdle;
  }

  /** How many there are. */
  get size(): number {
    return this.#holders.size;
  }

  /**
   * Lets a connection in, if need be for one that has been idle longest: of the same holder
   * where that one has its share, else of those who hold more than theirs, else of anybody.
   *
   * @param connection A new one.
   * @param address Where it is from.
   */
  admit(connection: T, address: string): Admission<T> {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    const holder = holderOf(address);
    const group = this.#groups.get(holder) ?? new Set();
    const isFull = this.size >= maxConnections;
    const holders = this.#groups.size + (group.size === 0 ? 1 : 0);
    const share = Math.min(
      maxConnectionsPerAddress,
      isFull ? maxConnections / holders : Infinity,
    );
    if (!isFull && group.size < share) {
      this.#add(connection, holder, group);
      return { admitted: true };
    }
    const evicted = group.size > 0 && group.size >= share
      ? this.#idlestOf(group)
      : this.#idlest(share);
    if (evicted === undefined) return { admitted: false };
    this.remove(evicted);
    this.#add(connection, holder, this.#groups.get(holder) ?? group);
    return { admitted: true, evicted };
  }

  #add(connection: T, holder: string, group: Set<T>): void {
    group.add(connection);
    this.#groups.set(holder, group);
    this.#holders.set(connection, holder);
  }

  #idlestOf(connections: Iterable<T>): T | undefined {
    for (const one of connections) if (this.#isIdle(one)) return one;
    return undefined;
  }

  #idlest(share: number): T | undefined {
    let any: T | undefined;
    for (const [one, holder] of this.#holders) {
      if (!this.#isIdle(one)) continue;
      const { size } = this.#groups.get(holder) as Set<T>;
      if (size > share) return one;
      any ??= one;
    }
    return any;
  }

  /** Puts a connection behind all others in the order in which they have to go. */
  renew(connection: T): void {
    const holder = this.#holders.get(connection);
    if (holder === undefined) return;
    this.remove(connection);
    this.#add(connection, holder, this.#groups.get(holder) ?? new Set());
  }

  /** Forgets a connection that is gone, or will be. */
  remove(connection: T): void {
    const holder = this.#holders.get(connection);
    if (holder === undefined) return;
    this.#holders.delete(connection);
    const group = this.#groups.get(holder) as Set<T>;
    group.delete(connection);
    if (group.size === 0) this.#groups.delete(holder);
  }
}
