/**
 * The client against real sockets on loopback: our own server, and scripted ones that
 * misbehave. What needs no sockets is in `ask_test.ts`.
 */

import assert from "node:assert/strict";
import { decodeUint32s } from "../../lib/wire/uint.ts";
import {
  type SendRequestOptions,
  veryDangerouslySendRequestAndDoNotVerify,
} from "../../lib/client/send_request.ts";
import { DEFAULT_OFFER, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { openNodeUdp } from "../../lib/net/node_udp.ts";
import { serve } from "../../lib/server/serve.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  forge,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
} from "../_support/fixtures.ts";
import {
  assertTimeout,
  failure,
  makeServer,
  nonceOf,
  OTHER_SEED,
  query,
  rejection,
  replyOf,
  type Scripted,
  scripted,
  SILENT,
  valueOf,
} from "../_support/send_request.ts";

function offerOf(request: Uint8Array): number[] {
  return decodeUint32s(valueOf(request, TAG.VER));
}

Deno.test("sendRequest() verifies the answer in every version", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  for (const dialect of ALL) {
    const result = await query(running.address.port, {
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    assert.equal(result.dialect, dialect.id);
    assert.equal(result.version, dialect.code);
    assert.equal(result.signedResponse.version, dialect.code);
    assert.equal(result.transport, "udp");
    assert.equal(result.address, `127.0.0.1:${running.address.port}`);
  }
});

Deno.test("sendRequest() finds the version of a server that speaks only one", async () => {
  for (const version of DEFAULT_OFFER) {
    const server = await makeServer({ versions: [version] });
    await using running = await serve(server, {
      hostname: "127.0.0.1",
      port: 0,
    });
    const result = await query(running.address.port);
    assert.equal(result.version, version);
    assert.deepEqual(offerOf(result.exchange.request), DEFAULT_OFFER);
  }
});

Deno.test("sendRequest() offers what most servers speak and leaves the choice to them", async () => {
  const cases = [[false, 0x8000000c, "draft-14"], [
    true,
    1,
    "rfc-10049",
  ]] as const;
  for (const [preferRfc, version, dialect] of cases) {
    const server = await makeServer({ preferRfc });
    await using running = await serve(server, {
      hostname: "127.0.0.1",
      port: 0,
    });
    const result = await query(running.address.port);
    assert.equal(result.version, version);
    assert.equal(result.dialect, dialect);
    assert.equal(result.exchange.request.length, 1024);
    assert(result.signedResponse.versions.includes(version));
  }
});

Deno.test("sendRequest() reads both spellings of version 1", async () => {
  for (const v1Context of ["rfc", "draft"] as const) {
    await using running = await serve(await makeServer({ v1Context }), {
      hostname: "127.0.0.1",
      port: 0,
    });
    const { verdict } = await query(running.address.port, { versions: [1] });
    const spelling = v1Context === "rfc" ? "rfc" : "plain";
    assert.deepEqual(verdict.spelling, {
      delegation: spelling,
      response: spelling,
    });
  }
});

Deno.test("sendRequest() offers something else when nothing comes, and repeats itself", async (t) => {
  const server = await makeServer();
  const offers = ({ requests }: Scripted) => requests.map(offerOf);

  // They all wait for the back-off, so they wait together.
  const cases: Record<string, () => Promise<void>> = {
    "0x8000000c alone for servers that choke on a list": async () => {
      await using asked = await scripted(async (request, say) => {
        if (offerOf(request).length === 1) {
          await say(await replyOf(server, request));
        }
      });
      const { dialect } = await query(asked.port);
      assert.equal(dialect, "draft-14");
      assert.deepEqual(offers(asked), [[...DEFAULT_OFFER], [0x8000000c]]);
    },
    "Google's protocol to the oldest": async () => {
      await using running = await serve(
        await makeServer({ versions: [GOOGLE_VERSION] }),
        { hostname: "127.0.0.1", port: 0 },
      );
      const { dialect, version } = await query(running.address.port);
      assert.equal(dialect, "google");
      assert.equal(version, GOOGLE_VERSION);
      assert.equal(running.counters.udp.received, 3);
    },
    "what hardly anybody speaks in the end": async () => {
      await using running = await serve(
        await makeServer({ versions: [0x80000009] }),
        { hostname: "127.0.0.1", port: 0 },
      );
      const { version } = await query(running.address.port, {
        transport: "udp",
      });
      assert.equal(version, 0x80000009);
      assert.equal(running.counters.udp.received, 4);
    },
    "the usual versions after the wanted ones": async () => {
      await using asked = await scripted(async (request, say) => {
        if (offerOf(request).length > 1) {
          await say(await replyOf(server, request));
        }
      });
      const { version } = await query(asked.port, { versions: [0x80000009] });
      assert.equal(version, 0x8000000c);
      assert.deepEqual(offers(asked), [[0x80000009], [...DEFAULT_OFFER]]);
    },
    "nothing else where that is forbidden, but the same again": async () => {
      let count = 0;
      await using asked = await scripted(async (request, say) => {
        if (++count === 2) await say(await replyOf(server, request));
      });
      const { exchange } = await query(asked.port, {
        versions: [0x8000000b],
        fallback: false,
      });
      assert.deepEqual(asked.requests, [exchange.request, exchange.request]);
    },
    "as often as the server spoils its replies": async () => {
      // chance: spoil; leave a tag out; which one. Then no more.
      const chances = [0, 0, 0];
      const greasing = await makeServer({
        greaseProbability: 0.5,
        random: () => chances.shift() ?? 0.99,
      });
      await using running = await serve(greasing, {
        hostname: "127.0.0.1",
        port: 0,
      });
      const result = await query(running.address.port);
      assert.equal(result.dialect, "draft-14");
      assert.equal(running.counters.udp.received, 2);
    },
    "and takes a late answer to the first request": async () => {
      let late: Uint8Array | undefined;
      await using asked = await scripted(async (request, say) => {
        if (late === undefined) late = await replyOf(server, request);
        else await say(late);
      });
      const result = await query(asked.port);
      assert.deepEqual(result.exchange.request, asked.requests[0]);
      assert.equal(asked.requests.length, 2);
    },
  };
  const runs = Object.values(cases).map((run) => run());
  const outcomes = await Promise.allSettled(runs);
  for (const [i, name] of Object.keys(cases).entries()) {
    await t.step(name, async () => {
      assert.equal(outcomes[i]?.status, "fulfilled", Deno.inspect(outcomes[i]));
      await runs[i];
    });
  }
});

Deno.test("sendRequest() asks a name of the system", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port } = running.address;
  // It may mean [::1] too, where nobody answers.
  const { address } = await query(port, { host: "localhost" });
  assert.equal(address, `127.0.0.1:${port}`);
});

Deno.test("sendRequest() uses the nonce it is given", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const nonce = bytes(32, 42);
  const { exchange } = await query(running.address.port, { nonce });
  assert.deepEqual(nonceOf(exchange.request), nonce);

  // Only Google's protocol, of those tried by default, has 64 bytes.
  const long = bytes(64, 43);
  const google = await query(running.address.port, { nonce: long });
  assert.equal(google.version, GOOGLE_VERSION);
  assert.deepEqual(nonceOf(google.exchange.request), long);
  assert.equal(running.counters.udp.received, 2);

  const draft = await query(running.address.port, {
    nonce: long,
    versions: [0x80000003],
  });
  assert.equal(draft.dialect, "draft-03");
});

Deno.test("sendRequest() makes another nonce each time", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const nonces = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { exchange } = await query(running.address.port);
    nonces.add(String(nonceOf(exchange.request)));
  }
  assert.equal(nonces.size, 20);
});

Deno.test("sendRequest() refuses what it cannot ask, before it asks", async () => {
  const open = () => assert.fail("opened a socket");
  const lookup = () => assert.fail("looked up a name");
  const refuse = async (
    options: Partial<SendRequestOptions>,
    expected: { name: string; code?: string },
  ) =>
    await assert.rejects(
      query(2002, { host: "name", open, lookup, ...options }),
      expected,
      Deno.inspect(options),
    );
  const offer = { name: "WireError", code: "offer" };
  await refuse({ versions: [] }, offer);
  await refuse({ versions: [0x77777777] }, offer);
  await refuse({ versions: [1, 1] }, offer);
  await refuse({ versions: [1, GOOGLE_VERSION] }, offer);
  await refuse({ versions: [0x80000001, 0x80000008] }, offer);
  const nine = [5, 6, 7, 8, 9, 10, 11, 12].map((n) => 0x80000000 + n);
  await refuse({ versions: [1, ...nine] }, offer);

  const nonce = { name: "WireError", code: "nonce" };
  for (const length of [0, 16, 31, 33, 63, 65]) {
    await refuse({ nonce: bytes(length, 1) }, nonce);
  }
  await refuse(
    { nonce: bytes(64, 1), versions: [1], fallback: false },
    nonce,
  );

  const size = { name: "WireError", code: "size" };
  for (const wrong of [0, 64, 1023, 1025, NaN]) {
    await refuse({ size: wrong }, size);
  }

  const key = { name: "WireError", code: "key" };
  for (const publicKey of ["", "key", bytes(31, 1), bytes(33, 1)]) {
    await refuse({ publicKey }, key);
  }

  const range = { name: "RangeError" };
  for (const port of [0, -1, 65536, 1.5, NaN]) await refuse({ port }, range);
  for (const timeout of [0, -1, NaN]) await refuse({ timeout }, range);
});

Deno.test("sendRequest() offers eight versions at once", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const eight = [1, ...[7, 8, 9, 10, 11, 12, 13].map((n) => 0x80000000 + n)];
  const { exchange } = await query(running.address.port, {
    versions: eight.toReversed(),
  });
  assert.deepEqual(offerOf(exchange.request), eight);
});

Deno.test("sendRequest() derives bounds that hold if the server is honest", async () => {
  await using running = await serve(
    await makeServer({ radiusSeconds: 5, trustClock: true }),
    { hostname: "127.0.0.1", port: 0 },
  );
  for (const { code } of ALL) {
    const before = performance.now();
    const result = await query(running.address.port, { versions: [code] });
    const { midpointMicros, radiusMicros, rttMicros, bounds } = result;
    assert.equal(radiusMicros, 5_000_000n);
    assert(rttMicros >= 0n);
    assert.equal(bounds.earliestMicros, midpointMicros - radiusMicros);
    assert.equal(
      bounds.latestMicros,
      midpointMicros + radiusMicros + rttMicros,
    );
    assert(before <= result.receivedAt);
    assert(result.receivedAt <= performance.now());
    // The round trip lies between the two and is rounded up.
    const whole = Math.ceil((result.receivedAt - before) * 1000);
    assert(rttMicros <= BigInt(whole));

    assert.equal(
      result.midpoint.getTime(),
      Number(midpointMicros / 1000n),
    );
    assert.equal(
      result.signedResponse.midpoint,
      Number(midpointMicros) / 1e6,
    );
    assert.equal(result.signedResponse.radius, 5);
    assert.equal(result.verdict.midpointMicros, midpointMicros);
    assert.deepEqual(result.verdict.delegation, result.delegation);
    const { notBeforeMicros, notAfterMicros } = result.delegation;
    assert(notBeforeMicros <= midpointMicros);
    assert(midpointMicros <= notAfterMicros);
  }
});

Deno.test(
  "sendRequest() counts from the first request that a reply may answer",
  async () => {
    // Both offers carry the one nonce, and in draft 08 nothing else of them is signed: the
    // reply to the first one comes after the second has gone out and answers both.
    const server = await makeServer();
    let late: Uint8Array | undefined;
    const seenAt: number[] = [];
    await using asked = await scripted(async (request, say) => {
      seenAt.push(performance.now());
      if (late === undefined) late = await replyOf(server, request);
      else await say(late);
    });
    const { rttMicros, bounds, verdict } = await query(asked.port, {
      versions: [0x80000008],
      nonce: bytes(32, 1),
    });
    const [first = 0, second = 0] = seenAt;
    assert.equal(verdict.dialect, "draft-08");
    assert(Number(rttMicros) / 1000 >= second - first);
    assert.equal(
      bounds.latestMicros,
      verdict.midpointMicros + verdict.radiusMicros + rttMicros,
    );
  },
);

Deno.test("sendRequest() gives back evidence that verifies again", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const result = await query(running.address.port);
  assert.deepEqual(await verifyResponse(result.exchange), result.verdict);
  const { publicKey } = OTHER_LONG_TERM;
  const verdict = await verifyResponse({ ...result.exchange, publicKey });
  assert(!verdict.ok);
});

Deno.test("sendRequest() gives times that no Date can hold as they are", async () => {
  const far = 9_000_000_000_000_000_000n;
  await using asked = await scripted(async (request, say) => {
    const { response } = await forge({
      dialect: "google",
      request,
      midpointMicros: far,
      notAfterMicros: far,
    });
    await say(response);
  });
  const result = await query(asked.port, { versions: [GOOGLE_VERSION] });
  assert.equal(result.midpointMicros, far);
  assert(Number.isNaN(result.midpoint.getTime()));
});

Deno.test("sendRequest() takes keys as bytes and as text", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const base64 = formatKey(PUBLIC_KEY);
  const spellings = [
    PUBLIC_KEY,
    base64,
    base64.replace(/=$/, ""),
    base64.replaceAll("+", "-").replaceAll("/", "_"),
    [...PUBLIC_KEY].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
  ];
  for (const publicKey of spellings) {
    const { exchange } = await query(running.address.port, { publicKey });
    assert.deepEqual(exchange.publicKey, PUBLIC_KEY);
  }
});

Deno.test("sendRequest() asks as it is told: untyped, larger, once", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port } = running.address;
  const untyped = await query(port, { versions: [0x8000000c], typed: false });
  assert.equal(untyped.dialect, "draft-12");
  const large = await query(port, { size: 1400 });
  assert.equal(large.exchange.request.length, 1400);
  const once = await query(port, { retries: 1 });
  assert.equal(once.transport, "udp");
});

Deno.test("sendRequest() works over node:dgram all the same", async () => {
  const open = openNodeUdp;
  const server = await makeServer();
  await using running = await serve(server, {
    hostname: "127.0.0.1",
    port: 0,
    open,
  });
  for (const dialect of ALL) {
    const result = await query(running.address.port, {
      open,
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    assert.equal(result.dialect, dialect.id);
  }
  await running.shutdown();
  assert.equal(running.counters.udp.answered, ALL.length);

  await using silent = await scripted(SILENT);
  assertTimeout(await failure(query(silent.port, { open, timeout: 50 })));
});

Deno.test("sendRequest() can be under way many times at once", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  const results = await Promise.all(
    Array.from({ length: 40 }, () => query(running.address.port)),
  );
  const requests = results.map(({ exchange }) => String(exchange.request));
  assert.equal(new Set(requests).size, 40);
});

Deno.test("sendRequest() waits as long as it is told", async () => {
  await using running = await serve(await makeServer(), {
    hostname: "127.0.0.1",
    port: 0,
  });
  for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Infinity]) {
    const { dialect } = await query(running.address.port, { timeout });
    assert.equal(dialect, "draft-14");
  }
});

const doNotVerify = veryDangerouslySendRequestAndDoNotVerify;

Deno.test("veryDangerouslySendRequestAndDoNotVerify() needs no key", async () => {
  const server = await makeServer();
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  const { port } = running.address;
  for (const dialect of ALL) {
    const result = await doNotVerify({
      host: "127.0.0.1",
      port,
      versions: [dialect.code],
      typed: dialect.type === "required",
      fallback: false,
    });
    const { unverified, request, response } = result;
    assert.equal(unverified.dialect.id, dialect.id);
    assert.equal(unverified.version, dialect.code);
    assert.equal(result.transport, "udp");
    assert.equal(result.address, `127.0.0.1:${port}`);
    assert(result.rttMicros >= 0n);
    // What it gives can still be verified.
    const verdict = await verifyResponse({
      request,
      response,
      publicKey: PUBLIC_KEY,
    });
    assert(verdict.ok);
    assert.equal(verdict.midpointMicros, unverified.midpointMicros);
  }
});

Deno.test("veryDangerouslySendRequestAndDoNotVerify() believes what sendRequest() does not", async () => {
  const stranger = await makeServer({ privateKey: OTHER_SEED });
  await using running = await serve(stranger, {
    hostname: "127.0.0.1",
    port: 0,
  });
  const options = {
    host: "127.0.0.1",
    port: running.address.port,
    publicKey: PUBLIC_KEY,
    versions: [0x80000008],
    timeout: 5000,
  };
  const { request, response, unverified } = await doNotVerify(options);
  assert.equal(unverified.version, 0x80000008);
  const exchange = { request, response, publicKey: PUBLIC_KEY };
  assert(!(await verifyResponse(exchange)).ok);
});

Deno.test("veryDangerouslySendRequestAndDoNotVerify() wants a reply that can be read", async () => {
  const server = await makeServer();
  await using late = await scripted(async (request, say) => {
    await say(bytes(300, 1));
    await say(request);
    await say(await replyOf(server, request));
  });
  const host = "127.0.0.1";
  const { unverified } = await doNotVerify({ host, port: late.port });
  assert.equal(unverified.dialect.id, "draft-14");

  await using garbled = await scripted((_, say) => say(bytes(300, 1)));
  const error = await rejection(
    doNotVerify({ host, port: garbled.port, timeout: 500 }),
  );
  assert.equal(error.rejection.code, "malformed");
  assert.deepEqual(error.exchange.response, bytes(300, 1));

  await using silent = await scripted(SILENT);
  assertTimeout(
    await failure(doNotVerify({ host, port: silent.port, timeout: 50 })),
  );
  await assert.rejects(
    doNotVerify({ host, port: silent.port, publicKey: "no key" }),
    { name: "WireError", code: "key" },
  );
});
