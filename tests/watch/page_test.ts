import assert from "node:assert/strict";
import type { WatchState } from "../../lib/watch/api.ts";
import { renderPage } from "../../lib/watch/page.ts";
import { madeUp, madeUpRound, silent } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const HOSTILE = `</title><script>alert("1")</script>\u202e&'`;

function stateOf(round: WatchState["round"], summary: string): WatchState {
  return {
    schema: "roughly/watch-state/1",
    list: { source: HOSTILE, servers: 3, skipped: 0, problem: HOSTILE },
    intervalSeconds: 300,
    nextRoundAtMs: null,
    summary,
    history: { writing: false, problem: HOSTILE },
    relay: false,
    round,
    contradictions: 0,
  };
}

Deno.test("the page says what is so without a script", none, () => {
  const round = madeUpRound(7, {
    servers: [
      madeUp(0, { operator: "somebody.example" }),
      silent(1),
      madeUp(2, { midpointMicros: String(2n ** 64n) }),
    ],
  });
  const html = renderPage(stateOf(round, "2 of 3 operators agree."));
  assert.match(html, /<h1[^>]*>2 of 3 operators agree\.<\/h1>/);
  assert.match(html, /Round 7/);
  assert.match(html, /somebody\.example/);
  assert.match(html, /silent: No answer came\./);
  assert.match(html, /beyond the calendar/);
  assert.equal(html.match(/<tr class=/g)?.length, 3);
});

Deno.test(
  "what lists, replies and disks say is text and nothing else",
  none,
  () => {
    const servers = [
      madeUp(0, { name: HOSTILE, operator: HOSTILE, reason: HOSTILE }),
    ];
    const html = renderPage(stateOf(madeUpRound(1, { servers }), HOSTILE));
    assert.equal(html.match(/<script/g)?.length, 1);
    assert.equal(html.match(/<\/title>/g)?.length, 1);
    assert(!html.includes("\u202e"));
    assert(!/\son\w+=|\sstyle=/.test(html), "nothing that its policy forbids");
  },
);

Deno.test(
  "before the first round the page says that there is none",
  none,
  () => {
    const html = renderPage(stateOf(null, "Nothing is known yet."));
    assert.match(html, /The first round is under way\./);
    assert(!html.includes("<table"));
  },
);
