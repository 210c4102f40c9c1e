import { base64, base64url, hex } from "@scure/base";
import assert from "node:assert/strict";
import { Server } from "../../lib/server/core.ts";
import { ServerError } from "../../lib/wire/errors.ts";
import { askAll, SEED, Turned, turned } from "../_support/core.ts";
import { ALL, bytes, NOW_MICROS, SECOND } from "../_support/fixtures.ts";
import { PLUMMET_KEY, PLUMMET_SEED } from "../_support/vectors.ts";

const none = { permissions: "none" } as const;

const HOUR: bigint = 3600n * SECOND;

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
        if (!(error instanceof ServerError)) assert.fail(Deno.inspect(error));
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
