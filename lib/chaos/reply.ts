/**
 * Replies that a server with all its keys can get wrong: a good one is opened, changed and
 * sealed again, with signatures over whatever it says now.
 *
 * @module
 */

import {
  encodeUint32s,
  encodeUint64,
  readUint32,
  writeUint32,
} from "../wire/uint.ts";
import {
  type SignatureRole,
  signedBytes,
  type Spelling,
} from "../wire/certificate.ts";
import type { Misdeed } from "./behaviour.ts";
import { HASH_BYTES } from "../crypto/hash.ts";
import type { Signer } from "../crypto/ed25519.ts";
import {
  ALIASES,
  type Dialect,
  dialectFor,
  MAX_VERSIONS,
  SERVER_VERSIONS,
} from "../wire/dialect.ts";
import { frame, FRAME_BYTES, isFramed } from "../wire/frame.ts";
import { entriesOf, put, valueIn, without } from "../wire/loose.ts";
import { encodedSize, encodeMessage, type Entry } from "../wire/message.ts";
import { MAX_PATH } from "../crypto/merkle.ts";
import type { ParsedRequest } from "../wire/request.ts";
import { parseResponse } from "../wire/response.ts";
import { TAG } from "../wire/tag.ts";
import {
  decodeTimestamp,
  encodeTimestamp,
  fits,
  radiusFits,
  radiusFromMicros,
  toPlausible,
} from "../wire/timestamp.ts";

/** The keys that {@linkcode misstate} signs with. */
export interface ChaosKeys {
  /** The key that clients know. */
  readonly longTerm: Signer;
  /** Certified anew in each reply that needs it. */
  readonly online: Signer;
  /** Vouched for by nobody. */
  readonly stranger: Signer;
  /** How the server spells the contexts. */
  readonly spellingOf: (dialect: Dialect) => Spelling;
}

/** A reply in pieces. */
interface Draft {
  readonly dialect: Dialect;
  readonly request: ParsedRequest;
  readonly signer: Record<"SREP" | "DELE", Signer>;
  readonly role: Record<"SREP" | "DELE", SignatureRole>;
  /** Left out at the end, where signatures no longer care. */
  readonly missing: Set<number>;
  /** All tags on top but SIG, SREP and CERT. */
  top: Entry[];
  srep: Entry[];
  dele: Entry[];
  /** Grow the reply to this size. */
  sizeBytes: number;
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/**
 * Writes a good reply anew with some misdeeds in it. Those that concern only the sending
 * or the finished bytes change nothing here.
 *
 * @param reply A reply of this server's.
 * @param request What it is sent to; if it answers another request, that is a misdeed too.
 * @param misdeeds What to get wrong, all together.
 * @param keys Signs.
 * @returns The packet; the reply itself if it cannot be read.
 */
export async function misstate(
  reply: Uint8Array,
  request: ParsedRequest,
  misdeeds: readonly Misdeed[],
  keys: ChaosKeys,
): Promise<Uint8Array> {
  const parsed = parseResponse(reply, { framed: request.framed });
  if (!parsed.ok) return reply;
  const { response: { srep, certificate, dialect } } = parsed;
  const message = request.framed ? reply.subarray(FRAME_BYTES) : reply;
  const draft: Draft = {
    dialect,
    request,
    signer: { SREP: keys.online, DELE: keys.longTerm },
    role: { SREP: "response", DELE: "delegation" },
    missing: new Set(),
    top: without(entriesOf(message), TAG.SIG, TAG.SREP, TAG.CERT),
    srep: entriesOf(srep),
    dele: put(entriesOf(certificate.dele), TAG.PUBK, keys.online.publicKey),
    sizeBytes: 0,
  };
  const changes = misdeeds.map((misdeed) => change(draft, misdeed, keys));
  return changes.includes(true) ? await seal(draft, keys) : reply;
}

/** Does one misdeed. Says whether there was anything to do. */
function change(draft: Draft, misdeed: Misdeed, keys: ChaosKeys): boolean {
  const { dialect: { time, hash, versionEcho } } = draft;
  const inSrep = (tag: number, value: Uint8Array) => {
    draft.srep = put(draft.srep, tag, value);
    return true;
  };
  const onTop = (tag: number, value: Uint8Array) => {
    draft.top = put(draft.top, tag, value);
    return true;
  };
  switch (misdeed.kind) {
    case "lie":
      shift(draft, "MIDP", misdeed.offsetMicros);
      shift(draft, "MINT", misdeed.offsetMicros);
      shift(draft, "MAXT", misdeed.offsetMicros);
      return true;
    case "radius": {
      const { radiusMicros } = misdeed;
      const radius = radiusFits(time, radiusMicros)
        ? radiusFromMicros(time, radiusMicros)
        : radiusMicros < 0n
        ? 0
        : 0xffffffff;
      return inSrep(TAG.RADI, encodeUint32s([radius]));
    }
    case "bad-time":
      return time === "mjd-micros" &&
        inSrep(TAG.MIDP, encodeUint64((1n << 40n) - 1n));
    case "wrong-context":
      draft.role[misdeed.signature] = misdeed.signature === "SREP"
        ? "delegation"
        : "response";
      return true;
    case "wrong-key":
      draft.signer[misdeed.signature] = keys.stranger;
      return true;
    case "delegation": {
      const ahead = misdeed.window === "future";
      const year = 365n * 86_400_000_000n;
      shift(draft, "MINT", ahead ? year : -year);
      shift(draft, "MAXT", ahead ? year : -year);
      return true;
    }
    case "version": {
      if (versionEcho === "none") return false;
      const version = misdeed.choose === "unknown"
        ? UNKNOWN
        : notOffered(draft);
      const value = encodeUint32s([version]);
      if (versionEcho === "top") return onTop(TAG.VER, value);
      inSrep(TAG.VERS, value);
      return inSrep(TAG.VER, value);
    }
    case "versions":
      return versionEcho === "srep" &&
        inSrep(TAG.VERS, encodeUint32s(wrongList(draft, misdeed.list)));
    case "path": {
      const bytes = HASH_BYTES[hash];
      const { length } = valueIn(draft.top, TAG.PATH) ?? [];
      return onTop(
        TAG.PATH,
        new Uint8Array(
          misdeed.fault === "too-long"
            ? (MAX_PATH + 1) * bytes
            : (length ?? 0) + bytes + 4,
        ),
      );
    }
    case "index-bits": {
      const index = readUint32(valueIn(draft.top, TAG.INDX) as Uint8Array, 0);
      return onTop(TAG.INDX, encodeUint32s([(index | 0x80000000) >>> 0]));
    }
    case "type":
      return onTop(TAG.TYPE, encodeUint32s([misdeed.type]));
    case "missing-tag":
      return draft.missing.add(TAG[misdeed.tag]).size > 0;
    case "undefined-tag":
      // Made of letters as tags must be, and registered by nobody.
      return onTop(0x58585858, new Uint8Array(4));
    case "fill":
      draft.sizeBytes = draft.request.packet.length;
      return true;
    case "foreign-nonce":
      if (!misdeed.disguised) return false;
      return draft.dialect.nonceEcho === "srep"
        ? inSrep(TAG.NONC, draft.request.nonce)
        : onTop(TAG.NONC, draft.request.nonce);
    default:
      return false;
  }
}

/** From the range for private use, where nobody offers anything. */
const UNKNOWN = 0xc0000001;

function shift(draft: Draft, name: "MIDP" | "MINT" | "MAXT", micros: bigint) {
  const { time } = draft.dialect;
  const part = name === "MIDP" ? "srep" : "dele";
  const value = valueIn(draft[part], TAG[name]) as Uint8Array;
  const known = decodeTimestamp(time, value);
  if (known === undefined) return;
  const wanted = known + micros;
  // A lie that the layout cannot hold becomes the nearest that it can.
  const told = fits(time, wanted) ? wanted : toPlausible(wanted);
  const shifted = encodeTimestamp(time, told);
  draft[part] = put(draft[part], TAG[name], shifted);
}

/** A version that reads just like the one in use and was not asked for. */
function notOffered({ dialect, request }: Draft): number {
  const typed = dialect.type === "required";
  return [...SERVER_VERSIONS, ...ALIASES].find((code) => {
    const other = dialectFor(code, { typed });
    return other !== undefined && !request.versions.includes(code) &&
      other.versionEcho === dialect.versionEcho &&
      other.type === dialect.type &&
      other.nonceEcho === dialect.nonceEcho && other.time === dialect.time &&
      other.nonceSize === dialect.nonceSize;
  }) ?? UNKNOWN;
}

function wrongList(
  draft: Draft,
  list: (Misdeed & { kind: "versions" })["list"],
): number[] {
  const chosen = readUint32(valueIn(draft.srep, TAG.VER) as Uint8Array, 0);
  switch (list) {
    case "empty":
      return [];
    case "unsorted":
      return [...SERVER_VERSIONS.filter((code) => code !== chosen), chosen]
        .sort((a, b) => b - a);
    case "too-many":
      return Array.from({ length: MAX_VERSIONS + 1 }, (_, i) => chosen + i);
    case "lacks-chosen":
      return SERVER_VERSIONS.filter((code) => code !== chosen);
  }
}

/** Signs and encodes what the draft says. */
async function seal(draft: Draft, keys: ChaosKeys): Promise<Uint8Array> {
  const { dialect, missing, signer, role, sizeBytes } = draft;
  const spelling = keys.spellingOf(dialect);
  const encode = (entries: readonly Entry[]) =>
    encodeMessage(without(entries, ...missing));
  const dele = encode(draft.dele);
  const srep = encode(draft.srep);
  const sign = (what: "SREP" | "DELE", value: Uint8Array) =>
    signer[what].sign(signedBytes(spelling, role[what], value));
  const cert = encodeMessage([
    [TAG.SIG, await sign("DELE", dele)],
    ...(missing.has(TAG.DELE) ? [] : [[TAG.DELE, dele] as const]),
  ]);
  const entries = without(
    [
      ...draft.top,
      [TAG.SIG, await sign("SREP", srep)],
      [TAG.SREP, srep],
      [TAG.CERT, cert],
    ],
    ...missing,
  );
  const overhead = dialect.framed ? FRAME_BYTES : 0;
  const empty: Entry = [TAG.ZZZZ, new Uint8Array(0)];
  const room = sizeBytes - overhead - encodedSize([...entries, empty]);
  if (room >= 0) entries.push([TAG.ZZZZ, new Uint8Array(room & ~3)]);
  const message = encodeMessage(entries);
  return dialect.framed ? frame(message) : message;
}

/**
 * Spoils the finished bytes, as a bad line would.
 *
 * @param reply A reply packet; it is only read.
 * @param misdeed What to do; what is not about bytes changes nothing.
 * @param random Chooses the bit where nothing else does.
 * @returns Another packet, or the same one.
 */
export function spoil(
  reply: Uint8Array,
  misdeed: Misdeed,
  random: () => number,
): Uint8Array {
  switch (misdeed.kind) {
    case "corrupt":
      return corrupt(reply, misdeed.part, random);
    case "truncate":
      return reply.slice(0, Math.max(0, reply.length - (misdeed.bytes ?? 1)));
    case "append": {
      const longer = new Uint8Array(reply.length + (misdeed.bytes ?? 4));
      longer.set(reply);
      return longer;
    }
    case "frame-length": {
      if (!isFramed(reply) || reply.length < FRAME_BYTES) return reply;
      const copy = Uint8Array.from(reply);
      writeUint32(copy, 8, readUint32(copy, 8) + 4);
      return copy;
    }
    default:
      return reply;
  }
}

function corrupt(
  reply: Uint8Array,
  part: (Misdeed & { kind: "corrupt" })["part"],
  random: () => number,
): Uint8Array {
  const copy = Uint8Array.from(reply);
  const parsed = parseResponse(copy, { framed: isFramed(copy) });
  // What is parsed are views, so that a bit turned over in them is one in the copy.
  const views = parsed.ok
    ? {
      SIG: parsed.response.signature,
      CERT: parsed.response.certificate.signature,
      PUBK: parsed.response.certificate.delegation.publicKey,
      MIDP: valueIn(entriesOf(parsed.response.srep), TAG.MIDP),
      ROOT: parsed.response.root,
      NONC: parsed.response.nonce,
    }
    : undefined;
  const view = part && views?.[part];
  const [target, bit] = isDefined(view)
    ? [view, 0]
    : [copy, Math.floor(random() * 8 * copy.length)];
  target[bit >> 3] = (target[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
