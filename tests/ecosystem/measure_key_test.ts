import assert from "node:assert/strict";
import {
  measure,
  type Progress,
  queryServers,
  survey,
} from "../../lib/ecosystem/measure.ts";
import type { Question } from "../../lib/ecosystem/pick.ts";
import { SECOND } from "../_support/fixtures.ts";
import { listed, signerOf, World } from "../_support/many.ts";
import { silent, telling } from "../_support/measure.ts";

const none = { permissions: "none" } as const;

const HOUR = 3600n * SECOND;

const THREE = [0, 1, 2].map((n) => listed(n));

Deno.test(
  "measure() asks one key once, at the first of its servers",
  none,
  async () => {
    const asked: Question[] = [];
    const again = listed(0, { operator: "mirror.example" });
    const servers = [...THREE, { ...again, publicKey: signerOf(0).publicKey }];
    const options = telling(new World(), undefined, asked);
    const { outcomes } = await measure(servers, { ...options, passes: 1 });
    assert.equal(asked.length, 3);
    assert(outcomes.every(({ server }) => server.name !== "mirror.example"));
  },
);

Deno.test(
  "measure() takes so many servers of different operators as it is told",
  none,
  async () => {
    const servers = Array.from(
      { length: 12 },
      (_, n) => listed(n, { operator: `op${n % 4}.example` }),
    );
    for (const [count, expected] of [[3, 3], [4, 4], [9, 4]] as const) {
      const { outcomes } = await measure(servers, {
        ...telling(new World()),
        count,
      });
      assert.equal(outcomes.length, expected);
      const operators = outcomes.map(({ operator }) => operator);
      assert.equal(new Set(operators).size, expected);
    }
    const all = await measure(servers, telling(new World()));
    assert.equal(all.outcomes.length, 12);
    assert.equal(all.quorum.voters, 4);
  },
);

Deno.test("progress is told for each question", none, async () => {
  const told: Progress[] = [];
  await queryServers(THREE, {
    ...telling(new World(), (n) => n === 1 ? silent() : 0n),
    onProgress: (progress) => told.push(progress),
  });
  assert(told.length >= 5);
  assert(told.every(({ total }) => total === 6));
  const done = told.map(({ done }) => done);
  assert.deepEqual(done, [...done].sort((a, b) => a - b));
  const parallel: Progress[] = [];
  await survey(THREE, {
    ...telling(new World()),
    onProgress: (progress) => parallel.push(progress),
  });
  assert.deepEqual(parallel.map(({ done }) => done), [1, 2, 3]);
});

Deno.test("the signal ends a measurement with its reason", none, async () => {
  for (const run of [queryServers, survey, measure]) {
    const controller = new AbortController();
    const asked: Question[] = [];
    const say = () => {
      controller.abort(new Error("enough"));
      return silent();
    };
    const options = {
      ...telling(new World(), say, asked),
      signal: controller.signal,
    };
    await assert.rejects(run(THREE, options), /enough/);
    assert(asked.length <= 3);
    const before = asked.length;
    await assert.rejects(run(THREE, options), /enough/);
    assert.equal(asked.length, before);
  }
});

Deno.test(
  "a key that is listed under several names has one vote",
  none,
  async () => {
    const { publicKey } = listed(0);
    const servers = [listed(0), ...[1, 2].map((n) => listed(n, { publicKey }))];
    for (const ask of [survey, queryServers]) {
      const { quorum } = await ask(servers, telling(new World(), () => HOUR));
      assert(!quorum.ok);
      assert.deepEqual([quorum.reason, quorum.voters], ["too-few", 1]);
    }
  },
);

Deno.test(
  "a key with two names is one server that is reached by the addresses of both",
  none,
  async () => {
    const asked: Question[] = [];
    const [one, two, three] = [0, 1, 2].map((n) => listed(n));
    const { host } = one!.addresses[0]!;
    const mirror = { ...listed(0, { operator: "mirror.example" }) };
    for (const count of [undefined, 3]) {
      const options = telling(new World(), undefined, asked);
      const { outcomes, quorum } = await measure([one!, two!, mirror, three!], {
        ...options,
        count,
        ask: (question) =>
          question.address.host === host
            ? Promise.reject(silent())
            : options.ask(question),
      });
      assert.equal(outcomes.length, 3);
      assert(quorum.ok, "the first name is dead, the second lives");
      const [outcome] = outcomes.filter(({ server }) =>
        server.name === one!.name
      );
      assert.equal(outcome?.answers.length, 2);
      assert.equal(one!.addresses.length, 1, "nothing given is changed");
    }
  },
);
