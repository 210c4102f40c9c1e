import assert from "node:assert/strict";
import { KeyCare } from "../../lib/server/key_care.ts";
import { FakeTimers } from "../_support/clock.ts";
import type { Keyring } from "../../lib/server/keyring.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const DAY = 86_400n * SECOND;

/** Keys of which the test says how they are. */
class FakeKeyring {
  stale = false;
  open = true;
  notAfterMicros: bigint = NOW_MICROS + DAY;
  delegatedUntilMicros: bigint | undefined;
  reserveMicros: bigint = DAY / 8n;
  readonly renewals: PromiseWithResolvers<number>[] = [];

  isStale(): boolean {
    return this.stale;
  }
  covers(): boolean {
    return this.open;
  }
  renew(): Promise<number> {
    const renewal = Promise.withResolvers<number>();
    this.renewals.push(renewal);
    return renewal.promise;
  }
}

function begin() {
  const keyring = new FakeKeyring();
  const told: unknown[][] = [];
  const care = new KeyCare(keyring as unknown as Keyring, {
    renewed: (...args) => void told.push(["renewed", ...args]),
    failed: (...args) => void told.push(["failed", ...args]),
    ending: (...args) => void told.push(["ending", ...args]),
  });
  return { keyring, told, care };
}

const look = (care: KeyCare, after = 0n) =>
  care.look(NOW_MICROS + after, after);

Deno.test(
  "KeyCare tries again several times while the key in use can sign",
  none,
  async () => {
    for (const reserveMicros of [2n * SECOND, 20n * SECOND, DAY / 8n]) {
      const { keyring, care } = begin();
      keyring.stale = true;
      keyring.reserveMicros = reserveMicros;
      let tries = 0;
      for (
        let after = 0n;
        after < reserveMicros;
        after += reserveMicros / 16n
      ) {
        const waiting = look(care, after);
        if (keyring.renewals.length === tries) continue;
        keyring.renewals[tries++]?.reject(new Error("far away"));
        await waiting;
      }
      assert(tries >= 3, `${tries} tries in ${reserveMicros} us`);
    }
  },
);

Deno.test("KeyCare lets good keys be", none, () => {
  const { keyring, told, care } = begin();
  for (let i = 0n; i < 5n; i++) assert.equal(look(care, i * DAY), undefined);
  assert.deepEqual(told, []);
  assert.deepEqual(keyring.renewals, []);
});

Deno.test(
  "KeyCare renews once, however often it looks meanwhile",
  none,
  async () => {
    const { keyring, told, care } = begin();
    keyring.stale = true;
    const waiting = look(care);
    assert(waiting);
    // Who did not begin goes on with the keys there are.
    for (let i = 0; i < 5; i++) assert.equal(look(care), undefined);
    assert.equal(keyring.renewals.length, 1);
    keyring.stale = false;
    keyring.notAfterMicros = NOW_MICROS + 7n * DAY;
    keyring.renewals[0]?.resolve(2);
    await waiting;
    assert.deepEqual(told, [["renewed", 2, NOW_MICROS + 7n * DAY]]);
    assert.equal(look(care), undefined);
    keyring.stale = true;
    const again = look(care);
    keyring.renewals[1]?.resolve(1);
    await again;
    assert.equal(told.length, 2);
  },
);

Deno.test(
  "KeyCare has everybody wait where no key may sign",
  none,
  async () => {
    const { keyring, care } = begin();
    keyring.stale = true;
    keyring.open = false;
    const waits = [look(care), look(care), look(care)];
    assert.equal(keyring.renewals.length, 1);
    for (const wait of waits) assert(wait instanceof Promise);
    keyring.renewals[0]?.resolve(1);
    await Promise.all(waits);
  },
);

Deno.test("KeyCare waits for nobody for ever", none, async () => {
  const { keyring, told, care } = begin();
  keyring.stale = true;
  await look(care);
  assert.deepEqual(told, []);
  assert.equal(keyring.renewals.length, 1);
  // It is still under way, and still counts when it comes.
  assert.equal(look(care), undefined);
  keyring.renewals[0]?.resolve(1);
  await keyring.renewals[0]?.promise;
  assert.equal(told.length, 1);
});

Deno.test(
  "KeyCare leaves a key that fails in peace for a while",
  none,
  async () => {
    const { keyring, told, care } = begin();
    keyring.stale = true;
    const error = new Error("no route");
    const waiting = look(care, 5n);
    keyring.renewals[0]?.reject(error);
    await waiting;
    assert.deepEqual(told, [["failed", error]]);
    for (const seconds of [0n, 1n, 9n]) {
      assert.equal(look(care, 5n + seconds * SECOND), undefined);
    }
    assert.equal(keyring.renewals.length, 1);
    const again = look(care, 5n + 10n * SECOND);
    assert.equal(keyring.renewals.length, 2);
    keyring.renewals[1]?.resolve(1);
    await again;
    assert.equal(told.length, 2);
  },
);

Deno.test(
  "KeyCare asks for its pause a clock that cannot jump",
  none,
  async () => {
    const { keyring, care } = begin();
    keyring.stale = true;
    const waiting = care.look(NOW_MICROS, 0n);
    keyring.renewals[0]?.reject(new Error("no route"));
    await waiting;
    assert.equal(care.look(NOW_MICROS + 365n * DAY, SECOND), undefined);
    assert.equal(keyring.renewals.length, 1);
  },
);

Deno.test("KeyCare tells nothing where nothing was renewed", none, async () => {
  const { keyring, told, care } = begin();
  keyring.stale = true;
  const waiting = look(care);
  keyring.renewals[0]?.resolve(0);
  await waiting;
  assert.deepEqual(told, []);
});

Deno.test(
  "KeyCare announces the end of a delegation at each halving",
  none,
  () => {
    const { keyring, told, care } = begin();
    keyring.delegatedUntilMicros = NOW_MICROS + 30n * DAY;
    for (let hours = 0n; hours <= 30n * 24n; hours++) {
      look(care, hours * 3600n * SECOND);
    }
    look(care, 30n * DAY + SECOND);
    look(care, 31n * DAY);
    const seconds = told.map(([kind, left]) => {
      assert.equal(kind, "ending");
      return left as number;
    });
    assert.equal(seconds[0], 7 * 86_400 - 3600);
    seconds.slice(1).forEach((left, i) => {
      assert(left < (seconds[i] as number) / 2 + 1);
    });
    assert(seconds.length < 14, String(seconds.length));
    assert.equal(
      seconds.filter((left) => left < 0).length,
      1,
      "over, and once",
    );
  },
);

Deno.test(
  "KeyCare has nothing to announce of keys that are renewed here",
  none,
  () => {
    const { told, care } = begin();
    look(care, 400n * DAY);
    assert.deepEqual(told, []);
  },
);

Deno.test(
  "KeyCare holds a batch that could be signed up for a moment only",
  none,
  async () => {
    const delaysFor = async (open: boolean) => {
      using timers = new FakeTimers();
      const { keyring, care } = begin();
      Object.assign(keyring, { stale: true, open });
      const waiting = look(care);
      assert(waiting !== undefined);
      const { delays } = timers;
      assert.equal(delays.length, 1, "the wait has an end");
      await timers.fire();
      await waiting; // though the long-term key has not answered
      return delays[0] as number;
    };
    assert(await delaysFor(true) <= 200);
    assert(await delaysFor(false) <= 5000);
  },
);
