/**
 * The responder decides: a batch of request packets in, a reply or a reason for silence
 * out, in the same order. It moves no bytes and knows no clock.
 *
 * Requests are grouped by (key, version, TYPE) and each group gets one tree and one
 * signature, since SREP names the version and one SREP must not speak for two.
 *
 * @module
 */

import { checkResponderOptions } from "./check_options.ts";
import { signedBytes } from "../wire/certificate.ts";
import { hashOf } from "../crypto/hash.ts";
import { SIGNATURE_BYTES } from "../crypto/ed25519.ts";
import {
  ALIASES,
  type Dialect,
  dialectFor,
  formatVersion,
  GOOGLE_VERSION,
  selectVersion,
  SERVER_VERSIONS,
} from "../wire/dialect.ts";
import { type DropReason, dropReasonFor } from "./drop_reason.ts";
import { chooseGrease, grease, type Random } from "./grease.ts";
import { leavesFor } from "./even_tree.ts";
import { type Identity, type Keyring, refusalAt } from "./keyring.ts";
import { spellingOf } from "../wire/certificate.ts";
import { buildTree, leafHash } from "../crypto/merkle.ts";
import {
  type ParsedRequest,
  parseRequest,
  REQUEST_BYTES,
} from "../wire/request.ts";
import {
  buildSrep,
  encodeResponse,
  responseEntries,
} from "../wire/response.ts";
import { TAG } from "../wire/tag.ts";

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
  /**
   * RADI, in microseconds. It is what the server claims, so it must cover its own error and
   * the part of a second that most versions cut off the midpoint.
   */
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
  /**
   * How many requests per call are answered in versions whose signature is for one request
   * only, drafts 01 and 02. Each costs as much as a batch, so that a flood of them would
   * leave nothing for the others; beyond this many they are dropped.
   *
   * @default {8}
   */
  readonly singleBudget?: number | undefined;
  /** Told of every signature: how many requests it answers, and in which version. */
  readonly onBatch?: ((version: number, size: number) => void) | undefined;
  /** Told what a signer threw. */
  readonly onSignerFailure?: ((error: unknown) => void) | undefined;
}

/** What {@linkcode Responder.respond} may be told about a batch. */
export interface BatchOptions {
  /**
   * How the packets came. Over TCP a short request is looked at too, and its reply may have
   * 1024 bytes whatever it has; Google's protocol does not exist there.
   *
   * @default {"udp"}
   */
  readonly transport?: "udp" | "tcp" | undefined;
  /** Refuses requests that could be answered; gets the packet's position too. */
  readonly accept?:
    | ((request: ParsedRequest, position: number) => boolean)
    | undefined;
  /** Rewrites replies, or withholds them by giving nothing. */
  readonly rewrite?:
    | ((reply: Uint8Array, request: ParsedRequest) => Uint8Array | undefined)
    | undefined;
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

/** See `singleBudget`. */
export const SINGLE_BUDGET = 8;

/**
 * Never more than was asked with (section 9.7), whoever wrote it: else others could be
 * flooded through us. A TCP peer has proven that it is where it says by its handshake, so
 * that nobody else can be sent anything, and short requests cost it no answer there.
 */
function longestReply(request: Uint8Array, transport: "udp" | "tcp"): number {
  return transport === "tcp"
    ? Math.max(request.length, REQUEST_BYTES)
    : request.length;
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
   * @throws {RangeError} If a version is not one of those that can be answered, or a number
   *   is out of range.
   */
  constructor(options: ResponderOptions) {
    checkResponderOptions(options);
    this.#options = options;
    this.#keyring = options.keyring;
    this.#versions = options.versions ?? ANSWERABLE;
    for (const code of this.#versions) {
      if (!ANSWERABLE.includes(code)) {
        throw new RangeError(
          `Cannot answer version ${formatVersion(code)}: it is not known`,
        );
      }
    }
    this.#listed = SERVER_VERSIONS.filter((code) =>
      this.#versions.includes(code)
    );
    this.#maxBatch = options.maxBatch ?? 256;
  }

  /**
   * Answers a batch.
   *
   * @param packets Datagrams as received; they are only read.
   * @param moment The time, taken after the last of them came in.
   * @param options How they came, and hooks.
   * @returns One outcome for each packet, in order.
   */
  async respond(
    packets: readonly Uint8Array[],
    moment: Moment,
    options: BatchOptions = {},
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const groups = new Map<string, Group>();
    let single = this.#options.singleBudget ?? SINGLE_BUDGET;
    packets.forEach((packet, index) => {
      const placed = this.#place(packet, moment, options.transport ?? "udp");
      if (typeof placed === "string") {
        outcomes[index] = { drop: placed };
        return;
      }
      if (options.accept && !options.accept(placed.request, index)) {
        outcomes[index] = { drop: "refused" };
        return;
      }
      const { identity, dialect, version, request } = placed;
      // As they come, which is how the fast responder counts them too.
      if (dialect.batches === "one" && single-- <= 0) {
        outcomes[index] = { drop: "budget" };
        return;
      }
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
          options,
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
    transport: "udp" | "tcp",
  ):
    | DropReason
    | {
      identity: Identity;
      dialect: Dialect;
      version: number;
      request: ParsedRequest;
    } {
    // Answering less is allowed, but would let others be flooded through us (section 9.7).
    if (transport === "udp" && packet.length < REQUEST_BYTES) {
      return "undersize";
    }
    const parsed = parseRequest(packet);
    if (!parsed.ok) return dropReasonFor(parsed.rejection);
    const { request } = parsed;
    if (transport === "tcp" && !request.framed) return "framing";
    // A reply in disguise: two servers must not talk to each other forever.
    if (request.message.has(TAG.SREP)) return "type";
    const version = request.framed
      ? selectVersion(request.versions, {
        supported: this.#versions,
        nonceSize: request.nonce.length,
        typed: request.typed,
        preferRfc: this.#options.preferRfc ?? false,
      })
      : GOOGLE_VERSION;
    const dialect = version === undefined ||
        (!request.framed && !this.#versions.includes(version))
      ? undefined
      : dialectFor(version, { typed: request.typed });
    if (version === undefined || dialect === undefined) return "version";
    if (request.nonce.length !== dialect.nonceSize) return "nonce";
    const identity = this.#keyring.select(
      dialect.srv === "heeded" ? request.srv : undefined,
    );
    if (identity === undefined) return "srv";
    const { midpointMicros, radiusMicros } = moment;
    return refusalAt(identity, dialect, midpointMicros, radiusMicros) ??
      { identity, dialect, version, request };
  }

  /** One tree, one signature, many replies. */
  async #answer(
    group: Group,
    moment: Moment,
    outcomes: Outcome[],
    options: BatchOptions,
  ): Promise<void> {
    const { identity, dialect, version, slots } = group;
    const [first] = slots as [Slot];
    const hash = hashOf(dialect.hash);
    const leaves = slots.map(({ request }) =>
      leafHash(
        hash,
        dialect.leaf === "packet" ? request.packet : request.nonce,
      )
    );
    const filler = leaves.at(-1) as Uint8Array<ArrayBuffer>;
    const wanted = leavesFor(dialect, leaves.length);
    while (leaves.length < wanted) leaves.push(filler);
    const tree = buildTree(hash, leaves);
    const srep = buildSrep({
      dialect,
      version,
      versions: this.versionsWith(version),
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
      if (signature.length !== SIGNATURE_BYTES) {
        throw new RangeError(`Signer gave ${signature.length} bytes`);
      }
    } catch (error) {
      // An outside signer may fail; that costs this group its answer, no more.
      this.#options.onSignerFailure?.(error);
      for (const { index } of slots) outcomes[index] = { drop: "internal" };
      return;
    }
    this.#options.onBatch?.(version, slots.length);
    const certificate = this.#keyring.certificateFor(identity, dialect);
    slots.forEach(({ index, request }, i) => {
      const original = this.#encode(dialect, {
        dialect,
        version,
        signature,
        srep,
        certificate,
        nonce: request.nonce,
        path: tree.path(i),
        index: i,
      });
      const { rewrite } = options;
      const reply = rewrite ? rewrite(original, request) : original;
      const most = longestReply(request.packet, options.transport ?? "udp");
      outcomes[index] = reply === undefined
        ? { drop: "refused" }
        : reply.length > most
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

  /**
   * VERS, which must contain the version answered in, even if that is an alias.
   *
   * @param version The version answered in.
   */
  versionsWith(version: number): readonly number[] {
    return ALIASES.includes(version)
      ? [...this.#listed, version].sort((a, b) => a - b)
      : this.#listed;
  }
}
