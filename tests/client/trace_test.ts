import assert from "node:assert/strict";
import { type TraceEvent, Trail } from "../../lib/client/trace.ts";

const none = { permissions: "none" } as const;

const address = "a:1";

function sent(transport: "udp" | "tcp", retry = 0): TraceEvent {
  return { kind: "send", transport, address, versions: [1], bytes: 9, retry };
}

const REFUSED: TraceEvent = {
  kind: "fail",
  transport: "udp",
  address,
  reason: "refused",
  error: "x",
};
const DROPPED: TraceEvent = {
  kind: "drop",
  transport: "udp",
  address,
  bytes: 7,
  why: { code: "merkle-root" },
};

/** What became of UDP after these steps. */
function outcome(...events: TraceEvent[]): string | undefined {
  const trail = new Trail();
  events.forEach(trail.follow);
  return trail.tried.find(({ transport }) => transport === "udp")?.outcome;
}

Deno.test("Trail keeps of each way what says most", none, () => {
  assert.equal(outcome(), undefined);
  assert.equal(outcome(sent("udp")), "silent");
  assert.equal(outcome(sent("udp"), REFUSED), "refused");
  assert.equal(outcome(sent("udp"), REFUSED, sent("udp", 1)), "refused");
  assert.equal(outcome(sent("udp"), DROPPED), "rejected");
  assert.equal(outcome(sent("udp"), DROPPED, REFUSED), "rejected");
  assert.equal(outcome(sent("udp"), { ...DROPPED, why: "stranger" }), "silent");
  const answer = {
    kind: "answer",
    address,
    version: 1,
    rttMicros: 1n,
  } as const;
  assert.equal(outcome(sent("udp"), { ...answer, transport: "tcp" }), "silent");
  assert.equal(
    outcome(sent("udp"), { ...answer, transport: "udp" }),
    undefined,
  );
});

Deno.test("Trail passes every step on", none, () => {
  const seen: TraceEvent[] = [];
  const { follow, ...trail } = new Trail((event) => void seen.push(event));
  const close = {
    kind: "close",
    transport: "tcp",
    address,
    broken: false,
  } as const;
  const connect = { kind: "connect", transport: "tcp", address } as const;
  const lookup = { kind: "lookup", host: "a", addresses: [] } as const;
  const all = [
    lookup,
    sent("udp"),
    connect,
    sent("tcp"),
    close,
    REFUSED,
    DROPPED,
  ];
  all.forEach(follow);
  assert.deepEqual(seen, all);
  assert.deepEqual(trail, {});
});
