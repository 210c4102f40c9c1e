/**
 * What the tests of several servers share: servers in memory with keys of their own, chains
 * made by asking them, and reports written without the code under test.
 *
 * @module
 */

import { base64 } from "@scure/base";
import { chainNonce } from "../../lib/verify/chain.ts";
import { createSigner, type Signer } from "../../lib/crypto/ed25519.ts";
import {
  DEFAULT_OFFER,
  type DialectId,
  DIALECTS,
} from "../../lib/wire/dialect.ts";
import { type Exchange, VerificationError } from "../../lib/wire/errors.ts";
import type { Answer, AskServer, Question } from "../../lib/ecosystem/pick.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import type { Moment, Responder } from "../../lib/server/responder.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  bytes,
  makeKeyring,
  makeResponder,
  NOW_MICROS,
  SECOND,
} from "./fixtures.ts";

const YEAR = 365n * 86_400n * SECOND;

const signers = new Map<number, Signer>();

/** The long-term key of the nth server. */
export function signerOf(n: number): Signer {
  const made = signers.get(n) ?? createSigner(bytes(32, 5000 + n));
  signers.set(n, made);
  return made;
}

const responders = new Map<number, Promise<Responder>>();

/** The nth server: it may sign any time within ten years of now. */
function responderOf(n: number): Promise<Responder> {
  const made = responders.get(n) ?? makeKeyring({
    longTerm: [signerOf(n)],
    nowMicros: NOW_MICROS - 10n * YEAR,
    validityMicros: 20n * YEAR,
  }).then((keyring) => makeResponder({ keyring }));
  responders.set(n, made);
  return made;
}

/** What the nth server answers. */
export async function answerOf(
  n: number,
  request: Uint8Array,
  moment: Moment,
): Promise<Uint8Array> {
  const [outcome] = await (await responderOf(n)).respond([request], moment);
  if (outcome === undefined || "drop" in outcome) {
    throw new Error(`dropped: ${outcome?.drop}`);
  }
  return outcome.reply;
}

/** A server of a list; its operator is `op<n>.example` unless another is given. */
export function listed(
  n: number,
  more: Partial<ListedServer> & { readonly operator?: string } = {},
): ListedServer {
  const { operator = `op${n}.example`, ...rest } = more;
  return {
    name: operator,
    publicKey: signerOf(n).publicKey,
    addresses: [{ transport: "udp", host: `s${n}.${operator}`, port: 2002 }],
    version: 1,
    offer: undefined,
    ...rest,
  };
}

/** One question of a chain. */
export interface Step {
  readonly dialect: DialectId;
  /** Which server. */
  readonly server: number;
  /** How far the server's clock is ahead, in microseconds. */
  readonly aheadMicros?: bigint;
}

/** One link of a chain. */
export interface ChainLink {
  readonly exchange: Exchange;
  readonly rand: Uint8Array | undefined;
  /** What was hashed with the previous reply, or the nonce itself in the first link. */
  readonly blind: Uint8Array;
}

/** Asks servers one after the other, a second apart, as a client of each dialect would. */
export async function makeChain(steps: readonly Step[]): Promise<ChainLink[]> {
  const chain: ChainLink[] = [];
  for (
    const [i, { dialect: id, server, aheadMicros = 0n }] of steps.entries()
  ) {
    const dialect = DIALECTS[id];
    const blind = bytes(dialect.nonceSize, 7000 + i);
    const before = chain.at(-1)?.exchange.response;
    const { publicKey } = signerOf(server);
    const request = buildRequest({
      versions: [dialect.code],
      nonce: before ? chainNonce(dialect, before, blind) : blind,
      publicKey,
      typed: dialect.type === "required",
    });
    const response = await answerOf(server, request, {
      midpointMicros: NOW_MICROS + BigInt(i) * SECOND + aheadMicros,
      radiusMicros: 3n * SECOND,
    });
    chain.push({
      exchange: { request, response, publicKey },
      rand: before && blind,
      blind,
    });
  }
  return chain;
}

/** The entries of RFC 10049, section 8.4. */
export function rfcEntries(
  chain: readonly ChainLink[],
): Record<string, string>[] {
  return chain.map(({ exchange, rand }) => ({
    ...(rand && { rand: base64.encode(rand) }),
    publicKey: base64.encode(exchange.publicKey),
    request: base64.encode(exchange.request),
    response: base64.encode(exchange.response),
  }));
}

/** Every form that reports were ever written in. */
export const FORMS = {
  "rfc-10049": (chain: readonly ChainLink[]): unknown => ({
    responses: rfcEntries(chain),
  }),
  "bare-array": (chain: readonly ChainLink[]): unknown => rfcEntries(chain),
  "draft-08": (chain: readonly ChainLink[]): unknown => ({
    nonces: chain.map(({ rand }) => rand ? base64.encode(rand) : ""),
    responses: chain.map(({ exchange }) => base64.encode(exchange.response)),
  }),
  "draft-00": (chain: readonly ChainLink[]): unknown =>
    chain.map(({ exchange }, i) => {
      const next = chain[i + 1]?.rand;
      return {
        ...(next && { blind: base64.encode(next) }),
        response_packet: base64.encode(exchange.response),
      };
    }),
  "google-chain": (chain: readonly ChainLink[]): unknown => ({
    links: chain.map(({ exchange, blind }) => ({
      publicKeyType: "ed25519",
      serverPublicKey: base64.encode(exchange.publicKey),
      nonceOrBlind: base64.encode(blind),
      reply: base64.encode(exchange.response),
    })),
  }),
} as const;

/** Monotonic clock, true time, and what passes between them. */
export class World {
  /** Microseconds of the monotonic clock. */
  monoMicros = 5_000_000n;
  /** How much true time passes for 10^9 of it, less 10^9. */
  readonly rate: bigint;

  constructor(rate = 0n) {
    this.rate = rate;
  }

  get truthMicros(): bigint {
    const passed = this.monoMicros * (1_000_000_000n + this.rate) /
      1_000_000_000n;
    return NOW_MICROS + passed;
  }

  readonly now = (): number => Number(this.monoMicros) / 1000;

  pass(micros: bigint): void {
    this.monoMicros += micros;
  }
}

/** Which server of those made by {@linkcode listed} a question is for. */
export function serverNumber({ address }: Question): number {
  return Number(/^s(\d+)\./.exec(address.host)?.[1]);
}

/**
 * Asks servers in memory that really sign.
 *
 * @param world Whose time passes while a packet travels.
 * @param momentOf What a server says; it may throw instead.
 * @param spoil What happens to a reply on the way.
 */
export function askInMemory(
  world: World,
  momentOf: (n: number, truthMicros: bigint) => Moment,
  spoil: (n: number, reply: Uint8Array) => Uint8Array = (_, reply) => reply,
): AskServer {
  return async (question) => {
    const { publicKey, nonce, versions = DEFAULT_OFFER, address } = question;
    const n = serverNumber(question);
    const request = buildRequest({ versions, nonce, publicKey });
    const sentAt = world.monoMicros;
    world.pass(10_000n);
    const moment = momentOf(n, world.truthMicros);
    const response = spoil(n, await answerOf(n, request, moment));
    world.pass(10_000n);
    const exchange = { request, response, publicKey };
    const verdict = await verifyResponse(exchange);
    if (!verdict.ok) throw new VerificationError(verdict.rejection, exchange);
    return {
      verdict,
      exchange,
      rttMicros: world.monoMicros - sentAt,
      receivedAt: world.now(),
      address: `${address.host}:${address.port}`,
      transport: "udp",
    } satisfies Answer;
  };
}

/** An answer that nobody signed: for what looks at claims alone, thousands of times. */
export function claim(
  question: Question,
  world: World,
  sentAt: bigint,
  { midpointMicros, radiusMicros }: Moment,
): Answer {
  const { publicKey, nonce, address } = question;
  const verdict = {
    ok: true,
    dialect: "rfc-10049",
    version: 1,
    versions: [1],
    midpointMicros,
    radiusMicros,
    delegation: {
      publicKey,
      notBeforeMicros: 0n,
      notAfterMicros: midpointMicros + YEAR,
    },
    index: 0,
    pathLength: 0,
    pathOrder: "hash-first",
    spelling: { delegation: "rfc", response: "rfc" },
  } as const;
  return {
    verdict,
    exchange: { request: nonce, response: nonce, publicKey },
    rttMicros: world.monoMicros - sentAt,
    receivedAt: world.now(),
    address: `${address.host}:${address.port}`,
    transport: question.transport === "tcp" ? "tcp" : "udp",
  };
}
