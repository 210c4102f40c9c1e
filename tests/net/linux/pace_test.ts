import assert from "node:assert/strict";
import fc from "fast-check";
import { LOOK_MS, Pace } from "../../../lib/net/linux/pace.ts";

/** Where datagrams come from; a reply may bring the next. */
interface Source {
  /** When the next one comes in, in milliseconds. */
  next(): number;
  /** Takes the next one. */
  take(): void;
  replied(now: number): void;
}

function openLoop(gapMs: (at: number) => number, untilMs: number): Source {
  let at = gapMs(0);
  return {
    next: () => at < untilMs ? at : Infinity,
    take: () => at += gapMs(at),
    replied: () => {},
  };
}

function poisson(perSecond: number, seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return -Math.log((state + 1) / 2 ** 32) * 1000 / perSecond;
  };
}

/** Clients that ask again as soon as they have their answer, at a distance. */
function closedLoop(clients: number, distanceMs: number, fromMs = 0): Source {
  const due = Array.from({ length: clients }, (_, i) => fromMs + i * 0.001);
  return {
    next: () => due[0] ?? Infinity,
    take: () => void due.shift(),
    replied: (now) => void due.push(now + distanceMs),
  };
}

/** Several at once. */
function merged(...sources: Source[]): Source {
  const first = () => sources.reduce((a, b) => b.next() < a.next() ? b : a);
  return {
    next: () => first().next(),
    take: () => first().take(),
    replied: (now) => sources.forEach((one) => one.replied(now)),
  };
}

interface Course {
  answered: number;
  batches: number;
  busyMs: number;
  /** Of each datagram, how long it lay until it was taken. */
  waits: number[];
  /** Those that came when nothing had for a while, and how long they lay. */
  lone: number[];
}

const BATCH = 128;
const WAKE_MS = 0.02;
const SIGN_MS = 0.04;
const EACH_MS = 0.003;

/** A thread with that pace, as the ring goes by it, on a clock of its own. */
function run(
  pace: Pace,
  source: Source,
  untilMs: number,
  fromMs = 0,
): Course {
  const course: Course = {
    answered: 0,
    batches: 0,
    busyMs: 0,
    waits: [],
    lone: [],
  };
  let now = fromMs;
  let lastAt = -Infinity;
  const take = (): number => {
    let count = 0;
    for (; count < BATCH && source.next() <= now; count++) {
      const at = source.next();
      course.waits.push(now - at);
      if (at - lastAt > 20) course.lone.push(now - at);
      lastAt = at;
      source.take();
    }
    return count;
  };
  while (now < untilMs) {
    const rest = pace.restAfterAnswers(now);
    now += rest;
    let count = rest === 0 && !pace.mayBeMore ? 0 : take();
    if (count === 0 && pace.shouldLook) {
      const end = now + LOOK_MS;
      const looked = Math.min(end, Math.max(now, source.next())) - now;
      now += looked;
      course.busyMs += looked;
      count = take();
      pace.looked(count > 0);
    }
    if (count === 0) {
      const sleptAt = now;
      now = Math.max(now, source.next()) + WAKE_MS;
      if (now > untilMs) break;
      if (!pace.shouldLook) pace.slept(now - sleptAt);
      now += pace.restAfterFirst(now, sleptAt);
      count = take();
    }
    pace.took(count, now);
    const cost = SIGN_MS + count * EACH_MS;
    now += cost;
    course.busyMs += cost;
    course.batches++;
    course.answered += count;
    for (let i = 0; i < count; i++) source.replied(now);
  }
  return course;
}

const noPermissions = { permissions: "none" } as const;

Deno.test(
  "what comes often is let gather, by whatever rhythm it comes",
  noPermissions,
  () => {
    for (const perSecond of [2_000, 10_000, 50_000]) {
      for (const gap of [() => 1000 / perSecond, poisson(perSecond, 7)]) {
        const pace = new Pace(1);
        const course = run(pace, openLoop(gap, 1_000), 1_000);
        const { gathered, gathers } = pace.counters;
        assert(gathered <= course.answered && gathers <= course.batches);
        assert(gathered > 0.8 * course.answered, `${perSecond}/s: ${gathered}`);
        const meanBatch = course.answered / course.batches;
        const most = Math.min(1 + perSecond / 1000, 64);
        assert(meanBatch > 0.6 * most, `${perSecond}/s: ${meanBatch}`);
        const without = run(new Pace(0), openLoop(gap, 1_000), 1_000);
        assert(course.busyMs < 0.8 * without.busyMs, `${perSecond}/s`);
      }
    }
  },
);

Deno.test(
  "nothing is left lying longer than the longest delay",
  noPermissions,
  () => {
    fc.assert(fc.property(
      fc.double({ min: 0.001, max: 1, noNaN: true }),
      fc.array(fc.integer({ min: 50, max: 60_000 }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.integer({ min: 1, max: 1000 }),
      (maxDelayMs, rates, seed) => {
        // Rates that change now and then.
        const gaps = rates.map((rate, i) => poisson(rate, seed + i));
        const gap = (at: number) =>
          (gaps[Math.floor(at / 40) % gaps.length] as () => number)();
        const pace = new Pace(maxDelayMs);
        let at = gap(0);
        let takenAt = -Infinity;
        for (let now = 0; now < 400;) {
          const rest = pace.restAfterAnswers(now);
          // What came while the others were answered has lain since then.
          if (rest > 0) assert(now + rest <= takenAt + maxDelayMs + 1e-9);
          now += rest;
          const sleptAt = now;
          const isThere = at <= now;
          now = Math.max(now, at);
          if (rest === 0 || !isThere) {
            const first = pace.restAfterFirst(now, sleptAt);
            const since = isThere ? takenAt : now;
            if (first > 0) assert(now + first <= since + maxDelayMs + 1e-9);
            now += first;
          }
          let count = 0;
          for (; at <= now; count++) at += gap(at);
          pace.took(count, now);
          takenAt = now;
          now += SIGN_MS + count * EACH_MS;
        }
      },
    ));
  },
);

Deno.test(
  "one that comes after a pause is answered at once",
  noPermissions,
  () => {
    const burst = openLoop(() => 0.1, 200);
    const rare = openLoop(() => 50.01, 1_000);
    const { lone } = run(new Pace(1), merged(burst, rare), 1_000);
    assert(lone.length > 10);
    for (const wait of lone) assert(wait < WAKE_MS + LOOK_MS, `${wait}`);
  },
);

Deno.test(
  "clients that wait for their answers are not kept waiting",
  noPermissions,
  () => {
    for (const clients of [1, 4, 16, 64]) {
      for (const distanceMs of [0.02, 0.2, 1]) {
        const untilMs = clients < 16 ? 5_000 : 1_000;
        const answered = (maxDelayMs: number) =>
          run(new Pace(maxDelayMs), closedLoop(clients, distanceMs), untilMs)
            .answered;
        const share = answered(1) / answered(0);
        assert(share > 0.9, `${clients} at ${distanceMs} ms: ${share}`);
      }
    }
  },
);

Deno.test(
  "a stall that all wait for does not end gathering for long",
  noPermissions,
  () => {
    // Every second everything of 50 ms comes at once, as after a network's hiccup.
    const gap = (at: number) => at % 1000 < 50 ? 0.001 : 0.1;
    const course = run(new Pace(1), openLoop(gap, 10_000), 10_000);
    const steady = course.waits.filter((wait) => wait > 0.1).length;
    assert(steady > 0.5 * (10_000 * 10 * 0.95), `${steady}`);
  },
);

Deno.test(
  "where the next would come too late, nobody is left waiting for it",
  noPermissions,
  () => {
    const pace = new Pace(1);
    run(pace, openLoop(() => 2, 1_000), 1_000);
    assert.equal(pace.counters.gathers, 0);
    // One or two are waited for once the first is there, not before.
    run(pace, openLoop(() => 0.5, 2_000), 2_000, 1_000);
    assert(pace.counters.gathers > 0);
    assert.equal(pace.restAfterAnswers(2_000), 0);
  },
);

Deno.test("with no delay nothing is let gather", noPermissions, () => {
  const pace = new Pace(0);
  const course = run(pace, openLoop(poisson(20_000, 3), 500), 500);
  assert.equal(pace.counters.gathers, 0);
  assert(Math.max(...course.waits) < 1);
});

Deno.test(
  "it is looked for more only where that finds something",
  noPermissions,
  () => {
    const rare = new Pace(1);
    run(rare, openLoop(() => 10, 10_000), 10_000);
    assert(rare.counters.looks <= 16, `${rare.counters.looks}`);
    assert(!rare.mayBeMore);
    const quick = new Pace(1);
    const { answered } = run(quick, closedLoop(1, 0.02), 1_000);
    assert(quick.counters.looksThatPaid > 0.9 * answered);
    assert(quick.counters.looksThatPaid > 0.9 * quick.counters.looks);
  },
);

Deno.test(
  "looking comes back with those who make it worth while",
  noPermissions,
  () => {
    const pace = new Pace(1);
    run(pace, openLoop(() => 10, 1_000), 1_000);
    assert(!pace.shouldLook);
    run(pace, closedLoop(1, 0.02, 1_000), 1_100, 1_000);
    assert(pace.shouldLook);
  },
);
