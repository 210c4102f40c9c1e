import assert from "node:assert/strict";
import { GoodReply } from "../../lib/chaos/good_reply.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { ALL, exchangeFor, judge } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

for (const { id } of ALL) {
  Deno.test(
    `GoodReply puts a reply of ${id} together as it was`,
    none,
    async () => {
      const exchange = await exchangeFor(id, 3);
      const reply = new GoodReply(exchange);
      assert.equal(reply.dialect.id, id);
      for (
        const [place, tag] of [
          [[], TAG.INDX],
          [["SREP"], TAG.MIDP],
          [["CERT"], TAG.SIG],
          [["CERT", "DELE"], TAG.PUBK],
        ] as const
      ) {
        assert.deepEqual(reply.with(place, reply.at(place)), exchange.response);
        const value = reply.get(place, tag);
        assert(value && value.length > 0);
        const response = reply.set(place, tag, value);
        assert.deepEqual(response, exchange.response);
        const changed = value.map((byte) => byte ^ 255);
        const forged = {
          ...exchange,
          response: reply.set(place, tag, changed),
        };
        assert.notEqual(await judge(forged), "ok");
      }
    },
  );
}

Deno.test("GoodReply needs what the dialect demands", none, async () => {
  const needs = async (
    id: typeof ALL[number]["id"],
    top: boolean,
    tag: number,
  ) => new GoodReply(await exchangeFor(id, 1)).needs(top ? [] : ["SREP"], tag);
  assert.equal(await needs("google", true, TAG.NONC), false);
  assert.equal(await needs("draft-01", false, TAG.NONC), true);
  assert.equal(await needs("draft-08", true, TAG.VER), true);
  assert.equal(await needs("draft-14", true, TAG.VER), false);
  assert.equal(await needs("draft-14", false, TAG.VERS), true);
  assert.equal(await needs("draft-14", true, TAG.TYPE), false);
  assert.equal(await needs("rfc-10049", true, TAG.TYPE), true);
});

Deno.test("GoodReply refuses a reply that is not good", none, async () => {
  const exchange = await exchangeFor("draft-14", 1);
  assert.throws(
    () => new GoodReply({ ...exchange, response: exchange.request }),
    RangeError,
  );
});
