/**
 * Which way a server answered, for as long as the process lives: whoever was silent over UDP,
 * or to the usual offer, is asked at once in the way that worked.
 *
 * @module
 */

import type { ServerAddress } from "../net/address.ts";
import type { Transport } from "../net/transport.ts";
import type { ListedServer } from "./list.ts";

/** A way to ask a server. */
export interface Way {
  /** Where. */
  readonly address: ServerAddress;
  /** Over what. */
  readonly transport: Transport;
  /** What was offered; `undefined` is the usual. */
  readonly versions: readonly number[] | undefined;
}

/** What is remembered of one server. */
export interface Remembered {
  /** The way that worked last. */
  recall(): Way | undefined;
  /** This one worked. */
  keep(way: Way): void;
  /** It works no more. */
  forget(way: Way): void;
}

/** Ways that are remembered; the one not used for longest makes room. */
const MAX_WAYS = 1024;

/** Remembers ways to servers by key and address. */
export class WayMemory {
  readonly #ways = new Map<string, Way>();

  /**
   * What is remembered of a server. A list that says something new about its version is
   * believed anew.
   */
  of(
    server: Pick<ListedServer, "publicKey" | "addresses" | "offer">,
  ): Remembered {
    const ways = this.#ways;
    const { publicKey, addresses, offer } = server;
    const known = `${publicKey.join(".")} ${offer?.join(".") ?? ""}`;
    const mark = ({ host, port }: ServerAddress) => `${known} ${host} ${port}`;
    return {
      recall: () => {
        for (const address of addresses) {
          const way = ways.get(mark(address));
          if (way !== undefined) return way;
        }
        return undefined;
      },
      keep: (way) => {
        addresses.forEach((address) => ways.delete(mark(address)));
        ways.set(mark(way.address), way);
        const [oldest] = ways.keys();
        if (ways.size > MAX_WAYS && oldest !== undefined) ways.delete(oldest);
      },
      forget: ({ address }) => void ways.delete(mark(address)),
    };
  }
}

const memories = new WeakMap<object, WayMemory>();

/** Stands for the system's own sockets and names. */
const SYSTEM = {};

/**
 * The memory that belongs to a way of reaching the network: what one proxy, resolver or test
 * has found out says nothing about another.
 *
 * @param reached By what servers are asked; the system's own without.
 */
export function memoryFor(reached: object = SYSTEM): WayMemory {
  const memory = memories.get(reached) ?? new WayMemory();
  memories.set(reached, memory);
  return memory;
}
