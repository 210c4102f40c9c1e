/**
 * The responder decides: a batch of request packets in, a reply or a reason for silence
 * out, in the same order. It moves no bytes and knows no clock.
 *
 * Requests are grouped by (key, version, TYPE) and each group gets one tree and one
 * signature, since SREP names the version and one SREP must not speak for two.
 *
 * @module
 */

import { signedBytes } from "./certificate.ts";
import { hashOf } from "./crypto.ts";
import {
  ALIASES,
  type Dialect,
  dialectFor,
  GOOGLE_VERSION,
  selectVersion,
  SERVER_VERSIONS,
} from "./dialect.ts";
import { chooseGrease, grease, type Random } from "./grease.ts";
import { type Identity, type Keyring, spellingOf } from "./keyring.ts";
import { buildTree, leafHash } from "./merkle.ts";
import type { Rejection } from "./rejection.ts";
import { type ParsedRequest, parseRequest, REQUEST_BYTES } from "./request.ts";
import { buildSrep, encodeResponse, responseEntries } from "./response.ts";
import { TAG } from "./tag.ts";

/**
 * Why a request stays unanswered. There are no error replies (RFC 10049, section 5.2):
 * whoever could forge one could keep clients from ever trusting a server.
 */
export type DropReason =
  | "undersize"
  | "framing"
  | "parse"
  | "type"
  | "version"
  | "nonce"
  | "srv"
  | "delegation"
  | "amplification"
  | "internal";

/** Every {@linkcode DropReason}. */
export const DROP_REASONS: readonly DropReason[] = [
  "undersize",
  "framing",
  "parse",
  "type",
  "version",
  "nonce",
  "srv",
  "delegation",
  "amplification",
  "internal",
];

/** What becomes of one request. */
export type Outcome =
  | {
    readonly reply: Uint8Array;
    /** The version answered in. */
    readonly version: number;
  }
  | { readonly drop: DropReason };

/** What the server says about the time when it answers a batch. */
export interface Moment {
  /** MIDP, in microseconds since 1970. */
  readonly midpointMicros: bigint;
  /** RADI, in microseconds; must cover the server's own error. */
  readonly radiusMicros: bigint;
}

/** Options of {@linkcode Responder}. */
export interface ResponderOptions {
  /** Keys to sign with. */
  readonly keyring: Keyring;
  /**
   * Versions to answer, ascending; Google's protocol too if `GOOGLE_VERSION` is among them.
   *
   * @default {All of them}
   */
  readonly versions?: readonly number[] | undefined;
  /**
   * Answer 1 rather than 0x8000000c where both are offered.
   *
   * @default {false}
   */
  readonly preferRfc?: boolean | undefined;
  /**
   * Fraction of replies to spoil, see `grease.ts`.
   *
   * @default {0}
   */
  readonly greaseProbability?: number | undefined;
  /** Source of chance for grease. */
  readonly random?: Random | undefined;
  /**
   * Most requests under one signature. 512 keeps the longest reply, Google's, below 1024 bytes.
   *
   * @default {256}
   */
  readonly maxBatch?: number | undefined;
  /**
   * How many old clients per call get a tree of their own. Some of them cope only with an
   * empty PATH; beyond this many they share one like everybody.
   *
   * @default {8}
   */
  readonly soloBudget?: number | undefined;
  /** Told of every signature: how many requests it answers, and in which version. */
  readonly onBatch?: ((version: number, size: number) => void) | undefined;
}

interface Slot {
  readonly index: number;
  readonly request: ParsedRequest;
}

interface Group {
  readonly identity: Identity;
  readonly dialect: Dialect;
  readonly version: number;
  readonly slots: Slot[];
}

/** Every version this package can answer. */
export const ANSWERABLE: readonly number[] = [
  ...SERVER_VERSIONS,
  GOOGLE_VERSION,
];

function dropReason(rejection: Rejection): DropReason {
  switch (rejection.code) {
    case "malformed":
      return rejection.fault.code.startsWith("frame-") ? "framing" : "parse";
    case "type-wrong":
      return "type";
    case "versions-list":
      return "version";
    case "length-wrong":
      return rejection.tag === TAG.NONC ? "nonce" : "parse";
    default:
      return "parse";
  }
}

/** Answers batches of requests. */
export class Responder {
  readonly #keyring: Keyring;
  readonly #versions: readonly number[];
  readonly #listed: readonly number[];
  readonly #options: ResponderOptions;
  readonly #maxBatch: number;

  /**
   * Makes a responder.
   *
   * @param options Keys and choices.
   */
  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#keyring = options.keyring;
    this.#versions = options.versions ?? ANSWERABLE;
    this.#listed = this.#versions.filter((code) => code !== GOOGLE_VERSION)
      .sort((a, b) => a - b);
    this.#maxBatch = options.maxBatch ?? 256;
  }

  /**
   * Answers a batch.
   *
   * @param packets Datagrams as received; they are only read.
   * @param moment The time, taken after the last of them came in.
   * @returns One outcome for each packet, in order.
   */
  async respond(
    packets: readonly Uint8Array[],
    moment: Moment,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const groups = new Map<string, Group>();
    packets.forEach((packet, index) => {
      const placed = this.#place(packet, moment);
      if (typeof placed === "string") {
        outcomes[index] = { drop: placed };
        return;
      }
      const { identity, dialect, version, request } = placed;
      const key = `${
        this.#keyring.identities.indexOf(identity)
      }/${version}/${dialect.id}`;
      const group = groups.get(key) ??
        { identity, dialect, version, slots: [] };
      group.slots.push({ index, request });
      groups.set(key, group);
    });

    let solo = this.#options.soloBudget ?? 8;
    for (const group of groups.values()) {
      let next = 0;
      while (next < group.slots.length) {
        const alone = group.dialect.batches === "one" ||
          (group.dialect.type === "none" && solo-- > 0);
        const size = alone ? 1 : this.#maxBatch;
        await this.#answer(
          { ...group, slots: group.slots.slice(next, next + size) },
          moment,
          outcomes,
        );
        next += size;
      }
    }
    return outcomes;
  }

  /** Decides who answers a packet, and how; or why nobody does. */
  #place(
    packet: Uint8Array,
    moment: Moment,
  ):
    | DropReason
    | {
      identity: Identity;
      dialect: Dialect;
      version: number;
      request: ParsedRequest;
    } {
    // Answering less is allowed, but would let others be flooded through us (section 9.7).
    if (packet.length < REQUEST_BYTES) return "undersize";
    const parsed = parseRequest(packet);
    if (!parsed.ok) return dropReason(parsed.rejection);
    const { request } = parsed;
    // A reply in disguise: two servers must not talk to each other forever.
    if (request.message.has(TAG.SREP)) return "type";
    const version = request.framed
      ? selectVersion(request.versions, {
        supported: this.#versions,
        nonceSize: request.nonce.length,
        preferRfc: this.#options.preferRfc ?? false,
      })
      : GOOGLE_VERSION;
    const dialect = version === undefined ||
        (!request.framed && !this.#versions.includes(version))
      ? undefined
      : dialectFor(version, { typed: request.typed });
    if (version === undefined || dialect === undefined) return "version";
    if (request.nonce.length !== dialect.nonceSize) return "nonce";
    // Mandatory from draft 14 on; without it, 0x8000000c means drafts 12-13.
    if (dialect.type === "required" && !request.typed) return "type";
    const identity = this.#keyring.select(
      dialect.srv === "heeded" ? request.srv : undefined,
    );
    if (identity === undefined) return "srv";
    const { notBeforeMicros, notAfterMicros } = identity.online;
    const { midpointMicros } = moment;
    if (midpointMicros < notBeforeMicros || midpointMicros > notAfterMicros) {
      return "delegation";
    }
    return { identity, dialect, version, request };
  }

  /** One tree, one signature, many replies. */
  async #answer(
    group: Group,
    moment: Moment,
    outcomes: Outcome[],
  ): Promise<void> {
    const { identity, dialect, version, slots } = group;
    const [first] = slots as [Slot];
    const hash = hashOf(dialect.hash);
    const tree = buildTree(
      hash,
      slots.map(({ request }) =>
        leafHash(
          hash,
          dialect.leaf === "packet" ? request.packet : request.nonce,
        )
      ),
    );
    const srep = buildSrep({
      dialect,
      version,
      versions: this.#versionsWith(version),
      midpointMicros: moment.midpointMicros,
      radiusMicros: moment.radiusMicros,
      root: tree.root,
      nonce: first.request.nonce,
    });
    const spelling = spellingOf(dialect, this.#keyring.v1Context);
    let signature: Uint8Array;
    try {
      signature = await identity.online.signer.sign(
        signedBytes(spelling, "response", srep),
      );
    } catch {
      // An outside signer may fail; that costs this group its answer, no more.
      for (const { index } of slots) outcomes[index] = { drop: "internal" };
      return;
    }
    this.#options.onBatch?.(version, slots.length);
    const certificate = this.#keyring.certificateFor(identity, dialect);
    slots.forEach(({ index, request }, i) => {
      const reply = this.#encode(dialect, {
        dialect,
        version,
        signature,
        srep,
        certificate,
        nonce: request.nonce,
        path: tree.path(i),
        index: i,
      });
      outcomes[index] = reply.length > request.packet.length
        ? { drop: "amplification" }
        : { reply, version };
    });
  }

  #encode(
    dialect: Dialect,
    options: Parameters<typeof responseEntries>[0],
  ): Uint8Array {
    const entries = responseEntries(options);
    const { greaseProbability = 0, random } = this.#options;
    const kind = random && dialect.grease === "should"
      ? chooseGrease(greaseProbability, random)
      : undefined;
    return encodeResponse(
      dialect,
      kind && random ? grease(kind, entries, dialect, random) : entries,
    );
  }

  /** VERS must contain the version answered in, even if that is an alias. */
  #versionsWith(version: number): readonly number[] {
    return ALIASES.includes(version)
      ? [...this.#listed, version].sort((a, b) => a - b)
      : this.#listed;
  }
}
