import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { frame, isFramed } from "../../lib/wire/frame.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  bytes,
  flip,
  messageOf,
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
  scripted,
  SEED,
  valueOf,
} from "../_support/send_request.ts";

/** Overwrites a value where it stands. */
function overwrite(
  packet: Uint8Array,
  old: Uint8Array,
  value: Uint8Array,
): Uint8Array {
  const text = `,${packet.join()},`;
  const at = text.indexOf(`,${old.join()},`);
  assert(at >= 0);
  const copy = Uint8Array.from(packet);
  copy.set(value, text.slice(0, at).split(",").length - 1);
  return copy;
}

/** What an attacker may send who sees the request but has not the key. */
async function hostile(
  request: Uint8Array,
  good: Uint8Array,
): Promise<Record<string, Uint8Array>> {
  const server = await makeServer();
  const nonce = nonceOf(request);
  const earlier = overwrite(request, nonce, bytes(nonce.length, 5));
  const packets: Record<string, Uint8Array> = {
    "nothing": new Uint8Array(0),
    "noise": bytes(400, 1),
    "zeros": new Uint8Array(1024),
    "the request": request,
    "another frame": isFramed(good) ? messageOf(good) : frame(good),
    "a reply and more": concat(good, bytes(4, 2)),
    "a reply to something else": await replyOf(server, earlier),
  };
  for (const length of [1, 8, 12, 16, 64, 200, good.length - 4]) {
    packets[`the first ${length} bytes`] = good.slice(0, length);
  }
  // Every value is found somewhere among these bits.
  for (let bit = 0; bit < 8 * good.length; bit += 61) {
    packets[`a reply with bit ${bit} turned`] = flip(good, bit);
  }
  return packets;
}

for (const versions of [undefined, [GOOGLE_VERSION], [0x80000008], [1]]) {
  const what = versions ? `version ${versions}` : "the usual offer";
  Deno.test(`sendRequest() ignores forged datagrams until the good one comes (${what})`, async () => {
    const server = await makeServer();
    const stranger = await makeServer({
      privateKey: OTHER_SEED,
      versions: [GOOGLE_VERSION, 0x80000008],
    });
    // The right key and another time, but not from where was asked.
    class Late extends Server {
      override getTime(): bigint {
        return super.getTime() + 600_000_000n;
      }
    }
    const late = await Late.create({ privateKey: SEED, greaseProbability: 0 });
    const elsewhere = await openUdp({
      hostname: "127.0.0.1",
      port: 0,
      maxBatch: 1,
    });
    let good = new Uint8Array(0);
    try {
      await using asked = await scripted(async (request, say, client) => {
        const port = Number(client.split(":").at(-1));
        const peer = elsewhere.peer("127.0.0.1", port);
        const foreign = await replyOf(late, request);
        assert.equal(await elsewhere.send([{ bytes: foreign, peer }]), 1);
        good = Uint8Array.from(await replyOf(server, request));
        for (const packet of Object.values(await hostile(request, good))) {
          await say(packet);
        }
        const [other] = await stranger.handleBatch([request]);
        if (other && "reply" in other) await say(other.reply);
        await say(good);
      });
      const result = await query(asked.port, {
        versions,
        fallback: versions === undefined,
      });
      // A bit that nothing depends on may be turned without harm.
      const verdict = await verifyResponse({
        request: asked.requests[0] as Uint8Array,
        response: good,
        publicKey: PUBLIC_KEY,
      });
      assert(verdict.ok);
      assert.equal(result.midpointMicros, verdict.midpointMicros);
      assert.equal(result.address, `127.0.0.1:${asked.port}`);
      assert.deepEqual(result.exchange.request, asked.requests[0]);
    } finally {
      elsewhere.close();
    }
  });
}

Deno.test("sendRequest() finds the good one in a flood", async () => {
  const server = await makeServer();
  await using asked = await scripted(async (request, say) => {
    for (let i = 0; i < 100; i++) await say(bytes(16 + i % 64, i));
    await say(await replyOf(server, request));
  });
  assert.equal((await query(asked.port)).dialect, "draft-14");
});

Deno.test("sendRequest() says which key it was not", async () => {
  // Servers that know SRV do not answer for another key.
  const cases = [[GOOGLE_VERSION], [0x80000001], [0x80000007], [0x80000008]];
  const server = await makeServer({ privateKey: OTHER_SEED });
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  await Promise.all(cases.map(async (versions) => {
    const error = await rejection(query(running.address.port, {
      versions,
      fallback: false,
      timeout: 1000,
    }));
    assert.equal(error.name, "VerificationError");
    assert.deepEqual(error.rejection, { code: "certificate-signature" });
    assert.match(error.message, /another key/);
    assert.equal(error.exchange.publicKey, PUBLIC_KEY);
    // The exchange is evidence: under the right key it is fine.
    const { publicKey } = OTHER_LONG_TERM;
    const verdict = await verifyResponse({ ...error.exchange, publicKey });
    assert(verdict.ok);
  }));
});

Deno.test("sendRequest() gets no answer under another key from servers that know SRV", async () => {
  const server = await makeServer({ privateKey: OTHER_SEED });
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  const error = await failure(query(running.address.port, {
    versions: [1, 0x8000000b, 0x8000000c],
    fallback: false,
    timeout: 100,
  }));
  assertTimeout(error);
  await running.shutdown();
  assert.equal(running.counters.udp.dropped.srv, 1);
});

Deno.test("sendRequest() tells of the reply that came closest when none is good", async () => {
  const server = await makeServer();
  const stranger = await makeServer({ privateKey: OTHER_SEED });
  const versions = [0x80000008];
  const script = (names: readonly string[]) =>
    scripted(async (request, say) => {
      const good = await replyOf(server, request);
      const replies: Record<string, Uint8Array> = {
        "malformed": bytes(300, 1),
        "cut": good.slice(0, -4),
        "certificate": await replyOf(stranger, request),
        "signature": overwrite(good, valueOf(good, TAG.SIG), bytes(64, 7)),
      };
      for (const name of names) await say(replies[name] as Uint8Array);
    });
  const cases: [string[], string][] = [
    [["malformed"], "malformed"],
    [["malformed", "certificate", "malformed"], "certificate-signature"],
    [["certificate", "signature", "cut"], "response-signature"],
    [["signature", "certificate"], "response-signature"],
  ];
  await Promise.all(cases.map(async ([names, code]) => {
    await using asked = await script(names);
    const error = await rejection(
      query(asked.port, { versions, fallback: false, timeout: 1000 }),
    );
    assert.equal(error.rejection.code, code);
    assert.deepEqual(error.exchange.request, asked.requests[0]);
    const verdict = await verifyResponse(error.exchange);
    assert.deepEqual(verdict, { ok: false, rejection: error.rejection });
  }));
});
