import assert from "node:assert/strict";
import { summarise } from "../../lib/watch/summary.ts";
import { goOn, newsIn } from "../../web/sentence.ts";
import { madeUpRound } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const MINUTE = 60_000;

Deno.test(
  "the sentence's time goes on as the watcher would say it",
  none,
  () => {
    const round = madeUpRound(1);
    const early = summarise(round, { sinceMs: 1000 });
    const late = summarise(round, { sinceMs: 1000 + MINUTE });
    assert.notEqual(early, late);
    assert.equal(goOn(early, MINUTE), late);
    assert.equal(newsIn(early), newsIn(late));
    assert.match(goOn("it is 23:59:59 UTC", 1000), /^it is 00:00:00 UTC$/);
  },
);

Deno.test("what was stays, and so does a sentence without a time", none, () => {
  for (const sentence of [summarise(madeUpRound(1)), summarise(null)]) {
    assert.equal(goOn(sentence, MINUTE), sentence);
  }
});
