/**
 * What keeps the short way within its bounds: memory, slots, lengths, and that it is taken.
 *
 * @module
 */

import assert from "node:assert/strict";
import { inputOffset } from "../../../lib/server/fast/kernel/layout.ts";
import { createKernel } from "../../../lib/server/fast/kernel/instance.ts";
import { FastResponder } from "../../../lib/server/fast/responder.ts";
import { SlotReader } from "../../../lib/server/fast/slot_reader.ts";
import {
  ANSWERABLE,
  Responder,
  type ResponderOptions,
} from "../../../lib/server/responder.ts";
import { ALIASES, DIALECTS } from "../../../lib/wire/dialect.ts";
import { TAG } from "../../../lib/wire/tag.ts";
import { encodeUint32s } from "../../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  edit,
  judge,
  makeKeyring,
  MOMENT,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function load(fast: FastResponder, packets: readonly Uint8Array[]): void {
  packets.forEach((packet, slot) => {
    fast.kernel.bytes.set(packet, inputOffset(slot));
    fast.lengths[slot] = packet.length;
  });
}

/** The same request with another list of versions. */
function offering(
  request: Uint8Array,
  versions: readonly number[],
): Uint8Array<ArrayBuffer> {
  return edit(
    request,
    (entries) => put(entries, TAG.VER, encodeUint32s(versions)),
  );
}

Deno.test("what strangers offer does not fill the memory", none, () => {
  const kernel = createKernel();
  const known = [...new Set([...ANSWERABLE, ...ALIASES])]
    .filter((code) => code !== DIALECTS.google.code)
    .sort((a, b) => a - b);
  const options = { versions: ANSWERABLE, preferRfc: false };
  const reader = new SlotReader(kernel, known, options);
  let most = 0;
  for (let mask = 1; mask <= 1100; mask++) {
    const versions = known.filter((_, i) => (mask & 1 << i) !== 0);
    const request = offering(requestFor("rfc-10049"), versions);
    kernel.bytes.set(request, inputOffset(0));
    const choice = reader.read(0, request.length);
    if (choice) assert(versions.includes(choice.version));
    most = Math.max(most, reader.remembered);
  }
  assert(most > 100, "a few offers are worth remembering");
  assert(most <= 1024, String(most));
});

/** Counts what is answered the long way while something is done. */
async function countSlow(
  action: () => Promise<void> | undefined,
): Promise<number> {
  const { respond } = Responder.prototype;
  let slow = 0;
  Responder.prototype.respond = function (packets, ...more) {
    slow += packets.length;
    return respond.call(this, packets, ...more);
  };
  try {
    await action();
  } finally {
    Responder.prototype.respond = respond;
  }
  return slow;
}

Deno.test(
  "what clients usually send is answered the short way",
  none,
  async () => {
    const fast = new FastResponder({ keyring: await makeKeyring() });
    for (const { id, type, batches, framed, code } of ALL) {
      if (batches === "one" || type === "none") continue;
      const packets = [1, 2, 3].map((n) => requestFor(id, n));
      if (framed) {
        const notKnownYet = 0xfffffff0;
        packets.push(offering(requestFor(id, 4), [code, notKnownYet]));
      }
      load(fast, packets);
      const slow = await countSlow(() => fast.answer(packets.length, MOMENT));
      assert.equal(slow, 0, id);
      packets.forEach((_, slot) => assert(fast.replyLengths[slot], id));
    }
    // One that has no TYPE gets a tree of its own while there are few.
    load(fast, [requestFor("draft-12")]);
    assert.equal(await countSlow(() => fast.answer(1, MOMENT)), 1);
  },
);

Deno.test(
  "nothing is read or written but the slots of a batch",
  none,
  async () => {
    const batches: number[] = [];
    const fast = new FastResponder({
      keyring: await makeKeyring(),
      onBatch: (_, size) => void batches.push(size),
    });
    load(fast, [1, 2, 3, 4].map((n) => requestFor("rfc-10049", n)));
    await fast.answer(4, MOMENT);
    // The fourth is from the batch before.
    fast.drops[3] = "budget";
    fast.replyLengths[3] = 77;
    await fast.answer(3, MOMENT);
    assert.deepEqual(batches, [4, 3]);
    assert.deepEqual([fast.drops[3], fast.replyLengths[3]], ["budget", 77]);
  },
);

/** As if certificates were longer than any is today. */
async function padded(certificateBytes: number): Promise<FastResponder> {
  const keyring = await makeKeyring();
  const certificate = bytes(certificateBytes, 1);
  const long: ResponderOptions["keyring"] = Object.create(keyring, {
    identities: { value: keyring.identities },
    v1Context: { value: keyring.v1Context },
    certificateFor: { value: () => certificate },
  });
  return new FastResponder({ keyring: long });
}

Deno.test(
  "no reply that is made in place is longer than its request",
  none,
  async () => {
    const ask = (size: number) => requestFor("rfc-10049", size, size);
    const rest = 1400 - 1000;
    const fast = await padded(1000);
    const packets = [ask(1024), ask(2048), ask(1024)];
    load(fast, packets);
    await fast.answer(3, MOMENT);
    assert.deepEqual(fast.drops.slice(0, 3), [
      "amplification",
      undefined,
      "amplification",
    ]);
    const length = fast.replyLengths[1] as number;
    assert(length > 1024 && length < 1000 + rest + 100, String(length));
    assert.equal(fast.replyLengths[0], 0);
    // As long as the request is not longer.
    load(fast, [ask(length), ask(length - 4), ask(2048)]);
    await fast.answer(3, MOMENT);
    assert.deepEqual(fast.drops.slice(0, 3), [
      undefined,
      "amplification",
      undefined,
    ]);
  },
);

Deno.test("no reply is written beyond its slot", none, async () => {
  const fast = await padded(1400);
  const packets = [1, 2].map((n) => requestFor("rfc-10049", n, 2048));
  load(fast, packets);
  await fast.answer(2, MOMENT);
  assert.deepEqual(fast.drops.slice(0, 2), ["amplification", "amplification"]);
  // Nor has anything been spoilt: an ordinary server over the same memory goes on.
  fast.reconfigure({ keyring: await makeKeyring() });
  await fast.answer(2, MOMENT);
  for (const [slot, request] of packets.entries()) {
    const response = fast.reply(slot).slice();
    const exchange = { request, response, publicKey: PUBLIC_KEY };
    assert.equal(await judge(exchange), "ok");
  }
});
