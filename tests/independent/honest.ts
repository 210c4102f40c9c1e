/**
 * Honest exchanges of every dialect, with all keys behind them.
 *
 * @module
 */

import {
  createSigner,
  Responder,
  type Signer,
  type V1Context,
} from "../../server.ts";
import type { Exchange } from "../../verify.ts";
import { ALIASES, buildRequest, type Dialect, WireError } from "../../wire.ts";
import { ALL, bytes, makeKeyring, MOMENT } from "../_support/fixtures.ts";

/** An exchange and what it takes to sign it anew. */
export interface Honest {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  /** Where it comes from, for people. */
  readonly origin: string;
  /** Seeds of every key the server has, long-term and online. */
  readonly seeds: readonly Uint8Array[];
}

const BATCHES = [1, 2, 5, 16];
/** From a batch, this many are kept. */
const KEPT = 3;

function canOffer(dialect: Dialect, versions: readonly number[]): boolean {
  try {
    buildRequest({
      versions,
      nonce: new Uint8Array(dialect.nonceSize),
      typed: dialect.type === "required",
    });
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

/** Its own number alone, with others that an honest client offers beside it, with aliases. */
function offersFor(dialect: Dialect): number[][] {
  const { code } = dialect;
  const mixed = ALL.reduce(
    // What is offered beside a TYPE-less 0x8000000c must not bring TYPE back.
    (offer, other) =>
      !offer.includes(other.code) && other.type !== "required" &&
        canOffer(dialect, [...offer, other.code])
        ? [...offer, other.code]
        : offer,
    [code],
  );
  const aliased = canOffer(dialect, [code, ...ALIASES])
    ? [code, ...ALIASES]
    : [code];
  const offers = dialect.versionEcho === "srep" && code !== 1
    ? [[code], mixed, aliased]
    : [[code], mixed];
  return offers.map((offer) => offer.toSorted((a, b) => a - b));
}

async function batchOf(
  dialect: Dialect,
  offer: readonly number[],
  batch: number,
  number: number,
  v1Context: V1Context,
): Promise<Honest[]> {
  const longTermSeed = bytes(32, 50 + number % 3);
  const seeds = [longTermSeed];
  const longTerm = createSigner(longTermSeed);
  const keyring = await makeKeyring({
    longTerm: [longTerm],
    v1Context,
    random: (length) => {
      const seed = bytes(length, 100_000 + 100 * number + seeds.length);
      seeds.push(seed.slice()); // the keyring may wipe its own
      return seed;
    },
  });
  const responder = new Responder({
    keyring,
    versions: [dialect.code],
    soloBudget: 0,
    singleBudget: Infinity,
  });
  const requests = Array.from({ length: batch }, (_, i) =>
    buildRequest({
      versions: offer,
      nonce: bytes(dialect.nonceSize, 1_000_000 + 1000 * number + i),
      publicKey: i % 2 === 0 ? longTerm.publicKey : undefined,
      typed: dialect.type === "required",
    }));
  const outcomes = await responder.respond(requests, MOMENT);
  return outcomes.slice(-KEPT).map((outcome, i): Honest => {
    if ("drop" in outcome) {
      throw new Error(`Cannot make ${dialect.id}: dropped, ${outcome.drop}`);
    }
    return {
      exchange: {
        request: requests.slice(-KEPT)[i] as Uint8Array,
        response: outcome.reply,
        publicKey: longTerm.publicKey,
      },
      dialect,
      origin: `${dialect.id} batch ${batch} offer ${offer.length}`,
      seeds,
    };
  });
}

let pool: Promise<readonly Honest[]> | undefined;

/** All dialects, batch sizes and offers; version 1 in both spellings. Always the same. */
export function honestExchanges(): Promise<readonly Honest[]> {
  return pool ??= makeExchanges();
}

async function makeExchanges(): Promise<Honest[]> {
  const all: Honest[] = [];
  let number = 0;
  for (const dialect of ALL) {
    const spellings: V1Context[] = dialect.code === 1
      ? ["rfc", "draft"]
      : ["rfc"];
    for (const spelling of spellings) {
      for (const offer of offersFor(dialect)) {
        for (const batch of BATCHES) {
          all.push(
            ...await batchOf(dialect, offer, batch, number++, spelling),
          );
        }
      }
    }
  }
  return all;
}

/** The keys by their public halves. */
export class Keys {
  readonly #seeds = new Map<string, Uint8Array>();
  readonly #signers = new Map<string, Signer>();

  constructor(honest: readonly Honest[]) {
    for (const seed of new Set(honest.flatMap(({ seeds }) => seeds))) {
      if (seed.length !== 32) continue;
      const signer = createSigner(seed);
      const name = signer.publicKey.toString();
      this.#seeds.set(name, seed);
      this.#signers.set(name, signer);
    }
  }

  /** @throws {RangeError} If the key is none of the servers'. */
  signerOf(publicKey: Uint8Array): Signer {
    return this.#find(this.#signers, publicKey);
  }

  /** @throws {RangeError} If the key is none of the servers'. */
  seedOf(publicKey: Uint8Array): Uint8Array {
    return this.#find(this.#seeds, publicKey);
  }

  #find<T>(map: Map<string, T>, publicKey: Uint8Array): T {
    const found = map.get(publicKey.toString());
    if (found === undefined) {
      throw new RangeError("Cannot sign: the key is none of the servers'");
    }
    return found;
  }
}
