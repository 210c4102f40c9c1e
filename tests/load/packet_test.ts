import assert from "node:assert/strict";
import fc from "fast-check";
import { type Dialect, DIALECTS } from "../../lib/wire/dialect.ts";
import { LoadPacket, REPLY } from "../../lib/load/packet.ts";
import { parseRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  bytes,
  corpus,
  drop,
  edit,
  makeResponder,
  MOMENT,
  PUBLIC_KEY,
  put,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function packetFor(dialect: Dialect, seed = 1): LoadPacket {
  return new LoadPacket({
    version: dialect.code,
    typed: dialect.type === "required",
    publicKey: PUBLIC_KEY,
    random: (length) => bytes(length, seed),
  });
}

/** What a server makes of requests that come together. */
async function repliesTo(
  requests: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const responder = await makeResponder({ soloBudget: 0 });
  const outcomes = await responder.respond(requests, MOMENT);
  return outcomes.map((outcome) => {
    if ("drop" in outcome) assert.fail(outcome.drop);
    return outcome.reply;
  });
}

Deno.test(
  "a number goes into a request and comes back in the reply",
  none,
  async () => {
    const numbers = [0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff];
    for (const dialect of ALL) {
      const packet = packetFor(dialect);
      assert.equal(packet.dialect, dialect);
      const requests = numbers.map((number) => packet.make(number));
      for (const request of requests) {
        const parsed = parseRequest(request);
        assert(parsed.ok);
        assert.deepEqual(parsed.request.versions, [dialect.code]);
        assert.equal(parsed.request.typed, dialect.type === "required");
        assert.equal(parsed.request.nonce.length, dialect.nonceSize);
      }
      const replies = await repliesTo(requests);
      // Clients without TYPE get trees with an even number of levels.
      const many = dialect.type === "none" ? 4 : 3;
      const depth = dialect.batches === "one" ? 0 : many;
      replies.forEach((reply, i) => {
        assert.equal(packet.read(reply), numbers[i], dialect.id);
        assert.equal(packet.pathLength, depth, dialect.id);
      });
    }
  },
);

Deno.test("write() changes nothing but the number", none, () => {
  const packet = packetFor(DIALECTS["draft-14"]);
  const request = packet.make(7);
  packet.write(request, 8);
  assert.deepEqual(request, packet.make(8));
  packet.write(request, 7);
  assert.deepEqual(request, packet.make(7));
  const differing = request.filter((byte, i) => byte !== packet.make(8)[i]);
  assert.equal(differing.length, 1);
});

Deno.test("two families do not take each other's replies", none, async () => {
  for (const dialect of ALL) {
    const mine = packetFor(dialect, 1);
    const [reply = new Uint8Array(0)] = await repliesTo([mine.make(5)]);
    assert.equal(packetFor(dialect, 2).read(reply), REPLY.foreign, dialect.id);
  }
  const [google = new Uint8Array(0)] = await repliesTo([
    packetFor(DIALECTS.google).make(),
  ]);
  const framed = packetFor(DIALECTS["draft-14"]);
  assert.equal(framed.read(google), REPLY.foreign);
});

Deno.test(
  "a reply without NONC is anonymous where that is allowed",
  none,
  async () => {
    for (const dialect of ALL) {
      const packet = packetFor(dialect);
      const [reply = new Uint8Array(0)] = await repliesTo([packet.make(5)]);
      const without = edit(reply, (entries) => drop(entries, TAG.NONC));
      const expected = dialect.nonceEcho === "srep"
        ? 5 // it is not on top there
        : dialect.nonceEcho === "optional"
        ? REPLY.anonymous
        : REPLY.foreign;
      assert.equal(packet.read(without), expected, dialect.id);
      if (dialect.nonceEcho === "srep") continue;
      const short = edit(
        reply,
        (entries) => put(entries, TAG.NONC, bytes(16, 1)),
      );
      assert.equal(packet.read(short), REPLY.foreign, dialect.id);
    }
  },
);

Deno.test("no bytes make read() throw", none, async () => {
  const packet = packetFor(DIALECTS["draft-14"]);
  const holds = (packet: LoadPacket, reply: Uint8Array) => {
    const number = packet.read(reply);
    assert(number >= REPLY.anonymous && number <= 0xffffffff);
    assert(Number.isInteger(packet.pathLength) && packet.pathLength >= 0);
  };
  for (const dialect of ALL) {
    const packet = packetFor(dialect);
    for (const one of corpus(packet.make())) holds(packet, one.packet);
  }
  const [reply = new Uint8Array(0)] = await repliesTo([packet.make(5)]);
  const change = fc.tuple(
    fc.nat(reply.length - 1),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(fc.array(change), fc.nat(reply.length), (changes, length) => {
      const spoilt = reply.slice(0, length);
      for (const [at, byte] of changes) if (at < length) spoilt[at] = byte;
      holds(packet, spoilt);
    }),
  );
});

Deno.test("a bare echo counts, but only with the nonce", none, () => {
  for (const dialect of ALL) {
    const packet = packetFor(dialect);
    assert.equal(packet.read(packet.make(9)), 9, dialect.id);
    assert.equal(packet.pathLength, 0);
    const without = edit(packet.make(9), (entries) => drop(entries, TAG.NONC));
    assert.equal(packet.read(without), REPLY.foreign, dialect.id);
  }
});

Deno.test("an unknown version is refused", none, () => {
  const random = (length: number) => bytes(length, 1);
  assert.throws(
    () => new LoadPacket({ version: 7, typed: true, random }),
    { name: "WireError", code: "offer" },
  );
});
