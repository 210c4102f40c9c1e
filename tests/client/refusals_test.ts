import assert from "node:assert/strict";
import { Refusals, tellAnswer, tellDrop } from "../../lib/client/refusals.ts";
import { type TraceEvent, Trail } from "../../lib/client/trace.ts";

const none = { permissions: "none" } as const;

const EXCHANGE = {
  request: new Uint8Array(1),
  response: new Uint8Array(2),
  publicKey: new Uint8Array(32),
};
const SENDER = { from: "a:1", transport: "udp" } as const;

Deno.test(
  "Refusals keeps the answer that came furthest, and whose it is",
  none,
  () => {
    const refusals = new Refusals();
    assert.equal(new Refusals().closest, undefined);
    refusals.add({ code: "merkle-root" }, EXCHANGE, SENDER);
    refusals.add({ code: "wire" } as never, EXCHANGE, {
      from: "b:2",
      transport: "tcp",
    });
    assert.equal(refusals.closest?.rejection.code, "merkle-root");
    assert.equal(refusals.closest?.server, "a:1");
    assert.equal(refusals.closest?.step, "udp");
    assert.equal(refusals.closest?.exchange, EXCHANGE);
  },
);

Deno.test(
  "a trail is told of answers that satisfy and that do not",
  none,
  () => {
    const seen: TraceEvent[] = [];
    const trail = new Trail((event) => void seen.push(event));
    const why = { code: "merkle-root" } as const;
    tellDrop(trail, { ...SENDER, response: EXCHANGE.response }, why);
    tellAnswer(trail, SENDER, { version: 1, rttMicros: 5n });
    const common = { transport: "udp", address: "a:1" };
    assert.deepEqual(seen, [
      { kind: "drop", ...common, bytes: 2, why },
      { kind: "answer", ...common, version: 1, rttMicros: 5n },
    ]);
  },
);
