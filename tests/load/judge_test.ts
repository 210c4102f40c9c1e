import assert from "node:assert/strict";
import { LoadJudge } from "../../lib/load/judge.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  drop,
  edit,
  exchangesFor,
  flip,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "LoadJudge takes every nth reply, the first one included",
  none,
  () => {
    const due = (every: number) => {
      const judge = new LoadJudge(PUBLIC_KEY, every);
      return Array.from({ length: 6 }, () => judge.isDue());
    };
    assert.deepEqual(due(1), [true, true, true, true, true, true]);
    assert.deepEqual(due(3), [true, false, false, true, false, false]);
  },
);

Deno.test(
  "LoadJudge counts good and bad replies, and keeps the first reason",
  none,
  async () => {
    const exchanges = await exchangesFor("draft-14", 5);
    const judge = new LoadJudge(PUBLIC_KEY, 1);
    exchanges.forEach(({ request, response }, i) => {
      const reply = i === 3
        ? flip(response, 8 * response.length - 1)
        : response;
      judge.take(reply, [request]);
    });
    await judge.finished();
    assert.equal(judge.verified, 5);
    assert.equal(judge.rejected, 1);
    assert.notEqual(judge.rejection, undefined);

    const stranger = new LoadJudge(OTHER_LONG_TERM.publicKey, 1);
    for (const { request, response } of exchanges) {
      stranger.take(response, [request]);
    }
    await stranger.finished();
    assert.equal(stranger.rejected, 5);
    assert.deepEqual(stranger.rejection, { code: "certificate-signature" });
  },
);

Deno.test(
  "LoadJudge finds the request that an anonymous reply belongs to",
  none,
  async () => {
    const exchanges = await exchangesFor("google", 4);
    const requests = exchanges.map(({ request }) => request);
    const anonymous = exchanges.map(({ response }) =>
      edit(response, (entries) => drop(entries, TAG.NONC))
    );
    const judge = new LoadJudge(PUBLIC_KEY, 1);
    for (const reply of anonymous) judge.take(reply, requests);
    await judge.finished();
    assert.deepEqual([judge.verified, judge.rejected], [4, 0]);
    judge.take(anonymous[0] as Uint8Array, requests.slice(1));
    await judge.finished();
    assert.deepEqual(judge.rejection, { code: "merkle-root" });
  },
);

Deno.test(
  "LoadJudge verifies what came, not what the buffer holds later",
  none,
  async () => {
    const [exchange] = await exchangesFor("draft-14", 1);
    const judge = new LoadJudge(PUBLIC_KEY, 1);
    const buffer = Uint8Array.from(exchange?.response ?? []);
    judge.take(buffer, [exchange?.request ?? requestFor("draft-14")]);
    buffer.fill(0);
    await judge.finished();
    assert.equal(judge.rejected, 0);
  },
);

Deno.test(
  "LoadJudge lets wait who brings more than it can do",
  none,
  async () => {
    const [exchange] = await exchangesFor("draft-14", 1);
    const judge = new LoadJudge(PUBLIC_KEY, 1);
    await judge.keepUp();
    const { request, response } = exchange ?? assert.fail();
    for (let i = 0; i < 100; i++) judge.take(response, [request]);
    assert.equal(judge.verified, 0);
    await judge.keepUp();
    assert(judge.verified >= 36);
    await judge.finished();
    assert.equal(judge.verified, 100);
  },
);
