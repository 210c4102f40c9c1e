import assert from "node:assert/strict";
import fc from "fast-check";
import { BrokenGzipError, gunzipped } from "../../lib/ecosystem/gunzip.ts";
import { readBounded } from "../../lib/ecosystem/load.ts";
import { MAX_LIST_LENGTH } from "../../lib/ecosystem/list.ts";
import { WireError } from "../../lib/wire/errors.ts";
import { MAX_REPORT_CHARS, parseReport } from "../../lib/verify/report.ts";
import { concat } from "../../lib/crypto/bytes.ts";
import { FORMS, makeChain } from "../_support/many.ts";

const none = { permissions: "none" } as const;

async function* inPieces(
  bytes: Uint8Array,
  size = 1,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([Uint8Array.from(bytes)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return concat(...await Array.fromAsync(chunks));
}

Deno.test(
  "what is gzip is unpacked, and all else is left alone",
  none,
  async () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const size = fc.integer({ min: 1, max: 50 });
    await fc.assert(
      fc.asyncProperty(bytes, size, async (bytes, size) => {
        const packed = await gzip(bytes);
        assert.deepEqual(await all(gunzipped(inPieces(packed, size))), bytes);
        if (bytes[0] === 0x1f) return;
        assert.deepEqual(await all(gunzipped(inPieces(bytes, size))), bytes);
      }),
      { numRuns: 50 },
    );
  },
);

Deno.test(
  "what only begins as gzip is refused, wherever it breaks off",
  none,
  async () => {
    const packed = await gzip(new TextEncoder().encode("a server list"));
    for (let length = 2; length < packed.length; length++) {
      const cut = packed.subarray(0, length);
      await assert.rejects(all(gunzipped(inPieces(cut))), BrokenGzipError);
      await assert.rejects(
        readBounded(inPieces(cut), "report"),
        (error) =>
          error instanceof WireError && error.code === "report" &&
          /gzip/.test(error.message),
      );
    }
  },
);

Deno.test("what the source fails with is passed on", none, async () => {
  const reason = new TypeError("the network is gone");
  const packed = await gzip(new Uint8Array(9));
  for (const length of [0, 1, 2, 15]) {
    const chunks = (async function* () {
      yield* inPieces(packed.subarray(0, length));
      throw reason;
    })();
    await assert.rejects(all(gunzipped(chunks)), (error) => error === reason);
    await assert.rejects(
      readBounded(inPieces(packed)).then(() => {
        throw reason;
      }),
      (error) => error === reason,
    );
  }
});

Deno.test(
  "a bomb is not unpacked further than what may be read",
  none,
  async () => {
    const bomb = await gzip(new Uint8Array(64 * 1024 * 1024));
    let taken = 0;
    let isClosed = false;
    const chunks = (async function* () {
      try {
        for await (const chunk of inPieces(bomb, 512)) {
          taken += chunk.length;
          yield chunk;
        }
      } finally {
        isClosed = true;
      }
    })();
    await assert.rejects(
      readBounded(chunks, "list"),
      (error) =>
        error instanceof WireError && error.code === "list" &&
        /longer than/.test(error.message),
    );
    assert(taken < bomb.length / 4, `${taken} of ${bomb.length} bytes taken`);
    assert(isClosed);
  },
);

Deno.test(
  "what unpacks to nothing for ever has a bound as well",
  none,
  async () => {
    const nothing = await gzip(new Uint8Array(0));
    const filler = new Uint8Array(64 * 1024);
    let taken = 0;
    const chunks = (async function* () {
      // A header that says a name follows, which has no end.
      yield concat(
        nothing.subarray(0, 3),
        Uint8Array.of(8),
        nothing.subarray(4, 10),
      );
      filler.fill(0x61);
      while (true) {
        taken += filler.length;
        yield await Promise.resolve(filler);
      }
    })();
    await assert.rejects(readBounded(chunks, "list"), WireError);
    assert(taken <= MAX_LIST_LENGTH + 2 * filler.length);
    assert(MAX_REPORT_CHARS > 0);
  },
);

Deno.test("a report reads the same, packed or not", none, async () => {
  const steps = [0, 1].map((
    server,
  ) => ({ dialect: "draft-14", server } as const));
  const text = JSON.stringify(FORMS["rfc-10049"](await makeChain(steps)));
  const packed = await gzip(new TextEncoder().encode(text));
  const read = await readBounded(inPieces(packed, 100), "report");
  assert.deepEqual(parseReport(read), parseReport(text));
});
