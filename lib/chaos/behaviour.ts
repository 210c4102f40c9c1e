/**
 * The ways in which a chaos server misbehaves, and what has to come of each.
 *
 * @module
 */

import { type Dialect, type DialectId, DIALECTS } from "../wire/dialect.ts";
import type { Peer } from "../net/datagram.ts";
import type { RejectionCode } from "../wire/rejection.ts";
import { type ParsedRequest, REQUEST_BYTES } from "../wire/request.ts";
import type { TagName } from "../wire/tag.ts";

/** Whom a behaviour concerns, and from when on. */
export interface When {
  /**
   * How many requests are answered honestly before it begins, counted from the moment at
   * which the server was told to behave so.
   *
   * @default {0}
   */
  readonly from?: number | undefined;
  /** Picks the requests that it concerns; the peer is known on the network only. */
  readonly only?:
    | ((request: ParsedRequest, peer: Peer | undefined) => boolean)
    | undefined;
  /**
   * The fraction of those requests that it befalls, by the server's seeded chance.
   *
   * @default {1}
   */
  readonly share?: number | undefined;
}

/** One of the two signatures: the online key's over SREP, the long-term key's over DELE. */
export type Signed = "SREP" | "DELE";

/** What a server may get wrong. Where nothing else is said, all signatures are valid. */
export type Misdeed =
  /** Tells a time that is off, under a delegation that covers it. */
  | { readonly kind: "lie"; readonly offsetMicros: bigint }
  /** Claims another radius, in microseconds; 0 too. */
  | { readonly kind: "radius"; readonly radiusMicros: bigint }
  /** MIDP is not a time of day, in the dialects where that is possible. */
  | { readonly kind: "bad-time" }
  /** Signs as if it were the other of the two documents. */
  | { readonly kind: "wrong-context"; readonly signature: Signed }
  /** Signs with a key that nobody vouches for. */
  | { readonly kind: "wrong-key"; readonly signature: Signed }
  /** Signs with an online key before or after its time. */
  | { readonly kind: "delegation"; readonly window: "expired" | "future" }
  /** Answers in a version that the request did not offer, or that does not exist. */
  | { readonly kind: "version"; readonly choose: "not-offered" | "unknown" }
  /** Lists its versions in a way that is not allowed; from draft 12 on. */
  | {
    readonly kind: "versions";
    readonly list: "empty" | "unsorted" | "too-many" | "lacks-chosen";
  }
  /** PATH has 33 hashes, or a hash and 4 bytes more than it should. */
  | { readonly kind: "path"; readonly fault: "too-long" | "ragged" }
  /** INDX has a bit above the depth of the tree. */
  | { readonly kind: "index-bits" }
  /** TYPE says that this is no reply. */
  | { readonly kind: "type"; readonly type: number }
  /** Leaves out a tag, wherever it stands; SIG is the one on top. */
  | { readonly kind: "missing-tag"; readonly tag: TagName }
  /** Adds a tag that nobody has defined. */
  | { readonly kind: "undefined-tag" }
  /** Makes the reply as long as the request, the longest that is allowed. */
  | { readonly kind: "fill" }
  /** Repeats an answer given before, to somebody else. */
  | { readonly kind: "replay" }
  /** Gives the answer to another client's request, on top with this client's nonce or not. */
  | { readonly kind: "foreign-nonce"; readonly disguised?: boolean | undefined }
  /** Turns over a bit of a part, or one anywhere by chance. */
  | {
    readonly kind: "corrupt";
    readonly part?:
      | "SIG"
      | "CERT"
      | "PUBK"
      | "MIDP"
      | "ROOT"
      | "NONC"
      | undefined;
  }
  /** Leaves out so many bytes at the end, one if nothing is said. */
  | { readonly kind: "truncate"; readonly bytes?: number | undefined }
  /** Adds so many bytes at the end, four if nothing is said. */
  | { readonly kind: "append"; readonly bytes?: number | undefined }
  /** The frame announces four bytes more than follow. */
  | { readonly kind: "frame-length" }
  /** Sends each reply so many times in all, twice if nothing is said. */
  | { readonly kind: "duplicate"; readonly copies?: number | undefined }
  /** Holds a reply back. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Sends the replies to a batch in reverse; with `delay` and `share`, across batches too. */
  | { readonly kind: "reorder" }
  /** Answers from a port that was not asked. */
  | { readonly kind: "other-port" }
  /** Does not answer. */
  | { readonly kind: "silence" };

/** A misdeed and when to do it. */
export type Behaviour = When & Misdeed;

/**
 * What a client has to make of a reply: a code of the verifier, or
 * - `accepted`: it verifies, and says what the behaviour makes it say;
 * - `unaffected`: the dialect has no such thing, so the reply is the honest one;
 * - `unharmed`: any code, or it verifies and says what the honest one says;
 * - `silence`: nothing arrives that may be looked at; `late`: it arrives later.
 */
export type Expectation =
  | RejectionCode
  | "accepted"
  | "unaffected"
  | "unharmed"
  | "silence"
  | "late";

/** A behaviour with a name, and what has to come of it. */
export interface KnownBehaviour {
  /** Stable, in kebab-case; different for each. */
  readonly name: string;
  /** What the server does. */
  readonly behaviour: Behaviour;
  /** What has to come of it. */
  readonly expect: Expectation;
  /** What has to come of it in some dialects instead. */
  readonly except: Readonly<Partial<Record<DialectId, Expectation>>>;
  /** The least size of a request to which such a reply is sent, none being longer. */
  readonly requestBytes: number;
}

function where(
  expect: Expectation,
  holds: (dialect: Dialect) => boolean,
): Partial<Record<DialectId, Expectation>> {
  return Object.fromEntries(
    Object.values(DIALECTS).filter(holds).map(({ id }) => [id, expect]),
  );
}

function known(
  name: string,
  behaviour: Behaviour,
  expect: Expectation,
  except: KnownBehaviour["except"] = {},
  requestBytes: number = REQUEST_BYTES,
): KnownBehaviour {
  return { name, behaviour, expect, except, requestBytes };
}

const HOUR_MICROS = 3_600_000_000n;
const UNVERSIONED = where(
  "unaffected",
  ({ versionEcho }) => versionEcho === "none",
);
const UNLISTED = where(
  "unaffected",
  ({ versionEcho }) => versionEcho !== "srep",
);
const UNFRAMED = (expect: Expectation) =>
  where(expect, ({ framed }) => !framed);

function listed(
  list: (Misdeed & { kind: "versions" })["list"],
): KnownBehaviour {
  const behaviour = { kind: "versions", list } as const;
  return known(`versions-${list}`, behaviour, "versions-list", UNLISTED);
}

function missing(
  tag: TagName,
  except: KnownBehaviour["except"] = {},
): KnownBehaviour {
  const behaviour = { kind: "missing-tag", tag } as const;
  return known(
    `missing-${tag.toLowerCase()}`,
    behaviour,
    "tag-missing",
    except,
  );
}

/** Every behaviour, with settings that show it, and what has to come of it. */
export const BEHAVIOURS: readonly KnownBehaviour[] = [
  known("lie-ahead", { kind: "lie", offsetMicros: HOUR_MICROS }, "accepted"),
  known(
    "lie-behind",
    { kind: "lie", offsetMicros: -HOUR_MICROS * 24n },
    "accepted",
  ),
  known(
    "radius-zero",
    { kind: "radius", radiusMicros: 0n },
    "radius-zero",
    where("accepted", ({ leastRadiusSeconds }) => leastRadiusSeconds === 0),
  ),
  known(
    "radius-wide",
    { kind: "radius", radiusMicros: HOUR_MICROS },
    "accepted",
  ),
  known(
    "bad-time",
    { kind: "bad-time" },
    "unaffected",
    where("timestamp-invalid", ({ time }) => time === "mjd-micros"),
  ),
  known(
    "wrong-context-srep",
    { kind: "wrong-context", signature: "SREP" },
    "response-signature",
  ),
  known(
    "wrong-context-dele",
    { kind: "wrong-context", signature: "DELE" },
    "certificate-signature",
  ),
  known(
    "wrong-online-key",
    { kind: "wrong-key", signature: "SREP" },
    "response-signature",
  ),
  known(
    "wrong-long-term-key",
    { kind: "wrong-key", signature: "DELE" },
    "certificate-signature",
  ),
  known(
    "delegation-expired",
    { kind: "delegation", window: "expired" },
    "outside-delegation",
  ),
  known(
    "delegation-future",
    { kind: "delegation", window: "future" },
    "outside-delegation",
  ),
  known(
    "version-not-offered",
    { kind: "version", choose: "not-offered" },
    "version-not-offered",
    UNVERSIONED,
  ),
  known(
    "version-unknown",
    { kind: "version", choose: "unknown" },
    "version-unknown",
    UNVERSIONED,
  ),
  listed("empty"),
  listed("unsorted"),
  listed("too-many"),
  listed("lacks-chosen"),
  // 33 hashes of 64 bytes and the rest of a reply of Google's.
  known(
    "path-too-long",
    { kind: "path", fault: "too-long" },
    "path-too-long",
    {},
    2600,
  ),
  known("path-ragged", { kind: "path", fault: "ragged" }, "length-wrong"),
  known("index-bits", { kind: "index-bits" }, "index-bits"),
  known("type-request", { kind: "type", type: 0 }, "type-wrong"),
  known("type-unknown", { kind: "type", type: 2 }, "type-wrong"),
  missing("SIG"),
  missing("PATH"),
  missing("SREP"),
  missing("CERT"),
  missing("INDX"),
  missing(
    "NONC",
    where("accepted", ({ nonceEcho }) => nonceEcho === "optional"),
  ),
  // Drafts 12 to 19 share a number, and up to 13 there was no TYPE.
  missing("TYPE", {
    ...where("unaffected", ({ type }) => type === "none"),
    "draft-14": "accepted",
  }),
  missing("VER", UNVERSIONED),
  missing("VERS", UNLISTED),
  missing("RADI"),
  missing("MIDP"),
  missing("ROOT"),
  missing("DELE"),
  missing("PUBK"),
  missing("MINT"),
  missing("MAXT"),
  known("undefined-tag", { kind: "undefined-tag" }, "accepted"),
  known("fill", { kind: "fill" }, "accepted"),
  known("replay", { kind: "replay" }, "nonce-mismatch"),
  known("foreign-nonce", { kind: "foreign-nonce" }, "nonce-mismatch"),
  known(
    "foreign-nonce-disguised",
    { kind: "foreign-nonce", disguised: true },
    "merkle-root",
  ),
  known("corrupt-any", { kind: "corrupt" }, "unharmed"),
  known("corrupt-sig", { kind: "corrupt", part: "SIG" }, "response-signature"),
  known(
    "corrupt-cert",
    { kind: "corrupt", part: "CERT" },
    "certificate-signature",
  ),
  known(
    "corrupt-pubk",
    { kind: "corrupt", part: "PUBK" },
    "certificate-signature",
  ),
  known(
    "corrupt-midp",
    { kind: "corrupt", part: "MIDP" },
    "response-signature",
  ),
  known("corrupt-root", { kind: "corrupt", part: "ROOT" }, "merkle-root"),
  known("corrupt-nonc", { kind: "corrupt", part: "NONC" }, "nonce-mismatch"),
  known("truncate", { kind: "truncate" }, "malformed"),
  known("append", { kind: "append" }, "malformed", UNFRAMED("length-wrong")),
  known(
    "frame-length",
    { kind: "frame-length" },
    "malformed",
    UNFRAMED("unaffected"),
  ),
  known("duplicate", { kind: "duplicate" }, "accepted"),
  known("delay", { kind: "delay", delayMs: 60_000 }, "late"),
  known("reorder", { kind: "reorder" }, "accepted"),
  known("other-port", { kind: "other-port" }, "silence"),
  known("silence", { kind: "silence" }, "silence"),
];

/**
 * What has to come of a behaviour in one dialect.
 *
 * @example
 * ```ts
 * import { BEHAVIOURS, expectationOf } from "@roughly/roughly/chaos";
 * import assert from "node:assert/strict";
 *
 * const zero = BEHAVIOURS.find(({ name }) => name === "radius-zero")!;
 * assert.equal(expectationOf(zero, "rfc-10049"), "radius-zero");
 * assert.equal(expectationOf(zero, "google"), "accepted");
 * ```
 *
 * @param known One of {@linkcode BEHAVIOURS}.
 * @param dialect How the client asks.
 */
export function expectationOf(
  known: KnownBehaviour,
  dialect: DialectId,
): Expectation {
  return known.except[dialect] ?? known.expect;
}
