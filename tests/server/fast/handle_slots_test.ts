import assert from "node:assert/strict";
import { handleSlots } from "../../../lib/server/fast/handle_slots.ts";
import { inputOffset } from "../../../lib/server/fast/kernel/layout.ts";
import type { FastResponder } from "../../../lib/server/fast/responder.ts";
import { bytes } from "../../_support/fixtures.ts";
import { makeServer } from "../../_support/pool.ts";

const MOMENT = { midpointMicros: 1n, radiusMicros: 1n };

/** Three requests; whatever answers them together does as it is told. */
async function slotsThat(
  answer: FastResponder["answer"],
): Promise<FastResponder> {
  const slots = (await makeServer()).openSlots();
  assert(slots);
  for (const slot of [0, 1, 2]) {
    slots.kernel.bytes.set(bytes(8, slot), inputOffset(slot));
    slots.lengths[slot] = 8;
  }
  return Object.assign(slots, { answer });
}

const fail = () => {
  throw new Error("nobody foresaw it");
};

for (
  const [how, answer, moment] of [
    ["at once", fail, () => MOMENT],
    ["later", () => Promise.reject(new Error("later")), () => MOMENT],
    ["after a new key", fail, () => Promise.resolve(MOMENT)],
    ["before it is begun", () => undefined, fail],
    ["while a key is made", () => undefined, () => Promise.reject(fail)],
  ] as const
) {
  Deno.test(`a batch that fails ${how} is answered one by one`, async () => {
    const slots = await slotsThat(answer);
    const handled: number[] = [];
    const pending = handleSlots(slots, 3, {
      moment,
      handle: ([first = NaN]) => {
        handled.push(first);
        return Promise.resolve(
          handled.length === 2 ? [{ drop: "parse" }] : [{
            reply: bytes(4, first),
            version: 1,
          }],
        );
      },
    });
    assert(pending instanceof Promise);
    await pending;
    assert.deepEqual(handled, [0, 1, 2].map((slot) => bytes(8, slot)[0]));
    assert.deepEqual([...slots.replyLengths.subarray(0, 3)], [4, 0, 4]);
    assert.deepEqual(slots.drops.slice(0, 3), [undefined, "parse", undefined]);
  });
}

Deno.test("a batch at a time that nothing may be signed is refused at once", async () => {
  const slots = await slotsThat(fail);
  const handle = () => assert.fail("one by one");
  const moment = () => "clock" as const;
  assert.equal(handleSlots(slots, 3, { moment, handle }), undefined);
  assert.deepEqual(slots.drops.slice(0, 3), ["clock", "clock", "clock"]);
});
