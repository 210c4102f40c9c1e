import assert from "node:assert/strict";
import { base64, base64url, hex } from "@scure/base";
import type { Signer } from "../../lib/crypto/ed25519.ts";
import { type Dialect, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { ServerError } from "../../lib/wire/errors.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  corpus,
  LONG_TERM,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";
import { PLUMMET_KEY, PLUMMET_SEED } from "../_support/vectors.ts";

const none = { permissions: "none" } as const;

const HOUR: bigint = 3600n * SECOND;

/** The seed behind PUBLIC_KEY. */
const SEED: Uint8Array = bytes(32, 1);

/** A server whose clock the test turns. */
class Turned extends Server {
  now: bigint = NOW_MICROS;
  /** How many of the next looks at the clock fail. */
  faults = 0;
  override getTime(): bigint {
    if (this.faults > 0) {
      this.faults--;
      throw new Error("the clock has stopped");
    }
    return this.now;
  }
}

function turned(options: ServerOptions = {}): Promise<Turned> {
  return Turned.create({ privateKey: SEED, greaseProbability: 0, ...options });
}

async function only(server: Server, request: Uint8Array): Promise<Outcome> {
  const [outcome, ...rest] = await server.handleBatch([request]);
  assert(outcome);
  assert.deepEqual(rest, []);
  return outcome;
}

async function verified(
  request: Uint8Array,
  outcome: Outcome | undefined,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  assert(outcome && "reply" in outcome, Deno.inspect(outcome));
  const { reply, version } = outcome;
  const verdict = await verifyResponse({ request, response: reply, publicKey });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  assert.equal(verdict.version, version);
  return verdict;
}

/** Asks in every dialect, and every answer must verify. */
async function askAll(
  server: Server,
): Promise<{ dialect: Dialect; verdict: Verified }[]> {
  const requests = ALL.map(({ id }) => requestFor(id));
  const outcomes = await server.handleBatch(requests);
  return await Promise.all(ALL.map(async (dialect, i) => {
    const request = requests[i] as Uint8Array;
    const verdict = await verified(request, outcomes[i]);
    assert.equal(verdict.dialect, dialect.id);
    return { dialect, verdict };
  }));
}

function floorTo(dialect: Dialect, micros: bigint): bigint {
  return dialect.time === "unix-seconds" ? micros - micros % SECOND : micros;
}

Deno.test(
  "Server.create() takes its seed as bytes and as text",
  none,
  async () => {
    const seeds = [
      PLUMMET_SEED,
      base64.encode(PLUMMET_SEED),
      base64url.encode(PLUMMET_SEED),
      hex.encode(PLUMMET_SEED),
      hex.encode(PLUMMET_SEED).toUpperCase(),
      ` ${base64.encode(PLUMMET_SEED)}\n`,
    ];
    for (const privateKey of seeds) {
      const server = await Server.create({ privateKey });
      assert.deepEqual(server.publicKeys, [PLUMMET_KEY]);
    }
  },
);

Deno.test(
  "Server.create() makes a key of its own without a seed",
  none,
  async () => {
    const [one] = (await Server.create()).publicKeys;
    const [other] = (await Server.create()).publicKeys;
    assert.equal(one?.length, 32);
    assert.notDeepEqual(one, other);
  },
);

Deno.test(
  "Server.create() does not need the seed any more afterwards",
  none,
  async () => {
    const privateKey = SEED.slice();
    const server = await turned({ privateKey });
    privateKey.fill(0);
    server.now += 100n * HOUR; // so that it has to sign another delegation
    await askAll(server);
  },
);

for (
  const [what, privateKey] of [
    ["31 bytes", bytes(31, 1)],
    ["33 bytes", bytes(33, 1)],
    ["no bytes", bytes(0, 1)],
    ["a word", "secret"],
    ["an empty text", ""],
    ["hex of 31 bytes", hex.encode(bytes(31, 1))],
    ["base64 of 33 bytes", base64.encode(bytes(33, 1))],
  ] as const
) {
  Deno.test(
    `Server.create() refuses ${what} as a private key`,
    none,
    async () => {
      await assert.rejects(Server.create({ privateKey }), (error) => {
        assert(error instanceof ServerError, Deno.inspect(error));
        assert.equal(error.code, "key");
        // It may be a secret with a typing error in it.
        if (typeof privateKey === "string" && privateKey !== "") {
          assert(!Deno.inspect(error).includes(privateKey));
        }
        return true;
      });
    },
  );
}

Deno.test(
  "Server.create() refuses numbers of seconds that are none",
  none,
  async () => {
    const wrong = [0, -1, NaN, Infinity, -Infinity, 2 ** 32, 1e300];
    for (const seconds of wrong) {
      for (const name of ["radiusSeconds", "validitySeconds"]) {
        await assert.rejects(
          Server.create({ [name]: seconds }),
          { name: "ServerError", code: "config" },
          `${name} ${seconds}`,
        );
      }
    }
  },
);

Deno.test(
  "Server.create() refuses numbers of seconds that round to none",
  none,
  async () => {
    for (const name of ["radiusSeconds", "validitySeconds"]) {
      await assert.rejects(
        Server.create({ [name]: 1e-7 }),
        { name: "ServerError", code: "config" },
        name,
      );
    }
  },
);

Deno.test(
  "Server.create() refuses a validity too short to replace a key in time",
  none,
  async () => {
    for (const validitySeconds of [0.5, 1, 3.999]) {
      await assert.rejects(Server.create({ validitySeconds }), {
        name: "ServerError",
        code: "config",
        message:
          `Cannot use validitySeconds of ${validitySeconds}: at least 4 are needed, so that a key is replaced before it ends`,
      });
    }
    await Server.create({ validitySeconds: 4 });
  },
);

Deno.test("Server.create() refuses an empty list of keys", none, async () => {
  await assert.rejects(
    Server.create({ longTerm: [] }),
    { name: "ServerError", code: "key" },
  );
});

Deno.test("Server.create() makes servers of a subclass", none, async () => {
  const server = await turned();
  assert(server instanceof Turned);
  assert.equal(server.now, NOW_MICROS);
});

Deno.test(
  "Server prepares itself where only its constructor was called",
  none,
  async () => {
    const server = new Turned({ privateKey: SEED, greaseProbability: 0 });
    const answers = await Promise.all([askAll(server), askAll(server)]);
    assert.equal(answers.flat().length, 2 * ALL.length);
  },
);

Deno.test("Server answers for each of its long-term keys", none, async () => {
  const signers = [LONG_TERM, OTHER_LONG_TERM];
  const server = await turned({ longTerm: signers });
  assert.deepEqual(
    server.publicKeys,
    signers.map(({ publicKey }) => publicKey),
  );
  const nonce = bytes(32, 9);
  const versions = [1, 0x8000000b, 0x8000000c];
  for (const { publicKey } of signers) {
    const request = buildRequest({ versions, nonce, publicKey });
    await verified(request, await only(server, request), publicKey);
  }
  // Without SRV nobody knows which one is meant.
  const vague = buildRequest({ versions, nonce });
  assert.deepEqual(await only(server, vague), { drop: "srv" });
});

Deno.test(
  "Server lets keys sign elsewhere, in their own time",
  none,
  async () => {
    let asked = 0;
    const remote: Signer = {
      publicKey: LONG_TERM.publicKey,
      sign: async (message) => {
        asked++;
        await new Promise((resolve) => setTimeout(resolve));
        return await LONG_TERM.sign(message);
      },
    };
    const server = await turned({ longTerm: [remote] });
    const before = asked;
    assert(before > 0);
    await askAll(server);
    assert.equal(asked, before, "only delegations are signed with it");
  },
);

Deno.test("Server tells the time that getTime() gives", none, async () => {
  const times = [
    0n,
    1n,
    NOW_MICROS,
    NOW_MICROS + 1n,
    -5n * SECOND + NOW_MICROS,
    253_402_300_799_999_999n, // the end of the year 9999
  ];
  for (const now of times) {
    class Still extends Server {
      override getTime(): bigint {
        return now;
      }
    }
    const server = await Still.create({
      privateKey: SEED,
      greaseProbability: 0,
      validitySeconds: 7200,
    });
    for (const { dialect, verdict } of await askAll(server)) {
      assert.equal(verdict.midpointMicros, floorTo(dialect, now), dialect.id);
      const { notBeforeMicros, notAfterMicros } = verdict.delegation;
      const from = now < HOUR ? 0n : now - HOUR;
      assert.equal(notBeforeMicros, floorTo(dialect, from));
      assert.equal(notAfterMicros, floorTo(dialect, now + 2n * HOUR));
    }
  }
});

Deno.test("Server tells the system's time by itself", none, async () => {
  const server = await Server.create();
  const before = BigInt(Date.now()) * 1000n;
  const told = server.getTime();
  const after = BigInt(Date.now()) * 1000n;
  assert(before <= told && told <= after);
});

Deno.test(
  "Server survives times that cannot be written down",
  none,
  async () => {
    const server = await turned();
    for (const now of [-1n, -(2n ** 80n), 2n ** 63n, 2n ** 64n, 2n ** 80n]) {
      server.now = now;
      const requests = ALL.map(({ id }) => requestFor(id));
      const outcomes = await server.handleBatch(requests);
      assert.equal(outcomes.length, requests.length);
      for (const [i, outcome] of outcomes.entries()) {
        if ("reply" in outcome) {
          await verified(
            requests[i] as Uint8Array,
            outcome,
          );
        }
      }
      server.now = NOW_MICROS;
      await askAll(server);
    }
  },
);

Deno.test("Server goes on when its clock fails once", none, async () => {
  const server = await turned();
  const request = requestFor("rfc-10049");
  server.faults = 1;
  assert.deepEqual(await only(server, request), { drop: "internal" });
  await verified(request, await only(server, request));
});

Deno.test(
  "Server answers the others of a batch when its clock fails in between",
  none,
  async () => {
    const server = await turned();
    const requests = [0, 1, 2, 3].map((n) => requestFor("rfc-10049", n));
    // The batch as a whole, then the first two of it one by one.
    server.faults = 3;
    const outcomes = await server.handleBatch(requests);
    assert.deepEqual(outcomes.slice(0, 2), [
      { drop: "internal" },
      { drop: "internal" },
    ]);
    for (const i of [2, 3]) {
      await verified(requests[i] as Uint8Array, outcomes[i]);
    }

    server.faults = 100;
    assert.deepEqual(
      await server.handleBatch(requests),
      requests.map(() => ({ drop: "internal" })),
    );
    server.faults = 0;
    await askAll(server);
  },
);

Deno.test("Server goes on when getRadius() fails", none, async () => {
  class Unsure extends Turned {
    sure = true;
    override getRadius(): bigint {
      if (!this.sure) throw new Error("no idea");
      return super.getRadius();
    }
  }
  const server = await Unsure.create({ privateKey: SEED });
  const request = requestFor("google");
  server.sure = false;
  assert.deepEqual(await only(server, request), { drop: "internal" });
  server.sure = true;
  await verified(request, await only(server, request));
});

Deno.test(
  "Server.handleBatch() answers nothing to an empty batch",
  none,
  async () => {
    assert.deepEqual(await (await turned()).handleBatch([]), []);
  },
);

for (const { id } of ALL) {
  Deno.test(
    `Server.handleBatch() survives every malformed request of ${id} and answers the good ones`,
    none,
    async () => {
      const server = await turned();
      const good = requestFor(id, 7);
      const cases = [...corpus(requestFor(id))];
      for (let at = 0; at < cases.length; at += 63) {
        const some = cases.slice(at, at + 63);
        const middle = some.length >> 1;
        const packets = some.map(({ packet }) => packet);
        packets.splice(middle, 0, good);
        const copies = packets.map((packet) => packet.slice());
        const outcomes = await server.handleBatch(packets);
        assert.equal(outcomes.length, packets.length);
        assert.deepEqual(packets, copies, "requests are only read");
        await verified(good, outcomes[middle]);
        for (const [i, outcome] of outcomes.entries()) {
          const { name } = some[i < middle ? i : i - 1] ?? { name: "good" };
          if ("drop" in outcome) {
            assert(DROP_REASONS.includes(outcome.drop));
            assert.notEqual(outcome.drop, "internal", name);
          } else {
            assert(
              outcome.reply.length <= (packets[i] as Uint8Array).length,
              name,
            );
          }
        }
      }
    },
  );
}

Deno.test(
  "Server.handleBatch() answers in the order of the requests",
  none,
  async () => {
    const server = await turned({ singleBudget: Infinity });
    const requests = Array.from(
      { length: 300 },
      (_, n) => requestFor((ALL[n % ALL.length] as Dialect).id, n),
    );
    const outcomes = await server.handleBatch(requests);
    for (const [i, request] of requests.entries()) {
      const { dialect } = await verified(request, outcomes[i]);
      assert.equal(dialect, ALL[i % ALL.length]?.id);
    }
  },
);

Deno.test(
  "Server replaces its online key as time goes by, both ways",
  none,
  async () => {
    const server = await turned({ validitySeconds: 3600 });
    /** Moves the clock, asks in every dialect, and gives the key that signed. */
    const keyAfter = async (move: bigint): Promise<string> => {
      server.now += move;
      const keys = new Set<string>();
      for (const { dialect, verdict } of await askAll(server)) {
        const { midpointMicros, delegation } = verdict;
        assert.equal(midpointMicros, floorTo(dialect, server.now));
        assert(delegation.notBeforeMicros <= midpointMicros);
        assert(midpointMicros <= delegation.notAfterMicros);
        keys.add(String(delegation.publicKey));
      }
      assert.equal(keys.size, 1);
      return [...keys][0] as string;
    };
    const seen = new Set<string>();
    let current = await keyAfter(0n);
    seen.add(current);
    const moves: [name: string, by: bigint, fresh: boolean][] = [
      ["ten minutes on", HOUR / 6n, false],
      ["forty more", HOUR * 4n / 6n, false],
      ["into the last eighth", HOUR / 20n, true],
      ["half an hour back", -HOUR / 2n, false],
      ["to the very beginning of the window", -HOUR / 2n, false],
      ["a microsecond before it", -1n, true],
      ["ten hours on", 10n * HOUR, true],
      ["ten hours back", -10n * HOUR, true],
      ["twenty hours back", -20n * HOUR, true],
      ["a second on", SECOND, false],
      ["ten years on", 87_660n * HOUR, true],
      ["ten years back", -87_660n * HOUR, true],
      ["nowhere", 0n, false],
    ];
    for (const [name, by, fresh] of moves) {
      const key = await keyAfter(by);
      assert.equal(key !== current, fresh, name);
      if (fresh) assert(!seen.has(key), `${name}: no key comes back`);
      seen.add(key);
      current = key;
    }
  },
);

Deno.test(
  "Server never answers outside the delegation, however often it is asked at once",
  none,
  async () => {
    const slow: Signer = {
      publicKey: LONG_TERM.publicKey,
      sign: async (message) => {
        await new Promise((resolve) => setTimeout(resolve));
        return await LONG_TERM.sign(message);
      },
    };
    const server = await turned({ longTerm: [slow], validitySeconds: 60 });
    const requests = ALL.map(({ id }) => requestFor(id));
    const batches: Promise<Outcome[]>[] = [];
    for (
      const move of [0n, HOUR, -HOUR, 30n * SECOND, 9n * HOUR, -40n * HOUR]
    ) {
      server.now += move;
      batches.push(server.handleBatch(requests));
    }
    for (const outcomes of await Promise.all(batches)) {
      for (const [i, outcome] of outcomes.entries()) {
        if ("reply" in outcome) {
          await verified(
            requests[i] as Uint8Array,
            outcome,
          );
        } else assert.equal(outcome.drop, "delegation");
      }
    }
    await askAll(server);
  },
);

Deno.test("Server says its radius, rounded up and never 0", none, async () => {
  for (
    const radiusSeconds of [undefined, 0.000001, 0.5, 1, 3, 3.25, 100, 4000]
  ) {
    const server = await turned({ radiusSeconds });
    const micros = BigInt(Math.round((radiusSeconds ?? 3) * 1e6));
    assert.equal(server.getRadius(), micros);
    for (const { dialect, verdict } of await askAll(server)) {
      const least = BigInt(dialect.leastRadiusSeconds) * SECOND;
      const wanted = micros < least ? least : micros;
      const expected = dialect.time === "unix-seconds"
        ? (wanted + SECOND - 1n) / SECOND * SECOND
        : wanted;
      assert.equal(verdict.radiusMicros, expected, dialect.id);
      assert(verdict.radiusMicros > 0n);
    }
  }
});

Deno.test("Server says what getRadius() gives", none, async () => {
  class Widening extends Turned {
    override getRadius(): bigint {
      return super.getRadius() + 20n * SECOND;
    }
  }
  const server = await Widening.create({
    privateKey: SEED,
    radiusSeconds: 5,
    greaseProbability: 0,
  });
  for (const { verdict } of await askAll(server)) {
    assert.equal(verdict.radiusMicros, 25n * SECOND);
  }
});

Deno.test(
  "Server certifies its online keys for as long as it is told",
  none,
  async () => {
    for (const validitySeconds of [undefined, 4, 60, 86_400, 31_536_000]) {
      const server = await turned({ validitySeconds });
      const validity = BigInt(validitySeconds ?? 3600) * SECOND;
      const backdate = validity < HOUR ? validity : HOUR;
      for (const { dialect, verdict } of await askAll(server)) {
        const { notBeforeMicros, notAfterMicros } = verdict.delegation;
        assert.equal(notBeforeMicros, floorTo(dialect, NOW_MICROS - backdate));
        assert.equal(notAfterMicros, floorTo(dialect, NOW_MICROS + validity));
      }
    }
  },
);

Deno.test("Server spells version 1 as it is told", none, async () => {
  const request = requestFor("rfc-10049");
  for (
    const [v1Context, spelling] of [["rfc", "rfc"], ["draft", "plain"]] as const
  ) {
    const server = await turned({ v1Context });
    const verdict = await verified(request, await only(server, request));
    assert.deepEqual(verdict.spelling, {
      delegation: spelling,
      response: spelling,
    });
    await askAll(server);
  }
});

Deno.test(
  "Server answers the versions it is told to, and no others",
  none,
  async () => {
    const versions = [1, 0x80000008, GOOGLE_VERSION];
    const server = await turned({ versions });
    for (const dialect of ALL) {
      const request = requestFor(dialect.id);
      const outcome = await only(server, request);
      if (versions.includes(dialect.code)) {
        const verdict = await verified(request, outcome);
        const listed = dialect.versionEcho === "srep" ? [1, 0x80000008] : [];
        assert.deepEqual(verdict.versions, listed);
      } else {
        assert.deepEqual(outcome, { drop: "version" }, dialect.id);
      }
    }
  },
);

Deno.test("Server spoils replies only where it is told to", none, async () => {
  const request = requestFor("rfc-10049");
  const judge = async (server: Server): Promise<boolean> => {
    const outcome = await only(server, request);
    assert("reply" in outcome);
    const { reply } = outcome;
    const exchange = { request, response: reply, publicKey: PUBLIC_KEY };
    return (await verifyResponse(exchange)).ok;
  };
  // Chance decides that a tag is left out, whenever it is asked.
  const random = () => 0;
  assert.equal(await judge(await turned({ random })), true);
  const spoiling = await turned({ random, greaseProbability: 1 });
  assert.equal(await judge(spoiling), false);
  // By default a few: certainly one where chance says 0.
  const privateKey = SEED;
  assert.equal(
    await judge(await Server.create({ privateKey, random })),
    false,
  );
  const lucky = await Server.create({ privateKey, random: () => 0.5 });
  assert.equal(await judge(lucky), true);
});
