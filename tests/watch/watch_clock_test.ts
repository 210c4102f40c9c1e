import assert from "node:assert/strict";
import { MACHINE_CLOCK } from "../../lib/watch/watch_clock.ts";

Deno.test(
  "the machine's clocks: sleep ends early when somebody has had enough",
  {
    permissions: "none",
  },
  async () => {
    const { wall, now, sleep, random } = MACHINE_CLOCK;
    assert(Math.abs(wall() - Date.now()) < 60_000);
    assert(now() > 0 && random() < 1);
    const stop = new AbortController();
    const waiting = sleep(3_600_000, [stop.signal]);
    stop.abort();
    await waiting;
  },
);
