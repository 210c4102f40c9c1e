import assert from "node:assert/strict";
import { every } from "../../lib/net/heartbeat.ts";

/** Timers and a clock that go as they are told. */
class World implements Disposable {
  now: number;
  readonly #timers = new Map<number, { at: number; fire: () => void }>();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
  };
  #next = 1;

  constructor(now: number) {
    this.now = now;
    performance.now = () => this.now;
    const set = (fire: () => void, ms = 0): number => {
      if (ms > 0x7fffffff) ms = 1; // as the runtime does
      this.#timers.set(this.#next, { at: this.now + Math.floor(ms), fire });
      return this.#next++;
    };
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout =
      ((id: number) => void this.#timers.delete(id)) as typeof clearTimeout;
  }

  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets time pass; gives the moments at which something fired. */
  pass(untilMs: number): number[] {
    const moments = new Set<number>();
    for (;;) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0];
      if (next === undefined || next[1].at > untilMs) break;
      const [id, { at, fire }] = next;
      this.#timers.delete(id);
      this.now = Math.max(this.now, at);
      moments.add(Math.round(this.now));
      fire();
    }
    this.now = Math.max(this.now, untilMs);
    return [...moments];
  }

  [Symbol.dispose](): void {
    const { setTimeout, clearTimeout, now } = this.#real;
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
  }
}

Deno.test("what is done every second and every five is done together", () => {
  using world = new World(123.4);
  const done: string[] = [];
  const ends = [every(1000, () => done.push("second"))];
  world.pass(777.7);
  ends.push(every(5000, () => done.push("five")));
  ends.push(every(1000, () => done.push("other")));
  const moments = world.pass(10_100);
  assert.equal(moments.length, 10, `${moments}`);
  const count = (name: string) => done.filter((one) => one === name).length;
  assert.deepEqual(["second", "other", "five"].map(count), [10, 10, 2]);
  ends.forEach((end) => end());
  assert.equal(world.waiting, 0);
});

Deno.test("a process that slept does once what it missed", () => {
  using world = new World(0.5);
  let beats = 0;
  const end = every(1000, () => beats++);
  world.pass(2_500);
  assert.equal(beats, 2);
  world.now = 3_600_250; // an hour later
  world.pass(3_600_300);
  assert.equal(beats, 3);
  world.pass(3_602_500);
  assert.equal(beats, 5);
  end();
});

Deno.test("an interval may be longer than timers reach", () => {
  using world = new World(0);
  let beats = 0;
  const ms = 3 * 0x7fffffff;
  const end = every(ms, () => beats++);
  const woken = world.pass(ms - 1);
  assert.equal(beats, 0);
  assert(woken.length < 5, `${woken}`);
  world.pass(ms);
  assert.equal(beats, 1);
  end();
});

Deno.test("what is ended is not done again", () => {
  using world = new World(0);
  let beats = 0;
  const end = every(1000, () => beats++);
  world.pass(1_500);
  const before = beats;
  end();
  assert.equal(world.waiting, 0);
  world.pass(9_000);
  assert.equal(beats, before);
});

Deno.test("an action may end another that is due at the same time", () => {
  using world = new World(0);
  const done: string[] = [];
  const ends: (() => void)[] = [];
  ends.push(every(1000, () => {
    done.push("first");
    ends.forEach((end) => end());
  }));
  ends.push(every(1000, () => done.push("second")));
  world.pass(5_000);
  assert.deepEqual(done, ["first"]);
});

Deno.test("what is late is due at once, and not before now", () => {
  using world = new World(1000);
  const set = globalThis.setTimeout;
  const asked: number[] = [];
  globalThis.setTimeout = ((fire: () => void, ms: number) => {
    asked.push(ms);
    return set(fire, ms);
  }) as typeof setTimeout;
  const stop = every(100, () => {});
  world.now += 250; // a busy moment
  const stopAnother = every(1000, () => {});
  stop();
  stopAnother();
  assert(asked.length >= 2);
  assert(asked.every((ms) => ms > 0), String(asked));
});
