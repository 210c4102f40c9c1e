import assert from "node:assert/strict";
import { base64 } from "@scure/base";
import { encodeUint32s, readUint32 } from "../../lib/wire/uint.ts";
import { chainNonce } from "../../lib/verify/chain.ts";
import { type DialectId, DIALECTS } from "../../lib/wire/dialect.ts";
import { WireError } from "../../lib/wire/errors.ts";
import {
  malfeasanceReport,
  parseReport,
  type Report,
  type ReportEntry,
} from "../../lib/verify/report.ts";
import { judgeReport } from "../../lib/verify/judge.ts";
import { parseResponse } from "../../lib/wire/response.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { drop, edit, flip, put, seeded } from "../_support/fixtures.ts";
import { FORMS, makeChain } from "../_support/many.ts";
import { checkOnceInThisFile } from "../_support/signatures.ts";
import { thirdParty, thirdPartyFile } from "../_support/vectors.ts";

const none = { permissions: "none" } as const;

checkOnceInThisFile();

/**
 * Up to draft 11 neither version nor request is signed, and drafts 05-06 sign what drafts
 * 08-11 sign but read the time differently.
 */
Deno.test(
  "an honest reply cannot be made into evidence by renaming its version",
  none,
  async () => {
    const old = ["draft-05", "draft-06"] as const;
    const late = ["draft-08", "draft-09", "draft-10", "draft-11"] as const;
    const pairs = [
      ...old.flatMap((a) => late.map((b) => [a, b] as const)),
      ...late.flatMap((a) => old.map((b) => [a, b] as const)),
    ];
    for (const [spoken, claimed] of pairs) {
      const chain = await makeChain(
        [0, 1].map((server) => ({ dialect: spoken, server })),
      );
      const VER = encodeUint32s([DIALECTS[claimed].code]);
      for (const which of [0, 1]) {
        const forged = chain.map((link, i) => {
          if (i !== which) return link;
          const rename = (packet: Uint8Array) =>
            edit(packet, (entries) => put(entries, TAG.VER, VER));
          const { request, response, publicKey } = link.exchange;
          const exchange = {
            request: rename(request),
            response: rename(response),
            publicKey,
          };
          const { response: reply } = exchange;
          assert(parseResponse(reply, { framed: true }).ok);
          return { ...link, exchange };
        });
        const verdict = await judgeReport(
          parseReport(malfeasanceReport(forged)),
        );
        assert(
          !verdict.ok || verdict.violations.length === 0,
          `${spoken} as ${claimed}, entry ${which}: honest servers accused`,
        );
      }
    }
  },
);

type Field = "rand" | "nonce" | "publicKey" | "request" | "response";

/** The verdict on a report with one bit of one entry turned over. */
async function judgeFlipped(
  { form, entries }: Report,
  at: number,
  field: Field,
  bit: number,
): Promise<number | "ok"> {
  const flipped = entries.map((entry, i) =>
    i === at
      ? { ...entry, [field]: flip(entry[field] as Uint8Array, bit) }
      : entry
  );
  const verdict = await judgeReport({ form, entries: flipped });
  return verdict.ok ? "ok" : verdict.entry;
}

/**
 * The least part of a report in which a bit of an entry can be missed: the entry, what its
 * nonce was made from, and the entry that was made from it.
 */
function around(report: Report, at: number, field: Field): [Report, number] {
  const { form, entries } = report;
  const from = field === "rand" || entries[at]?.request === undefined
    ? Math.max(0, at - 1)
    : at;
  return [{ form, entries: entries.slice(from, at + 2) }, at - from];
}

function* bitsOf(entry: ReportEntry): Generator<[Field, number]> {
  const fields = ["rand", "nonce", "publicKey", "request", "response"] as const;
  for (const field of fields) {
    const bits = 8 * (entry[field]?.length ?? 0);
    for (let bit = 0; bit < bits; bit++) yield [field, bit];
  }
}

/** Turns over every bit, one at a time, but those by which the last reply names one tag. */
async function flipEveryBit(report: Report, unsigned?: number): Promise<void> {
  const last = report.entries.length - 1;
  for (const [at, entry] of report.entries.entries()) {
    for (const [field, bit] of bitsOf(entry)) {
      const isUnsigned = at === last && field === "response" &&
        unsigned !== undefined && isInTag(entry.response, unsigned, bit);
      if (isUnsigned) continue;
      const [part, position] = around(report, at, field);
      const found = await judgeFlipped(part, position, field, bit);
      assert(
        found === position || found === position + 1,
        `entry ${at}, ${field}, bit ${bit}: ${found}`,
      );
    }
  }
}

/** Does a bit belong to the name of a field of a reply? */
function isInTag(response: Uint8Array, tag: number, bit: number): boolean {
  const at = bit >> 5 << 2;
  return at < 80 && readUint32(response, at) === tag;
}

/** Whole reports, as the others look at the entries around alone. */
async function flipSomeBits(report: Report, count: number): Promise<void> {
  const random = seeded(count);
  const all = report.entries.flatMap((entry, at) =>
    [...bitsOf(entry)].map(([field, bit]) => [at, field, bit] as const)
  );
  for (let n = 0; n < count; n++) {
    const [at, field, bit] = all[Math.floor(random() * all.length)]!;
    const found = await judgeFlipped(report, at, field, bit);
    assert(
      found === at || found === at + 1,
      `entry ${at}, ${field}, bit ${bit}: ${found}`,
    );
  }
}

function readThirdParty(path: string): Report {
  return parseReport(new TextDecoder().decode(thirdPartyFile(path)));
}

const APPENDIX_B = "ietf-draft-roughtime/appendix-b-malfeasance-report.json";
const GOOGLE_CHAIN = "google-roughtime/roughtime-chain.json";

Deno.test({
  ...thirdParty("one flipped bit anywhere in appendix B: nothing is proven"),
  permissions: { read: true },
  fn: async () => {
    const report = readThirdParty(APPENDIX_B);
    await flipEveryBit(report);
    await flipSomeBits(report, 500);
  },
});

Deno.test({
  ...thirdParty(
    "one flipped bit anywhere in Google's chain: nothing is proven",
  ),
  permissions: { read: true },
  fn: async () => {
    const report = readThirdParty(GOOGLE_CHAIN);
    for (const [at, entry] of report.entries.entries()) {
      // Links alone, with the nonce that follows from the one before.
      const before = report.entries[at - 1];
      const nonce = before && entry.rand
        ? chainNonce(DIALECTS.google, before.response, entry.rand)
        : entry.nonce;
      const alone = { ...entry, nonce, rand: undefined };
      await flipEveryBit({ form: report.form, entries: [alone] });
    }
    await flipSomeBits(report, 500);
  },
});

const measured = (dialect: DialectId) =>
  makeChain([
    { dialect, server: 0, aheadMicros: 3_600_000_000n },
    { dialect, server: 1 },
  ]);

Deno.test(
  "one flipped bit anywhere in a chain of version 1: nothing is proven",
  none,
  async () => {
    const report = parseReport(malfeasanceReport(await measured("rfc-10049")));
    await flipEveryBit(report);
    await flipSomeBits(report, 300);
  },
);

Deno.test(
  "one flipped bit in a chain of 0x8000000c: only the name of TYPE is nobody's word",
  none,
  async () => {
    const report = parseReport(malfeasanceReport(await measured("draft-14")));
    await flipEveryBit(report, TAG.TYPE);
    // Without TYPE the last reply is one of drafts 12-13 and says the same.
    const [first, last] = report.entries as [ReportEntry, ReportEntry];
    const response = edit(last.response, (entries) => drop(entries, TAG.TYPE));
    const claims = await Promise.all(
      [last, { ...last, response }].map(async (entry) => {
        const verdict = await judgeReport({
          ...report,
          entries: [first, entry],
        });
        assert(verdict.ok);
        const { midpointMicros, radiusMicros } = verdict.entries[1]!.verdict;
        return [midpointMicros, radiusMicros, verdict.violations];
      }),
    );
    assert.deepEqual(claims[0], claims[1]);
  },
);

Deno.test(
  "one flipped bit in the base64 of a report is read, refused or judged, never believed",
  none,
  async () => {
    const chain = await measured("rfc-10049");
    const text = JSON.stringify(FORMS["rfc-10049"](chain));
    const random = seeded(1);
    for (let n = 0; n < 500; n++) {
      const bytes = new TextEncoder().encode(text);
      const flipped = flip(bytes, Math.floor(random() * bytes.length * 8));
      const spoilt = new TextDecoder().decode(flipped);
      try {
        const verdict = await judgeReport(parseReport(spoilt));
        assert(!verdict.ok, spoilt);
      } catch (error) {
        assert(error instanceof WireError);
      }
    }
  },
);

Deno.test(
  "base64 that says the same in another way is refused",
  none,
  async () => {
    const [link] = await makeChain([{ dialect: "draft-14", server: 0 }]);
    const text = malfeasanceReport([link!]);
    const key = base64.encode(link!.exchange.publicKey);
    // The last character of 32 bytes has two bits to spare.
    const spare = key.at(-2) as string;
    const next = String.fromCharCode(spare.charCodeAt(0) + 1);
    const other = `${key.slice(0, -2)}${next}=`;
    assert.throws(() => parseReport(text.replace(key, other)), WireError);
  },
);
