import assert from "node:assert/strict";
import { encodeUint32s, encodeUint64 } from "../../lib/wire/uint.ts";
import { chainNonce } from "../../lib/verify/chain.ts";
import {
  areConfusable,
  DEFAULT_OFFER,
  type Dialect,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { frame } from "../../lib/wire/frame.ts";
import { encodeMessage, type Entry } from "../../lib/wire/message.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import type { Report } from "../../lib/verify/report.ts";
import { judgeReport } from "../../lib/verify/judge.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { decodeTimestamp, isPlausible } from "../../lib/wire/timestamp.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  drop,
  encodeLoosely,
  entriesOf,
  forge,
  judge,
  makeResponder,
  messageOf,
  midpointIn,
  MOMENT,
  PUBLIC_KEY,
  put,
  SECOND,
} from "../_support/fixtures.ts";
import { checkOnceInThisFile } from "../_support/signatures.ts";

checkOnceInThisFile();

const none = { permissions: "none" } as const;

/**
 * Up to draft 11 the version, TYPE, NONC on top, INDX, PATH, CERT's place and the whole request
 * but its nonce are nobody's word. Whoever is on the way can ask an honest server in any
 * dialect with the client's nonce and put these things together anew.
 */

/** A nonce that the client of each size sends; the long one begins with the short one. */
const NONCE = bytes(64, 4711);
const nonceFor = ({ nonceSize }: Dialect) => NONCE.subarray(0, nonceSize);

function requestIn(
  dialect: Dialect,
  nonce: Uint8Array = nonceFor(dialect),
): Uint8Array {
  return buildRequest({
    versions: [dialect.code],
    nonce,
    publicKey: PUBLIC_KEY,
    typed: dialect.type === "required",
  });
}

/** What an honest server says in each dialect: alone, and in a batch so that there is a PATH. */
async function honestReplies(dialect: Dialect): Promise<Entry[][]> {
  const responder = await makeResponder({ soloBudget: 0 });
  const mine = requestIn(dialect);
  const others = [1, 2, 3, 4].map((n) =>
    requestIn(dialect, bytes(dialect.nonceSize, n))
  );
  const batches = [[mine], [...others.slice(0, 2), mine, ...others.slice(2)]];
  const replies = await Promise.all(batches.map(async (batch) => {
    const outcome = (await responder.respond(batch, MOMENT))[
      batch.indexOf(mine)
    ];
    assert(outcome && "reply" in outcome, `${dialect.id} is answered`);
    return entriesOf(messageOf(outcome.reply));
  }));
  return dialect.batches === "one" ? replies.slice(0, 1) : replies;
}

const REPLIES = new Map<Dialect, Entry[][]>();
for (const dialect of ALL) REPLIES.set(dialect, await honestReplies(dialect));
const RESPONDER = makeResponder({ soloBudget: 0 });

const valueOf = (entries: readonly Entry[], tag: number) =>
  entries.find(([t]) => t === tag)?.[1];

/** Everything that can be done to a reply without a key, so that it looks like `label`'s. */
function* dressings(
  reply: readonly Entry[],
  label: Dialect,
): Generator<Entry[]> {
  const certs = [
    valueOf(reply, TAG.CERT),
    valueOf(REPLIES.get(label)?.[0] ?? [], TAG.CERT),
  ];
  const VER = encodeUint32s([label.code]);
  const index = valueOf(reply, TAG.INDX) as Uint8Array;
  const path = valueOf(reply, TAG.PATH) as Uint8Array;
  for (const CERT of certs) {
    for (const ver of [undefined, VER]) {
      for (const type of [undefined, encodeUint32s([1])]) {
        for (const nonce of [undefined, nonceFor(label), NONCE]) {
          for (const turned of path.length > 0 ? [false, true] : [false]) {
            const parts: [number, Uint8Array | undefined][] = [
              [TAG.VER, ver],
              [TAG.TYPE, type],
              [TAG.NONC, nonce],
              [TAG.CERT, CERT],
              // In the other order of the tree the same path has the opposite bits.
              [TAG.INDX, turned ? index.map((b, i) => i ? b : b ^ 7) : index],
            ];
            yield parts.reduce<Entry[]>(
              (entries, [tag, value]) =>
                value ? put(entries, tag, value) : drop(entries, tag),
              [...reply],
            );
          }
        }
      }
    }
  }
}

function packetOf(entries: readonly Entry[], { framed }: Dialect): Uint8Array {
  const message = encodeMessage(entries);
  return framed ? frame(message) : message;
}

/** Requests that the client may have sent, or that the writer of a report may make up. */
function* questionsFor(
  asked: Dialect,
  label: Dialect,
  sent: Uint8Array = NONCE,
): Generator<Uint8Array> {
  const typed = label.type === "required";
  if (sent.length >= label.nonceSize) {
    yield requestIn(label, sent.subarray(0, label.nonceSize));
  }
  yield requestIn(asked, sent.subarray(0, asked.nonceSize));
  if (label.framed && label.nonceSize === 32) {
    const nonce = sent.subarray(0, 32);
    const versions = DEFAULT_OFFER;
    yield buildRequest({ versions, nonce, publicKey: PUBLIC_KEY, typed });
  }
  if (!label.framed) return;
  // Made up: any list of versions around any nonce.
  const numbers = SERVER_VERSIONS.filter((code) => code !== GOOGLE_VERSION);
  for (const nonce of [sent, sent.subarray(0, 32)]) {
    for (const VER of [[label.code], numbers]) {
      yield frame(encodeLoosely([
        [TAG.VER, encodeUint32s(VER)],
        [TAG.NONC, nonce],
        ...(typed ? [[TAG.TYPE, encodeUint32s([0])] as Entry] : []),
        [TAG.ZZZZ, new Uint8Array(900)],
      ]));
    }
  }
}

for (const asked of ALL) {
  Deno.test(
    `an honest reply of ${asked.id} says what it says, whatever it is dressed up as`,
    none,
    async () => {
      const [notBeforeMicros, notAfterMicros] = await windowIn(asked);
      let accepted = 0;
      for (const label of ALL) {
        const questions = [...questionsFor(asked, label)];
        for (const reply of REPLIES.get(asked) ?? []) {
          for (const dressed of dressings(reply, label)) {
            const response = packetOf(dressed, label);
            for (const request of questions) {
              const exchange = { request, response, publicKey: PUBLIC_KEY };
              const verdict = await verifyResponse(exchange);
              if (!verdict.ok) continue;
              accepted++;
              const said = `${asked.id} as ${label.id}`;
              assert.equal(verdict.midpointMicros, midpointIn(asked), said);
              assert.equal(verdict.radiusMicros, MOMENT.radiusMicros, said);
              const { delegation } = verdict;
              assert.equal(delegation.notBeforeMicros, notBeforeMicros, said);
              assert.equal(delegation.notAfterMicros, notAfterMicros, said);
            }
          }
        }
      }
      assert(accepted > 0, "what nobody touched is accepted");
    },
  );
}

/** The window that the server certified, as an untouched exchange has it. */
async function windowIn(dialect: Dialect): Promise<[bigint, bigint]> {
  const [reply = []] = REPLIES.get(dialect) ?? [];
  const verdict = await verifyResponse({
    request: requestIn(dialect),
    response: packetOf(reply, dialect),
    publicKey: PUBLIC_KEY,
  });
  assert(verdict.ok, dialect.id);
  const { notBeforeMicros, notAfterMicros } = verdict.delegation;
  return [notBeforeMicros, notAfterMicros];
}

/**
 * A report is written by whoever likes: the first reply may be dressed up before the second
 * is asked for, and requests are made up around the nonce that was really sent.
 */
Deno.test(
  "two honest replies are no evidence, whatever either of them is dressed up as",
  none,
  async () => {
    let proven = 0;
    for (const asked of ALL) {
      for (const label of ALL) {
        for (const first of [true, false]) {
          for (const report of await reportsOf(asked, label, first)) {
            const verdict = await judgeReport(report);
            if (verdict.ok) proven++;
            assert(
              !verdict.ok || verdict.violations.length === 0,
              `${asked.id} as ${label.id} accuses the honest`,
            );
          }
        }
      }
    }
    assert(proven > 2 * ALL.length, "what nobody touched is believed");
  },
);

/** Reports in which the first or the second reply is dressed up and passes by itself. */
async function reportsOf(
  asked: Dialect,
  label: Dialect,
  first: boolean,
): Promise<Report[]> {
  const honest = REPLIES.get(asked)?.[0] ?? [];
  const openings = first ? await passing(asked, label, honest) : [
    { request: requestIn(asked), response: packetOf(honest, asked) },
  ];
  const reports: Report[] = [];
  for (const opening of openings) {
    const rand = bytes(asked.nonceSize, 99);
    const nonce = chainNonce(asked, opening.response, rand);
    const request = requestIn(asked, nonce);
    const [outcome] = await (await RESPONDER).respond([request], MOMENT);
    assert(outcome && "reply" in outcome);
    const reply = entriesOf(messageOf(outcome.reply));
    const closings = first
      ? [{ request, response: outcome.reply }]
      : await passing(asked, label, reply, nonce);
    const shared = { publicKey: PUBLIC_KEY, nonce: undefined };
    for (const closing of closings) {
      reports.push({
        form: "rfc-10049",
        entries: [
          { ...opening, ...shared, rand: undefined },
          { ...closing, ...shared, rand },
        ],
      });
    }
  }
  return reports;
}

async function passing(
  asked: Dialect,
  label: Dialect,
  reply: readonly Entry[],
  nonce?: Uint8Array,
): Promise<{ request: Uint8Array; response: Uint8Array }[]> {
  const found: { request: Uint8Array; response: Uint8Array }[] = [];
  const questions = [...questionsFor(asked, label, nonce)];
  for (const dressed of dressings(reply, label)) {
    const response = packetOf(dressed, label);
    for (const request of questions) {
      const exchange = { request, response, publicKey: PUBLIC_KEY };
      if ((await verifyResponse(exchange)).ok) {
        found.push({ request, response });
      }
    }
  }
  return found;
}

Deno.test(
  "a nonce of another length than a version has is not answered in that version",
  none,
  async () => {
    for (const dialect of ALL.filter(({ framed }) => framed)) {
      const nonce = NONCE.subarray(0, dialect.nonceSize === 64 ? 32 : 64);
      const request = frame(encodeLoosely([
        [TAG.VER, encodeUint32s([dialect.code])],
        [TAG.NONC, nonce],
        ...(dialect.type === "required"
          ? [[TAG.TYPE, encodeUint32s([0])] as Entry]
          : []),
        [TAG.ZZZZ, new Uint8Array(900)],
      ]));
      // Really signed, over a leaf that holds this nonce, and its echo left out or shortened.
      const top = (entries: Entry[]) =>
        dialect.nonceEcho === "required"
          ? put(entries, TAG.NONC, NONCE.subarray(0, dialect.nonceSize))
          : drop(entries, TAG.NONC);
      const srep = dialect.nonceEcho === "srep"
        ? (entries: Entry[]) => put(entries, TAG.NONC, NONCE)
        : (entries: Entry[]) => entries;
      const exchange = await forge({ dialect: dialect.id, request, top, srep });
      const verdict = await verifyResponse(exchange);
      assert(!verdict.ok, dialect.id);
      assert.deepEqual(verdict.rejection, {
        code: "length-wrong",
        document: "request",
        tag: TAG.NONC,
        length: nonce.length,
      });
    }
  },
);

Deno.test(
  "no signed number is a plausible time in the layouts of two versions that sign alike",
  none,
  () => {
    const pairs = ALL.flatMap((a) => ALL.map((b) => [a, b] as const))
      .filter(([a, b]) => areConfusable(a, b));
    assert(pairs.length > 0);
    const edges = [0n, 1n << 40n, 40_587n << 40n, 1n << 63n, 1n << 64n]
      .flatMap((edge) => [edge - 2n, edge - 1n, edge, edge + 1n])
      .filter((raw) => raw >= 0n && raw < 1n << 64n);
    const days = [40_586n, 40_587n, 61_000n, (1n << 24n) - 1n]
      .flatMap((day) =>
        [0n, 86_399_999_999n, 86_400_999_999n]
          .map((micros) => day << 40n | micros)
      );
    for (const raw of [...edges, ...days]) {
      for (const [a, b] of pairs) {
        const read = [a, b].map(({ time }) =>
          decodeTimestamp(time, encodeUint64(raw))
        );
        const plausible = read.filter((micros) =>
          micros !== undefined && isPlausible(micros)
        );
        assert(plausible.length < 2, `${raw} in ${a.id} and ${b.id}`);
      }
    }
  },
);

Deno.test(
  "times at the ends of what is plausible: where the version is unsigned they decide",
  none,
  async () => {
    const YEAR = 365n * 86_400n * SECOND;
    const end = (1n << 40n) * SECOND;
    for (const dialect of ALL) {
      const window = { notBeforeMicros: 0n, notAfterMicros: end + YEAR };
      const judged = async (midpointMicros: bigint) =>
        await judge(
          await forge({ dialect: dialect.id, midpointMicros, ...window }),
        );
      assert.equal(await judged(0n), "ok", dialect.id);
      assert.equal(await judged(end - SECOND), "ok", dialect.id);
      const isUnsigned = dialect.versionEcho === "top";
      const expected = isUnsigned ? "version-ambiguous" : "ok";
      assert.equal(await judged(end), expected, dialect.id);
    }
  },
);
