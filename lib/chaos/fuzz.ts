/**
 * Mutated requests: good ones of every dialect with a few bytes gone wrong, the same for
 * the same seed. They reach what the corpora of malformed ones did not think of.
 *
 * @module
 */

import { COUNT, requireInRange, SEED } from "../wire/range.ts";
import { concat } from "../crypto/bytes.ts";
import { writeUint32 } from "../wire/uint.ts";
import { noise, seeded } from "../wire/chance.ts";
import { type Dialect, DIALECTS } from "../wire/dialect.ts";
import type { MalformedRequest } from "./malformed_request.ts";
import { buildRequest } from "../wire/request.ts";

/** The longest packet that comes out: what a server reads of a datagram. */
const MAX_BYTES = 2048;

/** Words that are often a limit of something. */
const WORDS: readonly number[] = [
  ...[0, 1, 3, 4, 32, 33, 64, 65, 255, 1012, 1024],
  ...[0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff],
];

type Chance = (below: number) => number;

/** The ways to change a packet; each gives a new one or changes the copy it was given. */
const MUTATIONS: readonly ((
  packet: Uint8Array,
  chance: Chance,
  other: () => Uint8Array,
) => Uint8Array)[] = [
  (packet, chance) => { // turn a bit over
    const at = chance(packet.length);
    packet[at] = (packet[at] ?? 0) ^ (1 << chance(8));
    return packet;
  },
  (packet, chance) => { // another byte
    packet[chance(packet.length)] = chance(256);
    return packet;
  },
  (packet, chance) => { // a telling word, near the front where the header is
    const words = Math.min(packet.length >> 2, 40);
    const at = 4 * chance(words);
    if (at + 4 <= packet.length) {
      writeUint32(packet, at, WORDS[chance(WORDS.length)] as number);
    }
    return packet;
  },
  (packet, chance) => packet.slice(0, chance(packet.length + 1)), // cut
  (packet, chance) => { // take out
    const from = chance(packet.length);
    const end = from + 1 + chance(16);
    return concat(packet.subarray(0, from), packet.subarray(end));
  },
  (packet, chance) => { // put in
    const at = chance(packet.length);
    const extra = noise(4 * (1 + chance(8)), chance(0x10000));
    return concat(packet.subarray(0, at), extra, packet.subarray(at));
  },
  (packet, chance) => { // copy from here to there
    const from = chance(packet.length);
    const length = 4 * (1 + chance(16));
    packet.copyWithin(chance(packet.length), from, from + length);
    return packet;
  },
  (packet, chance, other) => { // the front of one, the back of another
    const at = 4 * chance(packet.length >> 2);
    return concat(packet.subarray(0, at), other().subarray(at));
  },
];

/**
 * Mutates good requests of every dialect.
 *
 * @example
 * ```ts
 * import { fuzzRequests } from "@roughly/roughly/chaos";
 * import { parseRequest } from "@roughly/roughly/wire";
 *
 * for (const { packet } of fuzzRequests(1, 1000)) parseRequest(packet); // never throws
 * ```
 *
 * @param seed What they depend on; a failure can be had again from its name.
 * @param count How many.
 * @throws {RangeError} If a number is not whole, or `count` is below 0.
 * @returns Packets of 0 to 2048 bytes; a few are still good.
 */
export function fuzzRequests(
  seed: number,
  count: number,
): Generator<MalformedRequest, void> {
  requireInRange("seed", seed, SEED);
  requireInRange("count", count, { ...COUNT, min: 0 });
  return mutations(seed, count);
}

function* mutations(
  seed: number,
  count: number,
): Generator<MalformedRequest, void> {
  const random = seeded(seed);
  const chance: Chance = (below) => Math.floor(random() * Math.max(1, below));
  const dialects = Object.values(DIALECTS);
  // Chosen at once, so that what follows is the same whether it is built or not.
  const good = (): () => Uint8Array => {
    const { code, nonceSize, type } =
      dialects[chance(dialects.length)] as Dialect;
    const seed = chance(0x10000);
    const size = 1024 + 4 * chance(64);
    return () =>
      buildRequest({
        versions: [code],
        nonce: noise(nonceSize, seed),
        size,
        typed: type === "required",
      });
  };
  for (let i = 0; i < count; i++) {
    let packet = good()();
    for (let rounds = 1 + chance(6); rounds > 0; rounds--) {
      const mutate = MUTATIONS[chance(MUTATIONS.length)] as typeof MUTATIONS[0];
      packet = mutate(packet, chance, good()).slice(0, MAX_BYTES);
    }
    yield { name: `mutation ${i} of seed ${seed}`, packet, expect: "any" };
  }
}
