import assert from "node:assert/strict";
import { createCounters } from "../../../lib/server/counters.ts";
import type { FastResponder } from "../../../lib/server/fast/responder.ts";
import { rehearse } from "../../../lib/server/workers/rehearsal.ts";
import { requestFor } from "../../_support/fixtures.ts";
import { makeServer, verified } from "../../_support/pool.ts";
import { inputOffset } from "../../../lib/server/fast/kernel/layout.ts";

Deno.test("a rehearsal counts nothing, and leaves the answers right", async () => {
  const signed: number[] = [];
  const server = await makeServer({
    exportable: false,
    onBatch: (_, size) => signed.push(size),
  });
  const slots = server.openSlots() as FastResponder;
  await rehearse(server, slots);
  assert.deepEqual(server.counters, createCounters());
  assert(signed.length > 100); // it did something
  signed.length = 0;
  const request = requestFor("rfc-10049", 1);
  slots.kernel.bytes.set(request, inputOffset(0));
  slots.lengths[0] = request.length;
  await server.handleSlots(slots, 1);
  await verified(request, Uint8Array.from(slots.reply(0)));
  assert.deepEqual(signed, [1]);
  assert.equal(server.counters.batches, 1);
});

Deno.test("a server that speaks none of the usual versions has nothing to rehearse", async () => {
  const server = await makeServer({ versions: [0x80000003] });
  await rehearse(server, server.openSlots() as FastResponder);
  assert.deepEqual(server.counters, createCounters());
});
