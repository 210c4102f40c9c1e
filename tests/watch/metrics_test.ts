import assert from "node:assert/strict";
import { renderWatchMetrics } from "../../lib/watch/metrics.ts";
import { madeUp, madeUpRound, silent, stateOf } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const GAUGES = { packageVersion: "1.2.3", rounds: 7, listeners: 2 };

Deno.test("metrics: a round in numbers", none, () => {
  const servers = [
    madeUp(0),
    madeUp(1, {
      status: "falseticker",
      offsetMicros: { earliest: "3597000000", latest: "3603000000" },
    }),
    silent(2),
  ];
  const round = madeUpRound(9, {
    servers,
    quorumOffsetMicros: { earliest: "2500000", latest: "4000000" },
  });
  const text = renderWatchMetrics(
    stateOf(round, { contradictions: 3 }),
    GAUGES,
  );
  const lines = text.split("\n");
  for (
    const line of [
      'roughly_watch_server_up{server="op0.example"} 1',
      'roughly_watch_server_up{server="op2.example"} 0',
      'roughly_watch_server_status{server="op1.example",roughly_watch_server_status="falseticker"} 1',
      'roughly_watch_server_status{server="op1.example",roughly_watch_server_status="ok"} 0',
      'roughly_watch_server_status{server="op2.example",roughly_watch_server_status="silent"} 1',
      'roughly_watch_server_offset_earliest_seconds{server="op1.example"} 3597',
      'roughly_watch_server_radius_seconds{server="op0.example"} 3',
      'roughly_watch_server_rtt_seconds{server="op0.example"} 0.02',
      'roughly_watch_server_delegation_left_seconds{server="op0.example"} 3600',
      "roughly_watch_quorum 1",
      "roughly_watch_voters 2",
      "roughly_watch_clock_offset_earliest_seconds 2.5",
      "roughly_watch_clock_off_seconds -2.5",
      "roughly_watch_contradictions_total 3",
      "roughly_watch_rounds_total 7",
      "roughly_watch_history_writing 1",
      'roughly_watch_build_info{version="1.2.3"} 1',
    ]
  ) assert(lines.includes(line), `${line}\n${text}`);
  assert(!text.includes('rtt_seconds{server="op2.example"}'));
  assert(text.endsWith("# EOF\n"));
});

Deno.test(
  "metrics: before the first round there is the watcher alone",
  none,
  () => {
    const text = renderWatchMetrics(stateOf(null), GAUGES);
    assert(!text.includes("roughly_watch_server_up"));
    assert(!text.includes("roughly_watch_quorum"));
    assert.match(text, /^roughly_watch_list_servers 3$/m);
  },
);
