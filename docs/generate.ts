/**
 * Regenerates what is derived from the code: `docs/dialects.md`, `docs/rejections.md`, the
 * tables of versions in the README and in `docs/interoperability.md`, the one in
 * `docs/chaos.md`, and the manual page `man/roughly.1`. A test holds the committed files to
 * it.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- a program that reports what it wrote
import { BEHAVIOURS } from "../lib/chaos/behaviour.ts";
import { buildProgram } from "../lib/cli/commands.ts";
import { readEntry } from "../lib/cli/manual/entry.ts";
import { manPage } from "../lib/cli/manual/man_page.ts";
import {
  ALIASES,
  type Dialect,
  dialectFor,
  DIALECTS,
  formatVersion,
  GOOGLE_VERSION,
  OFFERS,
} from "../lib/wire/dialect.ts";
import {
  explain,
  type Rejection,
  REJECTION_CODES,
  type RejectionCode,
  type WireFault,
  type WireFaultCode,
} from "../lib/wire/rejection.ts";
import { DROP_REASONS, type DropReason } from "../lib/server/drop_reason.ts";
import { ANSWERABLE } from "../lib/server/responder.ts";
import { TAG } from "../lib/wire/tag.ts";
import { bullets, page, paragraph, table } from "./_markdown.ts";

/** What tells dialects apart; the other cells are for people. */
type Property = Exclude<keyof Dialect, "id" | "title" | "spec" | "note">;

/** The columns of the matrix in their order. A new cell in the table must be described here. */
const PROPERTIES: Readonly<Record<Property, string>> = {
  code:
    "the number that stands for the version in VER; Google's protocol has none",
  framed: "do packets begin with `ROUGHTIM` and a length?",
  nonceSize: "bytes in NONC",
  padding:
    "the tag that fills the request; `PAD0` and `PADFF` end in the bytes 00 and ff",
  versionList:
    "rules for the versions offered: `none` where there is no list, `free` in any order, `ascending` without repeats and at most 32 long",
  srv:
    "does the server heed SRV, the hash of the key that the client expects, or is it ignored?",
  type: "must requests have TYPE 0 and replies TYPE 1?",
  hash:
    "what hashes leaves, nodes, ROOT and PATH: SHA-512, its first 32 bytes, or SHA-512/256 with its own initial values (FIPS 180-4)",
  leaf:
    "what a leaf is made of: a zero byte and the nonce, or a zero byte and the whole request packet",
  pathOrder:
    "the order that a verifier accepts where a bit of INDX is 0: the running hash on the left, or either way",
  time:
    "layout of MIDP, MINT and MAXT; RADI is in seconds exactly where these are, and else in microseconds",
  context:
    "the strings before what is signed: those that begin `RoughTime v1`, with the delegation's ending in two dashes (`dashed`) or not (`plain`), or the RFC text's `Roughtime v1` (`rfc`, where verifiers accept `plain` too)",
  nonceEcho:
    "where the reply repeats NONC: inside the signed SREP (`srep`), or on top, where it is `required` or `optional`",
  versionEcho:
    "where the reply says which version it speaks: nowhere (`none`), unsigned on `top`, or inside the signed SREP together with the list VERS (`srep`)",
  leastRadiusSeconds:
    "the least RADI that a server may claim; a verifier refuses 0 where this is not 0",
  leapSecond:
    "what becomes of a leap second: spread over a day (`smeared`), counted like the second after it (`repeated`), not said (`unsaid`), or covered by RADI (`in-radius`)",
  batches: "may one signature answer many requests, or one alone?",
  grease:
    "whether servers may or should spoil some replies on purpose; this one does so where they should",
  chain:
    "the nonce of a chained request: SHA-512 of the previous reply and a blind, cut to the nonce's size (`single-hash`), or of that reply's SHA-512 and a blind (`double-hash`)",
};

const ROWS: readonly Dialect[] = Object.values(DIALECTS);

function cell(dialect: Dialect, property: Property): string {
  const value = dialect[property];
  if (property === "code") {
    return value === GOOGLE_VERSION ? "none" : formatVersion(dialect.code);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

/** What a row changed, apart from its number. */
function changes(dialect: Dialect, before: Dialect): string[] {
  return (Object.keys(PROPERTIES) as Property[])
    .filter((name) => name !== "code" && dialect[name] !== before[name])
    .map((name) =>
      `${name}: \`${cell(dialect, name)}\` instead of \`${cell(before, name)}\``
    );
}

function history(dialect: Dialect, i: number): string[] {
  const before = ROWS[i - 1];
  const blocks = [
    `### ${dialect.title}`,
    paragraph(`${dialect.note} (\`${dialect.id}\`; ${dialect.spec})`),
  ];
  if (before === undefined) return blocks;
  const changed = changes(dialect, before);
  return changed.length === 0
    ? [...blocks, paragraph(`As ${before.title} but for the number.`)]
    : [...blocks, `Changed from ${before.title}:`, bullets(changed)];
}

/** `docs/dialects.md`. */
export function renderDialects(): string {
  const names = Object.keys(PROPERTIES) as Property[];
  return page([
    "# Dialects",
    paragraph(
      "Every way of speaking Roughtime that this package knows, oldest first. A dialect is behaviour and not the same as a number on the wire: one number may stand for two. This page is generated from the table in `lib/wire/dialect.ts` by `deno task docs`.",
    ),
    table(
      ["dialect", ...names],
      ROWS.map((row) => [row.title, ...names.map((name) => cell(row, name))]),
    ),
    "## Columns",
    bullets(names.map((name) => `**${name}**: ${PROPERTIES[name]}`)),
    "## Numbers",
    paragraph(
      `Some peers use ${
        ALIASES.map((code) => `\`${formatVersion(code)}\``).join(", ")
      } for the protocol of \`0x8000000c\`, though no draft assigns them; they are understood and never offered unasked. Server lists name Google's protocol by ${GOOGLE_VERSION}, which never goes on the wire.`,
    ),
    "A client that is told no version offers, until something answers:",
    OFFERS.map((offer, i) =>
      `${i + 1}. ${
        offer.map((code) =>
          code === GOOGLE_VERSION
            ? "Google's protocol"
            : `\`${formatVersion(code)}\``
        ).join(", ")
      }`
    ).join("\n"),
    "## What changed",
    ...ROWS.flatMap(history),
  ]);
}

type Sample<C extends RejectionCode> = Extract<Rejection, { code: C }>;

const BROKEN = "the server, or grease: ask again, then tell the operator";

/** One of each, to explain it. A new code must be added here. */
const SAMPLES: { readonly [C in RejectionCode]: Sample<C> } = {
  "malformed": {
    code: "malformed",
    document: "response",
    fault: { code: "tag-count", value: 1000, index: 0 },
  },
  "tag-missing": { code: "tag-missing", document: "SREP", tag: TAG.MIDP },
  "length-wrong": {
    code: "length-wrong",
    document: "response",
    tag: TAG.SIG,
    length: 60,
  },
  "type-wrong": { code: "type-wrong", document: "response", type: 0 },
  "version-unknown": { code: "version-unknown", version: 0xc0000000 },
  "version-misplaced": { code: "version-misplaced", version: 0x8000000b },
  "version-not-offered": { code: "version-not-offered", version: 0x8000000c },
  "version-ambiguous": { code: "version-ambiguous", version: 0x8000000b },
  "versions-list": {
    code: "versions-list",
    document: "SREP",
    fault: "lacks-chosen",
  },
  "nonce-mismatch": { code: "nonce-mismatch" },
  "radius-zero": { code: "radius-zero" },
  "timestamp-invalid": { code: "timestamp-invalid", tag: TAG.MIDP },
  "certificate-signature": { code: "certificate-signature" },
  "outside-delegation": {
    code: "outside-delegation",
    midpointMicros: 2n,
    notBeforeMicros: 0n,
    notAfterMicros: 1n,
  },
  "path-too-long": { code: "path-too-long", pathLength: 33 },
  "index-bits": { code: "index-bits", index: 8, pathLength: 3 },
  "merkle-root": { code: "merkle-root" },
  "response-signature": { code: "response-signature" },
};

/** Whose fault it is most often, and what to do. A new code must be added here. */
const MOST_OFTEN: Readonly<Record<RejectionCode, string>> = {
  "malformed": "something other than Roughtime listens there: check the port",
  "tag-missing": BROKEN,
  "length-wrong": BROKEN,
  "type-wrong": BROKEN,
  "version-unknown": "a server newer than this program: offer another version",
  "version-misplaced": BROKEN,
  "timestamp-invalid": BROKEN,
  "version-not-offered":
    "a server that does not heed what is offered: offer another version",
  "version-ambiguous": "an old server, or forgery: offer one version alone",
  "nonce-mismatch": "a late reply to another question, or forgery: ask again",
  "versions-list": BROKEN,
  "radius-zero": BROKEN,
  "certificate-signature":
    "a wrong key: get it anew from where the operator publishes it",
  "outside-delegation":
    "the operator forgot to renew the delegation, or the server's clock is wrong: tell the operator",
  "path-too-long": BROKEN,
  "index-bits": BROKEN,
  "merkle-root":
    "grease, forgery, or a server that hashes by another draft: ask again, or offer another version",
  "response-signature":
    "grease, forgery, or a server with another context string: ask again, then tell the operator",
};

const FAULTS: { readonly [C in WireFaultCode]: WireFault } = {
  "truncated": { code: "truncated", value: 20, index: 0 },
  "too-long": { code: "too-long", value: 70000, index: 0 },
  "tag-count": { code: "tag-count", value: 1000, index: 0 },
  "length-unaligned": { code: "length-unaligned", value: 1011, index: 0 },
  "offset-unaligned": { code: "offset-unaligned", value: 33, index: 1 },
  "offset-descending": { code: "offset-descending", value: 32, index: 2 },
  "offset-past-end": { code: "offset-past-end", value: 2000, index: 3 },
  "tag-order": { code: "tag-order", value: TAG.SIG, index: 2 },
  "tag-repeated": { code: "tag-repeated", value: TAG.NONC, index: 2 },
  "frame-magic": { code: "frame-magic", value: 416, index: 0 },
  "frame-length": { code: "frame-length", value: 1013, index: 0 },
};

const DROPS: Readonly<Record<DropReason, string>> = {
  "undersize":
    "The datagram is shorter than 1024 bytes; small requests would make a server useful for flooding others.",
  "framing":
    "The frame announces another length than that of what follows, or the datagram is longer than 2048 bytes.",
  "parse":
    "The message cannot be parsed, or a tag is missing or has a length that it cannot have.",
  "type": "TYPE is not 0, or the packet is a reply.",
  "version":
    "The list of versions breaks its rules, or names none that this server answers to such a request.",
  "nonce": "The nonce has a length that the version does not know.",
  "srv":
    "SRV names a key that is not this server's; or there is no SRV and the server has several keys.",
  "delegation":
    "The server's time lies outside the window for which its online key is certified.",
  "clock":
    "The system says that its clock may be off by more than the server is willing to claim.",
  "budget":
    "It needs a signature of its own (drafts 01 and 02), and a few others that came with it have used up what is spent on such.",
  "refused":
    "A server of your own making refused the request or withheld the reply.",
  "amplification":
    "The reply would be longer than the request; over TCP, longer than 1024 bytes too.",
  "write":
    "The system did not take the reply, or the connection it was for is gone.",
  "internal": "Signing failed, or something did that nobody foresaw.",
};

function code(word: string): string {
  return `\`${word}\``;
}

/** `docs/rejections.md`. */
export function renderRejections(): string {
  const rejections = REJECTION_CODES.map((name) => {
    const sample: Rejection = SAMPLES[name];
    const data = Object.keys(sample).filter((key) => key !== "code");
    return [
      code(name),
      data.map(code).join(", "),
      explain(sample),
      MOST_OFTEN[name],
    ];
  });
  const faults = Object.values(FAULTS).map((fault) => {
    const sentence = explain({
      code: "malformed",
      document: "response",
      fault,
    });
    return [code(fault.code), sentence];
  });
  const drops = DROP_REASONS.map((reason) => [code(reason), DROPS[reason]]);
  return page([
    "# Rejections",
    paragraph(
      "Why bytes are not believed, and why a server stays silent. The codes are stable: the same words stand in types, in JSON output and in tests. This page is generated from `lib/wire/rejection.ts` and `lib/server/responder.ts` by `deno task docs`.",
    ),
    "## Replies that prove nothing",
    paragraph(
      "In the order in which the checks are made, with the data that comes along and a sample of what `explain()` says. The last column guesses whose fault it is and what to do, where packets are not made to deceive; where a whole server fails, [no_answer.md](no_answer.md) goes by what is seen.",
    ),
    table(["code", "data", "sample", "most often"], rejections),
    "## Faults of layout",
    paragraph(
      "The `fault` of a `malformed` document; `value` is the offending number and `index` its place in a list.",
    ),
    table(["code", "sample"], faults),
    "## Requests that a server drops",
    paragraph(
      "There are no error replies: whoever could forge one could keep clients from ever trusting a server. Drops are counted by reason.",
    ),
    table(["reason", "meaning"], drops),
  ]);
}

const OPENING = "<!-- dialects -->";
const CLOSING = "<!-- /dialects -->";

/** Can a request be built that this row describes? */
function isAskable(row: Dialect): boolean {
  return dialectFor(row.code, { typed: row.type === "required" }) === row;
}

const yes = (all: boolean): string => all ? "yes" : "no";

/** Only the frame says where a message ends in a stream. */
function transportsOf(row: Dialect): string {
  return row.framed ? "UDP, TCP" : "UDP";
}

/** Every dialect and who speaks it. */
export function renderMatrix(): string {
  const rows = ROWS.map((row) => [
    row.title,
    cell(row, "code"),
    yes(isAskable(row)),
    yes(ANSWERABLE.includes(row.code)),
    transportsOf(row),
    row.note,
  ]);
  return table(
    ["version", "number", "client", "server", "transports", "note"],
    rows,
  );
}

/** The same in short, for the README: all drafts in one row. */
export function renderShortMatrix(): string {
  const isDraft = (row: Dialect) => row.id.startsWith("draft-");
  const drafts = ROWS.filter(isDraft);
  const numbers = drafts.flatMap(({ title }) => title.match(/\d+/g) ?? []);
  const span = (texts: readonly string[]) =>
    [...new Set([texts[0], texts.at(-1)])].join(" to ");
  const eras = [
    ...ROWS.filter((row) => row.code === GOOGLE_VERSION).map((row) => [row]),
    drafts,
    ...ROWS.filter((row) => !isDraft(row) && row.code !== GOOGLE_VERSION)
      .map((row) => [row]),
  ];
  const rows = eras.map((era) => [
    era === drafts ? `drafts ${span(numbers)}` : era[0]?.title ?? "",
    span(era.map((row) => cell(row, "code"))),
    yes(era.every(isAskable)),
    yes(era.every((row) => ANSWERABLE.includes(row.code))),
    span(era.map(transportsOf)),
  ]);
  return table(["version", "numbers", "client", "server", "transports"], rows);
}

/** Replaces what is between two markers; without both, nothing. */
function insert(
  text: string,
  opening: string,
  closing: string,
  block: string,
): string {
  const start = text.indexOf(opening);
  const end = text.indexOf(closing, start);
  return start < 0 || end < 0
    ? text
    : `${text.slice(0, start + opening.length)}\n\n${block}\n\n${
      text.slice(end)
    }`;
}

/**
 * Puts a table of versions between the markers of a page.
 *
 * @param text The whole page.
 * @param matrix The table.
 * @returns The page, unchanged where the markers are missing.
 */
export function insertMatrix(text: string, matrix: string): string {
  return insert(text, OPENING, CLOSING, matrix);
}

/** The chaos server's behaviours and what has to come of each. */
export function renderBehaviours(): string {
  const rows = BEHAVIOURS.map(({ name, expect, except, requestBytes }) => {
    const others = new Map<string, string[]>();
    for (const { id } of ROWS) {
      const other = except[id];
      if (other) others.set(other, [...others.get(other) ?? [], id]);
    }
    const exceptions = [...others].map(([other, ids]) =>
      `${other}: ${ids.join(", ")}`
    );
    return [code(name), expect, exceptions.join("; "), String(requestBytes)];
  });
  return table(["name", "comes of it", "except in", "request bytes"], rows);
}

/**
 * Puts the table of behaviours between the markers of `docs/chaos.md`.
 *
 * @param text The whole page.
 * @returns The page, unchanged where the markers are missing.
 */
export function insertBehaviours(text: string): string {
  return insert(
    text,
    "<!-- behaviours -->",
    "<!-- /behaviours -->",
    renderBehaviours(),
  );
}

/** `man/roughly.1`, from the table of commands. */
export async function renderManPage(): Promise<string> {
  const silent = { out: () => {}, err: () => {}, progress: () => {} };
  return manPage(await readEntry(buildProgram(silent, () => {}).command));
}

async function main(): Promise<void> {
  for (
    const [name, text] of [
      ["dialects.md", renderDialects()],
      ["rejections.md", renderRejections()],
    ] as const
  ) {
    await Deno.writeTextFile(new URL(name, import.meta.url), text);
    console.log(`docs/${name} written`);
  }
  const page = new URL("../man/roughly.1", import.meta.url);
  await Deno.writeTextFile(page, await renderManPage());
  console.log("man/roughly.1 written");
  for (
    const [name, complete] of [
      ["chaos.md", insertBehaviours],
      ["interoperability.md", (text) => insertMatrix(text, renderMatrix())],
      ["../README.md", (text) => insertMatrix(text, renderShortMatrix())],
    ] as const satisfies readonly [string, (text: string) => string][]
  ) {
    const file = new URL(name, import.meta.url);
    await Deno.writeTextFile(file, complete(await Deno.readTextFile(file)));
    console.log(`docs/${name}: table inserted`);
  }
}

if (import.meta.main) await main();
