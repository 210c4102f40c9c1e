import assert from "node:assert/strict";
import { VERIFIERS } from "../../lib/crypto/ed25519.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { readUint32 } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  drop,
  edit,
  forge,
  PUBLIC_KEY,
} from "../_support/fixtures.ts";
import {
  ascending,
  expectedOfReply,
  expectedOfRequest,
  flipBits,
  type FlipRun,
  placesOf,
  SAID,
} from "../_support/flip.ts";
import { batchOfFive, verified } from "../_support/verdict.ts";

const none = { permissions: "none" } as const;

for (const dialect of ALL) {
  const one = dialect.batches === "one";
  const note = one ? " (no PATH: each signature answers one request)" : "";
  Deno.test(
    `verifyResponse() rejects every single-bit flip in a reply of ${dialect.id}${note}`,
    none,
    async () => {
      const exchange = await batchOfFive(dialect);
      const { pathLength } = verified(await verifyResponse(exchange));
      // Clients without TYPE get trees with an even number of levels.
      const many = dialect.type === "none" ? 4 : 3;
      assert.equal(pathLength, one ? 0 : many);
      const good = exchange.response;
      const seen = await flipBits({
        exchange,
        which: "response",
        places: placesOf(good, "response"),
        expected: (place, bad) =>
          expectedOfReply(dialect, place, good, bad, pathLength),
      });

      // The places that matter were really there, and led where they can lead.
      const at = (name: string) => [...seen.get(name) ?? []].sort();
      assert.deepEqual(at("response.SIG"), ["response-signature"]);
      assert.deepEqual(at("CERT.SIG"), ["certificate-signature"]);
      assert.deepEqual(at("DELE.PUBK"), ["certificate-signature"]);
      assert.deepEqual(at("SREP.ROOT"), ["merkle-root"]);
      assert.deepEqual(at("response.PATH"), one ? [] : ["merkle-root"]);
      assert.deepEqual(
        at("response.INDX"),
        one ? ["index-bits"] : ["index-bits", "merkle-root"],
      );
      assert.deepEqual(
        at("SREP.RADI"),
        dialect.leastRadiusSeconds === 3 || dialect.leastRadiusSeconds === 1
          ? ["radius-zero", "response-signature"]
          : ["response-signature"],
      );
      assert.deepEqual(
        at("SREP.MIDP"),
        [
          "outside-delegation",
          "response-signature",
          ...(dialect.time === "mjd-micros" ? ["timestamp-invalid"] : []),
        ],
      );
      const nonce = dialect.nonceEcho === "srep"
        ? "SREP.NONC"
        : "response.NONC";
      assert.deepEqual(at(nonce), ["nonce-mismatch"]);
    },
  );

  Deno.test(
    `verifyResponse() rejects every single-bit flip in the nonce asked in ${dialect.id}`,
    none,
    async () => {
      const exchange = await batchOfFive(dialect);
      // Once with the reply's NONC to compare, once where the tree alone must tell.
      await flipBits({
        exchange,
        which: "request",
        places: placesOf(exchange.request, "request"),
        expected: () => ["nonce-mismatch"],
        only: "request.NONC",
      });
      if (dialect.nonceEcho !== "optional") return;
      const silent = {
        ...exchange,
        response: edit(exchange.response, (e) => drop(e, TAG.NONC)),
      };
      verified(await verifyResponse(silent));
      await flipBits({
        exchange: silent,
        which: "request",
        places: placesOf(exchange.request, "request"),
        expected: () => ["merkle-root"],
        only: "request.NONC",
      });
    },
  );

  if (dialect.leaf !== "packet") continue;
  Deno.test(
    `verifyResponse() rejects every single-bit flip in the whole request of ${dialect.id}`,
    none,
    async () => {
      const exchange = await batchOfFive(dialect);
      const good = exchange.request;
      const seen = await flipBits({
        exchange,
        which: "request",
        places: placesOf(good, "request"),
        expected: (place, bad) => expectedOfRequest(dialect, place, good, bad),
      });
      assert.deepEqual([...seen.get("request.ZZZZ") ?? []], ["merkle-root"]);
      assert.deepEqual([...seen.get("request.SRV") ?? []], ["merkle-root"]);
    },
  );
}

Deno.test(
  "verifyResponse() judges flips in a list of several versions by order and choice",
  none,
  async () => {
    const versions = [1, 0x80000007, 0x80000008, 0x8000000b, 0x8000000c];
    const nonce = bytes(32, 5);
    const request = buildRequest({ versions, nonce, publicKey: PUBLIC_KEY });
    const exchange = await forge({ dialect: "draft-14", request });
    verified(await verifyResponse(exchange));
    const seen = await flipBits({
      exchange,
      which: "request",
      places: placesOf(request, "request"),
      only: "request.VER",
      expected: (place, bad) => {
        const list = Array.from(
          { length: 5 },
          (_, i) => readUint32(bad, place.start + 4 * i),
        );
        // A list with any number from 0x8000000c up in it, or 1, has to ascend.
        const strict = list.some((v) => SAID.get(v)?.on === "srep");
        if (strict && !ascending(list)) return ["versions-list"];
        return list.includes(0x8000000c)
          ? ["merkle-root"]
          : ["version-not-offered"];
      },
    });
    assert.deepEqual([...seen.get("request.VER") ?? []].sort(), [
      "merkle-root",
      "version-not-offered",
      "versions-list",
    ]);
  },
);

for (const equation of ["noble", "webcrypto"] as const) {
  Deno.test(
    `verifyResponse() gives the same verdicts with ${equation}`,
    none,
    async () => {
      for (const dialect of ALL) {
        const exchange = await batchOfFive(dialect);
        const { pathLength } = verified(await verifyResponse(exchange));
        const good = exchange.response;
        const run: FlipRun = {
          exchange,
          which: "response",
          places: placesOf(good, "response"),
          expected: (place, bad) =>
            expectedOfReply(dialect, place, good, bad, pathLength),
          step: 97,
        };
        const equations = VERIFIERS[equation];
        assert.deepEqual(
          await verifyResponse(exchange, { equation: equations }),
          await verifyResponse(exchange),
        );
        assert.deepEqual(
          await flipBits({ ...run, equation: equations }),
          await flipBits(run),
        );
      }
    },
  );
}
