import assert from "node:assert/strict";
import { Turns } from "../../lib/watch/turns.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "Turns: in order, one failure harms no other, others get theirs in between",
  none,
  async () => {
    const turns = new Turns(3);
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);
    setTimeout(note("timer"), 0);
    const first = turns.take(note("1"));
    const second = turns.take(() => {
      throw new Error("broken");
    });
    const third = turns.take(note("3"));
    assert.equal(await turns.take(note("too many")), undefined);
    await first;
    await assert.rejects(second, /broken/);
    assert.deepEqual(await third, { value: 3 });
    assert.deepEqual(order, ["timer", "1", "3"]);
    assert.deepEqual(await turns.take(() => "again"), { value: "again" });
  },
);
