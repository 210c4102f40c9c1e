import assert from "node:assert/strict";
import { type DialectId, DIALECTS } from "../../lib/wire/dialect.ts";
import { parseReport, type ReportForm } from "../../lib/verify/report.ts";
import {
  confirmMalfeasance,
  explainFault,
  findSuspects,
  judgeReport,
  type ReportVerdict,
} from "../../lib/verify/judge.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  bytes,
  drop,
  edit,
  flip,
  NOW_MICROS,
  put,
  SECOND,
} from "../_support/fixtures.ts";
import {
  answerOf,
  type ChainLink,
  FORMS,
  makeChain,
  signerOf,
} from "../_support/many.ts";
import {
  appendixB,
  googleChain,
  thirdParty,
  thirdPartyFile,
} from "../_support/vectors.ts";

const none = { permissions: "none" } as const;
const HOUR = 3600n * SECOND;
const KEYS = [0, 1, 2].map((n) => signerOf(n).publicKey);
const STRANGERS = [7, 8].map((n) => signerOf(n).publicKey);

function read(value: unknown): ReturnType<typeof parseReport> {
  return parseReport(JSON.stringify(value));
}

/** What a verdict comes to, for short. */
function summary(verdict: ReportVerdict): string {
  if (verdict.ok) {
    return `ok ${
      verdict.violations.map(({ earlier, later }) => `${earlier}-${later}`)
        .join(" ")
    }`.trim();
  }
  const { entry, fault } = verdict;
  return `${entry} ${
    fault.code === "rejected" ? fault.rejection.code : fault.code
  }`;
}

async function judge(value: unknown, keys = KEYS): Promise<string> {
  return summary(await judgeReport(read(value), { publicKeys: keys }));
}

/** Which dialects were spoken while a form was in use. */
const SPOKEN: Readonly<Record<ReportForm, readonly DialectId[]>> = {
  "rfc-10049": ALL.map(({ id }) => id),
  "bare-array": ALL.map(({ id }) => id),
  "draft-08": ["draft-08", "draft-09", "draft-10", "draft-11"],
  "draft-00": ["draft-01", "draft-02", "draft-03"],
  "google-chain": ["google"],
};

for (const [form, dialects] of Object.entries(SPOKEN)) {
  const write = FORMS[form as ReportForm];
  Deno.test(`judgeReport() judges the form ${form}`, none, async () => {
    for (const dialect of dialects) {
      const honest = await makeChain(
        [0, 1, 2].map((server) => ({ dialect, server })),
      );
      assert.equal(await judge(write(honest)), "ok", dialect);
      const liar = await makeChain([
        { dialect, server: 0, aheadMicros: HOUR },
        { dialect, server: 1 },
        { dialect, server: 2 },
      ]);
      assert.equal(await judge(write(liar)), "ok 0-1 0-2", dialect);
    }
  });

  Deno.test(
    `judgeReport() sees what is wrong in the form ${form}`,
    none,
    async () => {
      for (const dialect of dialects) {
        const [a, b, c] = await makeChain(
          [0, 1, 2].map((server) => ({ dialect, server })),
        ) as [ChainLink, ChainLink, ChainLink];
        const wrong = { ...b, rand: flip(b.blind, 9), blind: flip(b.blind, 9) };
        const verdicts = [
          // Whoever wrote the form has no other way to say what the nonce was.
          await judge(write([a, wrong, c])),
          await judge(write([b, { ...a, rand: b.rand }])),
        ];
        for (const verdict of verdicts) {
          assert.match(
            verdict,
            /^[01] (not-chained|merkle-root|nonce-mismatch)$/,
          );
        }
        const spoilt = {
          ...b.exchange,
          response: b.exchange.response.slice(0, -4),
        };
        assert.match(
          await judge(write([a, { ...b, exchange: spoilt }, c])),
          /^1 (malformed|length-wrong)$/,
          dialect,
        );
      }
    },
  );
}

Deno.test(
  "judgeReport() follows a chain through all dialects",
  none,
  async () => {
    const chain = await makeChain([
      ...ALL.map(({ id }, server) => ({ dialect: id, server })),
      ...[...ALL].reverse().map(({ id }, server) => ({ dialect: id, server })),
    ]);
    assert.equal(await judge(FORMS["rfc-10049"](chain)), "ok");
  },
);

Deno.test(
  "judgeReport() names the key, the time and the gap",
  none,
  async () => {
    const chain = await makeChain([
      { dialect: "rfc-10049", server: 0 },
      { dialect: "draft-11", server: 1, aheadMicros: HOUR },
      { dialect: "google", server: 2 },
    ]);
    const verdict = await judgeReport(read(FORMS["rfc-10049"](chain)));
    assert(verdict.ok);
    assert.deepEqual(
      verdict.entries.map(({ exchange }) => exchange),
      chain.map(({ exchange }) => exchange),
    );
    const second = verdict.entries[1]?.verdict.midpointMicros as bigint;
    const whole = NOW_MICROS + SECOND + HOUR;
    assert.equal(second, whole - whole % SECOND);
    const gapMicros = verdict.violations[0]?.gapMicros;
    const least = second - 3n * SECOND;
    assert.equal(gapMicros, least - (NOW_MICROS + 2n * SECOND + 3n * SECOND));
  },
);

async function three(): Promise<[ChainLink, ChainLink, ChainLink]> {
  return await makeChain(
    [0, 1, 2].map((server) => ({ dialect: "draft-14", server })),
  ) as [ChainLink, ChainLink, ChainLink];
}

Deno.test(
  "judgeReport() does not take a reply for later than it is proven to be",
  none,
  async () => {
    const [a, b, c] = await three();
    const rfc = FORMS["rfc-10049"];
    const rand = bytes(32, 1);
    const cases: readonly [string, ChainLink[], string][] = [
      ["swapped", [b, a, c], "1 not-chained"],
      ["one left out", [a, c], "1 not-chained"],
      ["the same twice", [a, a], "1 not-chained"],
      ["rand missing", [a, { ...b, rand: undefined }, c], "1 not-chained"],
      ["rand empty", [a, b, { ...c, rand: new Uint8Array() }], "2 not-chained"],
      ["another's rand", [a, { ...b, rand: c.rand }, c], "1 not-chained"],
      ["any rand", [a, b, { ...c, rand }], "2 not-chained"],
      ["a rand for the first", [{ ...a, rand }, b, c], "ok"],
      ["the first left out", [b, c], "ok"],
      ["one alone", [c], "ok"],
    ];
    for (const [what, chain, expected] of cases) {
      assert.equal(await judge(rfc(chain)), expected, what);
    }
  },
);

Deno.test(
  "judgeReport() believes nobody's key but the one that signed",
  none,
  async () => {
    const [a, b, c] = await three();
    const other = { ...b, exchange: { ...b.exchange, publicKey: KEYS[2]! } };
    assert.equal(
      await judge(FORMS["rfc-10049"]([a, other, c])),
      "1 certificate-signature",
    );
  },
);

Deno.test(
  "judgeReport() tries known keys where a form names none, and no others",
  none,
  async () => {
    for (const form of ["draft-08", "draft-00"] as const) {
      const [dialect] = SPOKEN[form] as [DialectId];
      const chain = await makeChain(
        [0, 1, 2].map((server) => ({ dialect, server })),
      );
      const report = FORMS[form](chain);
      assert.equal(await judge(report, [...STRANGERS, ...KEYS]), "ok");
      assert.equal(
        await judge(report, [...STRANGERS, KEYS[0]!]),
        "1 key-unknown",
      );
      assert.equal(await judge(report, STRANGERS), "0 key-unknown");
      assert.equal(summary(await judgeReport(read(report))), "0 key-unknown");
    }
    // A form that names keys is judged by those alone.
    const [a, b] = await three();
    const lie = { ...a, exchange: { ...a.exchange, publicKey: STRANGERS[0]! } };
    assert.equal(
      await judge(FORMS["rfc-10049"]([lie, b])),
      "0 certificate-signature",
    );
  },
);

Deno.test(
  "judgeReport() tells a bad reply of a known server from one of a stranger",
  none,
  async () => {
    const [a, b] = await makeChain(
      [0, 1].map((server) => ({ dialect: "draft-11", server })),
    ) as [ChainLink, ChainLink];
    const response = edit(
      b.exchange.response,
      (entries) => put(entries, TAG.SIG, bytes(64, 1)),
    );
    const spoilt = { ...b, exchange: { ...b.exchange, response } };
    assert.equal(
      await judge(FORMS["draft-08"]([a, spoilt]), [
        ...STRANGERS,
        ...KEYS,
        ...STRANGERS,
      ]),
      "1 response-signature",
    );
  },
);

Deno.test(
  "judgeReport() cannot do without requests from draft 12 on",
  none,
  async () => {
    for (const dialect of ["draft-12", "draft-14", "rfc-10049"] as const) {
      const chain = await makeChain([{ dialect, server: 0 }]);
      for (const form of ["draft-08", "draft-00", "google-chain"] as const) {
        assert.equal(await judge(FORMS[form](chain)), "0 request-missing");
      }
    }
  },
);

Deno.test("judgeReport() cannot do without a nonce either", none, async () => {
  const [a, b] = await makeChain(
    [0, 1].map((server) => ({ dialect: "draft-11", server })),
  ) as [ChainLink, ChainLink];
  const response = edit(
    a.exchange.response,
    (entries) => drop(entries, TAG.NONC),
  );
  const silent = { ...a, exchange: { ...a.exchange, response } };
  assert.equal(
    await judge(FORMS["draft-08"]([silent, b])),
    "0 request-missing",
  );
  assert.equal(await judge(FORMS["rfc-10049"]([silent])), "ok");
});

Deno.test(
  "judgeReport() accepts the rule of any version for any version",
  none,
  async () => {
    // Writers of reports chain all versions by the rule of one (protocol of drafts 00 to 08).
    const [a] = await makeChain([{ dialect: "google", server: 0 }]) as [
      ChainLink,
    ];
    const sha512 = async (...parts: Uint8Array[]) =>
      new Uint8Array(
        await crypto.subtle.digest(
          "SHA-512",
          await new Blob(parts as BlobPart[]).arrayBuffer(),
        ),
      );
    const reply = a.exchange.response;
    const rand = bytes(32, 3);
    for (
      const hash of [
        await sha512(reply, rand),
        await sha512(await sha512(reply), rand),
        await sha512(rand, reply),
      ]
    ) {
      const request = buildRequest({
        versions: [DIALECTS["draft-14"].code],
        nonce: hash.slice(0, 32),
      });
      const response = await answerOf(1, request, {
        midpointMicros: NOW_MICROS,
        radiusMicros: 3n * SECOND,
      });
      const exchange = { request, response, publicKey: KEYS[1]! };
      assert.equal(
        await judge(FORMS["rfc-10049"]([a, { exchange, rand, blind: rand }])),
        "ok",
      );
    }
  },
);

Deno.test("explainFault() says something about each fault", none, () => {
  const texts = [
    explainFault({ code: "not-chained" }),
    explainFault({ code: "request-missing" }),
    explainFault({ code: "key-unknown" }),
    explainFault({ code: "rejected", rejection: { code: "merkle-root" } }),
  ];
  assert.equal(new Set(texts).size, texts.length);
  for (const text of texts) assert.match(text, /^[a-z].+[^.]$/);
});

Deno.test({
  ...thirdParty("judgeReport() proves what RFC 10049, appendix B reports"),
  permissions: { read: true },
  fn: async () => {
    const path = "ietf-draft-roughtime/appendix-b-malfeasance-report.json";
    const text = new TextDecoder().decode(thirdPartyFile(path));
    const verdict = await judgeReport(parseReport(text));
    assert.equal(summary(verdict), "ok 0-1 0-2");
    assert(verdict.ok);
    assert.deepEqual(
      findSuspects(verdict),
      appendixB().slice(0, 1).map(({ publicKey }) => publicKey),
    );
    assert.equal(await confirmMalfeasance(text), true);
  },
});

Deno.test({
  ...thirdParty("judgeReport() finds Google's sample chain consistent"),
  permissions: { read: true },
  fn: async () => {
    const path = "google-roughtime/roughtime-chain.json";
    const text = new TextDecoder().decode(thirdPartyFile(path));
    const verdict = await judgeReport(parseReport(text));
    assert.equal(summary(verdict), "ok");
    assert(verdict.ok);
    assert.deepEqual(
      verdict.entries.map(({ exchange }) => exchange.publicKey),
      googleChain().map(({ publicKey }) => publicKey),
    );
    assert.equal(verdict.entries.length, 12);
  },
});
