import assert from "node:assert/strict";
import { guarded, type ServerEvent } from "../../lib/server/event.ts";

const EVENT: ServerEvent = { kind: "clock-step", stepMicros: 1n };

Deno.test(
  "whoever listens to events stops nobody",
  { permissions: "none" },
  () => {
    const heard: ServerEvent[] = [];
    const tell = guarded((event) => {
      heard.push(event);
      throw new Error("no");
    });
    tell(EVENT);
    tell(EVENT);
    assert.deepEqual(heard, [EVENT, EVENT]);
    guarded(undefined)(EVENT);
  },
);
