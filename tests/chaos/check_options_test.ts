import assert from "node:assert/strict";
import { BEHAVIOURS } from "../../lib/chaos/behaviour.ts";
import { checkBehaviours } from "../../lib/chaos/check_options.ts";

Deno.test("every known behaviour has numbers that make sense", {
  permissions: "none",
}, () => {
  checkBehaviours(BEHAVIOURS.map(({ behaviour }) => behaviour));
});

Deno.test("a behaviour that does not is named", { permissions: "none" }, () => {
  assert.throws(
    () =>
      checkBehaviours([
        { kind: "silence" },
        { kind: "delay", delayMs: 1, share: 2 },
      ]),
    {
      name: "RangeError",
      message: "Cannot use delay.share of 2: a number from 0 to 1 is needed",
    },
  );
});
