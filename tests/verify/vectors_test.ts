import assert from "node:assert/strict";
import { chainNonce, findViolations } from "../../lib/verify/chain.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { parseRequest } from "../../lib/wire/request.ts";
import { parseResponse } from "../../lib/wire/response.ts";
import {
  type Verdict,
  type Verified,
  verifyResponse,
} from "../../lib/verify/response.ts";
import { equal } from "../../lib/crypto/bytes.ts";
import * as vectors from "../_support/vectors.ts";

async function verified(exchange: vectors.NamedExchange): Promise<Verified> {
  const verdict: Verdict = await verifyResponse(exchange);
  if (!verdict.ok) assert.fail(`${exchange.name}: ${Deno.inspect(verdict)}`);
  return verdict;
}

Deno.test("verifyResponse() accepts every pair recorded from roughly's server", async () => {
  const pairs = vectors.recorded("roughly.json");
  assert.equal(pairs.length, 54);
  for (const pair of pairs) {
    const { version, dialect, pathLength } = await verified(pair);
    assert.equal(pathLength, pair.batch === 1 ? 0 : 3, pair.name);
    if (pair.offered === "google") assert.equal(dialect, "google");
    else assert.equal(version, Number(pair.offered.split("+")[0]), pair.name);
  }
});

Deno.test("verifyResponse() accepts every pair recorded from roughtimed", async () => {
  const pairs = vectors.recorded("roughtimed.json");
  assert.equal(pairs.length, 12);
  for (const pair of pairs) {
    const { dialect, pathOrder } = await verified(pair);
    assert.equal(dialect, "draft-14");
    assert.equal(pathOrder, "hash-first");
  }
});

Deno.test({
  ...vectors.thirdParty(
    "verifyResponse() accepts the packets of eight implementations",
  ),
  fn: async () => {
    const pairs = vectors.roughlyPackets();
    assert.equal(pairs.length, 11);
    for (const pair of pairs) await verified(pair);
  },
});

Deno.test({
  ...vectors.thirdParty("verifyResponse() keeps draft 07's microseconds"),
  fn: async () => {
    const netnod = vectors.roughlyPackets().at(-1) as vectors.NamedExchange;
    const { dialect, midpointMicros, radiusMicros } = await verified(netnod);
    assert.equal(dialect, "draft-07");
    assert.equal(radiusMicros, 22n);
    assert.notEqual(midpointMicros % 1_000_000n, 0n);
  },
});

Deno.test({
  ...vectors.thirdParty("verifyResponse() accepts Cloudflare's 333 vectors"),
  fn: async () => {
    let count = 0;
    const dialects = {
      google: "google",
      ietf_draft08: "draft-08",
      ietf_draft11: "draft-11",
    } as const;
    for (const [name, id] of Object.entries(dialects)) {
      for (const size of ["001", "010", "100"] as const) {
        const pairs = vectors.cloudflare(name as keyof typeof dialects, size);
        for (const [i, pair] of pairs.entries()) {
          const verdict = await verified(pair);
          assert.equal(verdict.dialect, id);
          assert.equal(verdict.midpointMicros, 50_000_000n);
          assert.equal(verdict.radiusMicros, 5_000_000n);
          assert.equal(verdict.index, i);
          assert.equal(verdict.pathOrder, "hash-first");
          assert.equal(verdict.delegation.notAfterMicros, 100_000_000n);
          count++;
        }
      }
    }
    assert.equal(count, 333);
  },
});

Deno.test({
  ...vectors.thirdParty("Google's chain of 12 links verifies, nonces included"),
  fn: async () => {
    const links = vectors.googleChain();
    assert.equal(links.length, 12);
    let previous: Uint8Array | undefined;
    const claims = [];
    for (const { publicKey, nonceOrBlind, reply } of links) {
      const nonce = previous === undefined
        ? nonceOrBlind
        : chainNonce(DIALECTS.google, previous, nonceOrBlind);
      const request = vectors.googleRequest(nonce);
      claims.push(
        await verified({ name: "link", request, response: reply, publicKey }),
      );
      previous = reply;
    }
    assert.deepEqual(findViolations(claims), []);
  },
});

Deno.test({
  ...vectors.thirdParty(
    "verifyResponse() accepts the two captures of node-roughtime",
  ),
  fn: async () => {
    const pairs = vectors.nodeRoughtime();
    assert.equal(pairs.length, 2);
    for (const pair of pairs) {
      const { midpointMicros, radiusMicros } = await verified(pair);
      assert.equal(midpointMicros, pair.midpointMicros);
      assert.equal(radiusMicros, pair.radiusMicros);
    }
  },
});

Deno.test({
  ...vectors.thirdParty(
    "RFC 10049 appendix B verifies, with the drafts' contexts, and proves malfeasance",
  ),
  fn: async () => {
    const entries = vectors.appendixB();
    assert.equal(entries.length, 3);
    const claims: Verified[] = [];
    for (const [i, entry] of entries.entries()) {
      const verdict = await verified(entry);
      assert.equal(verdict.dialect, "rfc-10049");
      assert.deepEqual(verdict.spelling, {
        delegation: "plain",
        response: "plain",
      });
      claims.push(verdict);
      if (i === 0) continue;
      const asked = parseRequest(entry.request);
      assert(asked.ok);
      const chained = chainNonce(
        DIALECTS["rfc-10049"],
        (entries[i - 1] as vectors.ReportEntry).response,
        entry.rand as Uint8Array,
      );
      assert(equal(asked.request.nonce, chained));
    }
    assert.deepEqual(
      findViolations(claims).map(({ earlier, later }) => [earlier, later]),
      [[0, 1], [0, 2]],
    );
  },
});

Deno.test({
  ...vectors.thirdParty(
    "verifyResponse() accepts roughenough's pair, whose MAXT no Date can hold",
  ),
  fn: async () => {
    const { dialect, delegation, versions } = await verified(
      vectors.roughenough(),
    );
    assert.equal(dialect, "draft-14");
    assert.deepEqual(versions, [0, 0x8000000c]);
    assert.equal(delegation.notAfterMicros, ((1n << 64n) - 1n) * 1_000_000n);
  },
});

Deno.test({
  ...vectors.thirdParty(
    "parseResponse() reads packets whose requests were not kept",
  ),
  fn: () => {
    const expected: [string, string, number][] = [
      ["butterfield/cloudflare-response.bin", "draft-03", 0],
      ["butterfield/draft11-response.bin", "draft-11", 0],
      ["butterfield/roughenough-response-14.bin", "draft-14", 0],
      ["roughenough/rfc-response.path8.index2.4c16c619", "draft-14", 8],
      ["roughenough/golden-response.phase8", "draft-14", 2],
      ["roughenough/max-path32-response.bin", "draft-14", 32],
    ];
    for (const [file, dialect, pathLength] of expected) {
      const parsed = parseResponse(vectors.thirdPartyFile(file), {
        framed: true,
      });
      if (!parsed.ok) assert.fail(`${file}: ${Deno.inspect(parsed)}`);
      assert.equal(parsed.response.dialect.id, dialect, file);
      assert.equal(parsed.response.pathLength, pathLength, file);
    }
  },
});

Deno.test({
  ...vectors.thirdParty("parseRequest() reads other implementations' requests"),
  fn: () => {
    for (
      const [file, nonceSize] of [
        ["butterfield/google-request.bin", 64],
        ["butterfield/roughenough-request.bin", 32],
        ["roughenough/rfc-request.SRV.417aa962", 32],
      ] as const
    ) {
      const parsed = parseRequest(vectors.thirdPartyFile(file));
      assert(parsed.ok, file);
      assert.equal(parsed.request.nonce.length, nonceSize);
    }
    const srv = parseRequest(
      vectors.thirdPartyFile("roughenough/rfc-request.SRV.417aa962"),
    );
    assert(srv.ok && srv.request.message.has(TAG.SRV));
  },
});
