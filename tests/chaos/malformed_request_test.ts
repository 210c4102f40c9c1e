import assert from "node:assert/strict";
import { malformedRequests } from "../../lib/chaos/malformed_request.ts";
import { Server } from "../../lib/server/core.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { ALL, bytes, PUBLIC_KEY, requestFor } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function server(): Promise<Server> {
  return Server.create({
    privateKey: bytes(32, 1),
    greaseProbability: 0,
    trustClock: true,
  });
}

for (const { id } of ALL) {
  Deno.test(
    `malformedRequests() of ${id} get the silence they deserve, and the server lives on`,
    none,
    async () => {
      const answering = await server();
      const seen = new Set<string>();
      let silences = 0;
      for (
        const { name, packet, expect } of malformedRequests({
          request: requestFor(id, 0, 1100),
        })
      ) {
        assert(!seen.has(name), name);
        seen.add(name);
        const [outcome] = await answering.handleBatch([packet]);
        assert(outcome);
        if (expect === "silence") {
          silences++;
          assert("drop" in outcome, name);
        }
        if ("drop" in outcome) {
          assert.notEqual(outcome.drop, "internal", name);
          continue;
        }
        const { reply } = outcome;
        assert(reply.length <= packet.length, name);
        const exchange = {
          request: packet,
          response: reply,
          publicKey: PUBLIC_KEY,
        };
        assert((await verifyResponse(exchange)).ok, name);
      }
      assert(seen.size > 1200, `${seen.size}`);
      assert(silences > 900, `${silences}`);
      const request = requestFor(id, 1);
      const [outcome] = await answering.handleBatch([request]);
      assert(outcome && "reply" in outcome);
      assert.equal(answering.counters.panics, 0);
    },
  );
}

Deno.test(
  "malformedRequests() are the same every time, also without a request",
  none,
  () => {
    const once = [...malformedRequests()];
    assert.deepEqual([...malformedRequests()], once);
    assert(once.some(({ expect }) => expect === "any"));
  },
);

Deno.test(
  "malformedRequests() cover every fault that other implementations look for",
  none,
  () => {
    const names = new Set([...malformedRequests()].map(({ name }) => name));
    for (
      const name of [
        ...["cut to 8 bytes", "count set to 0x0", "count set to 0xffffffff"],
        ...[
          "offset 1 unaligned",
          "offset 2 descending",
          "offset 1 past the end",
        ],
        ...[
          "tags reversed",
          "NONC there twice",
          "NONC of 0 bytes",
          "NONC of 128 bytes",
        ],
        ...[
          "without VER",
          "without NONC",
          "without TYPE",
          "TYPE 1",
          "TYPE of 8 bytes",
        ],
        ...[
          "no version",
          "versions repeated",
          "versions unsorted",
          "33 versions",
        ],
        ...[
          "SRV of another key",
          "magic byte 0 wrong",
          "frame length one more",
        ],
        ...["4 bytes appended", "cut to 1098 bytes", "1023 bytes"],
      ]
    ) assert(names.has(name), name);
  },
);

Deno.test(
  "malformedRequests() refuses to start from what is no request",
  none,
  () => {
    assert.throws(
      () => malformedRequests({ request: new Uint8Array(9) }).next(),
      RangeError,
    );
  },
);
