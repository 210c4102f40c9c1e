import assert from "node:assert/strict";
import type { SelfAnswer } from "../../lib/net/self_query.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import {
  type CheckedListener,
  SelfCheck,
  type SelfCheckOptions,
} from "../../lib/server/self_check.ts";

/** A listener that does as it is told. */
class Fake implements CheckedListener {
  readonly transport: "udp" | "tcp";
  readonly address: { hostname: string; port: number };
  answer: SelfAnswer = "answered";
  /** What it gives once it has been opened anew. */
  after: SelfAnswer = "silent";
  /** Replies to others for each question of ours. */
  busy = 0;
  asked = 0;
  reopened = 0;
  failing = false;
  sent = 0;

  constructor(transport: "udp" | "tcp", port: number) {
    this.transport = transport;
    this.address = { hostname: "::1", port };
  }

  answered(): number {
    return this.sent;
  }

  reopen(): Promise<void> {
    this.reopened++;
    if (this.failing) return Promise.reject(new Error("AddrInUse"));
    this.answer = this.after;
    return Promise.resolve();
  }
}

interface Stage {
  check: SelfCheck;
  udp: Fake;
  tcp: Fake;
  /** Kinds and transports of what was told. */
  told: string[];
  set: { mayAnswer: boolean; crowding: number };
  ticks(count: number): Promise<void>;
}

function stage(options: Partial<SelfCheckOptions> = {}): Stage {
  const udp = new Fake("udp", 1);
  const tcp = new Fake("tcp", 2);
  const told: string[] = [];
  const set = { mayAnswer: true, crowding: 0 };
  const check = new SelfCheck([udp, tcp], {
    everyMs: 5000,
    ask: (listener) => {
      const fake = listener as Fake;
      fake.asked++;
      fake.sent += fake.busy;
      return Promise.resolve(fake.answer);
    },
    mayAnswer: () => set.mayAnswer,
    crowding: () => set.crowding,
    tell: (event: ServerEvent) => {
      assert(event.kind === "listener-up" || event.kind === "listener-down");
      told.push(`${event.kind} ${event.transport} ${event.address}`);
    },
    ...options,
  });
  const ticks = async (count: number) => {
    for (let i = 0; i < count; i++) await check.tick();
  };
  return { check, udp, tcp, told, set, ticks };
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

function upOf({ check }: Stage): (boolean | undefined)[] {
  return check.states.map(({ up }) => up);
}

test("all is asked once in a while, and nothing is told while it answers", async () => {
  const one = stage();
  assert.deepEqual(one.check.states, [
    { transport: "udp", address: "[::1]:1", up: undefined },
    { transport: "tcp", address: "[::1]:2", up: undefined },
  ]);
  await one.ticks(4);
  assert.equal(one.check.asked, 0);
  await one.ticks(1);
  assert.deepEqual(upOf(one), [true, true]);
  await one.ticks(10);
  assert.deepEqual([one.udp.asked, one.tcp.asked, one.check.asked], [3, 3, 6]);
  assert.deepEqual([one.told, one.udp.reopened], [[], 0]);
});

test("one that keeps silent is told of once, opened anew at every tick, and told of once when it is back", async () => {
  const one = stage();
  one.tcp.answer = "silent";
  await one.ticks(5);
  assert.deepEqual(upOf(one), [true, false]);
  assert.deepEqual(one.told, ["listener-down tcp [::1]:2"]);
  assert.equal(one.tcp.reopened, 1);
  await one.ticks(3);
  assert.equal(one.tcp.reopened, 4);
  assert.equal(one.udp.asked, 1, "the one that is well waits for its turn");
  one.tcp.failing = true; // a port that cannot be had is no reason to give up
  await one.ticks(2);
  one.tcp.failing = false;
  one.tcp.after = "answered";
  await one.ticks(1);
  assert.deepEqual(upOf(one), [true, true]);
  await one.ticks(20);
  assert.deepEqual(one.told, [
    "listener-down tcp [::1]:2",
    "listener-up tcp [::1]:2",
  ]);
  assert.equal(one.tcp.reopened, 7);
});

test("one that is back at once was down all the same", async () => {
  const one = stage();
  one.udp.answer = "silent";
  one.udp.after = "answered";
  await one.ticks(5);
  assert.deepEqual(upOf(one), [true, true]);
  assert.deepEqual(one.told, [
    "listener-down udp [::1]:1",
    "listener-up udp [::1]:1",
  ]);
});

test("one lost question is none", async () => {
  let lost = 2;
  const one = stage({
    ask: () => Promise.resolve(lost-- > 0 ? "silent" : "answered"),
  });
  await one.ticks(5);
  assert.deepEqual([one.told, upOf(one)], [[], [true, true]]);
});

test("one that answers others meanwhile is flooded, not dead", async () => {
  const one = stage();
  one.udp.answer = "silent";
  one.udp.busy = 100;
  await one.ticks(5);
  assert.deepEqual([one.told, one.udp.reopened], [[], 0]);
  assert.deepEqual(upOf(one), [true, true]);
});

test("what cannot be asked is left alone", async () => {
  const one = stage();
  one.tcp.answer = "unknown";
  await one.ticks(5);
  assert.deepEqual(upOf(one), [true, undefined]);
  assert.deepEqual([one.told, one.tcp.reopened], [[], 0]);
});

test("silence is right while nothing may be signed", async () => {
  const one = stage();
  one.udp.answer = "silent";
  one.set.mayAnswer = false;
  await one.ticks(20);
  assert.deepEqual([one.check.asked, one.told], [0, []]);
  // Also when that is so only since the question.
  const late = stage();
  late.udp.answer = "silent";
  const ask = late.udp.answered.bind(late.udp);
  late.udp.answered = () => {
    late.set.mayAnswer = false;
    return ask();
  };
  await late.ticks(5);
  assert.deepEqual([late.told, late.udp.reopened], [[], 0]);
});

test("a crowd on TCP has TCP checked at once", async () => {
  const one = stage();
  await one.ticks(1);
  one.set.crowding = 3;
  await one.ticks(1);
  assert.deepEqual([one.udp.asked, one.tcp.asked], [0, 1]);
  await one.ticks(1);
  assert.equal(one.tcp.asked, 1);
});

test("a check that takes long is not begun twice", async () => {
  const { promise, resolve } = Promise.withResolvers<SelfAnswer>();
  let asked = 0;
  const one = stage({
    everyMs: 1000,
    ask: () => {
      asked++;
      return promise;
    },
  });
  const first = one.check.tick();
  await one.ticks(5);
  assert.equal(asked, 2);
  resolve("answered");
  await first;
});
