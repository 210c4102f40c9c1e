import assert from "node:assert/strict";
import { sumDropped } from "../../../lib/server/counters.ts";
import { fuzzRequests } from "../../../lib/chaos/fuzz.ts";
import { serve } from "../../../lib/server/serve.ts";
import { ALL, corpus, requestFor } from "../../_support/fixtures.ts";
import {
  assertBalanced,
  Client,
  linux,
  LOOPBACK,
  makeServer,
} from "../../_support/pool.ts";

linux(
  "workers answer every good request among 50,000 malformed datagrams",
  async () => {
    const server = await makeServer({ singleBudget: Infinity });
    await using running = await serve(server, {
      ...LOOPBACK,
      workers: 2,
    });
    const noise = [
      ...ALL.flatMap(({ id }) => [...corpus(requestFor(id))]),
      ...fuzzRequests(5, 10_000),
    ].map(({ packet }) => packet).filter(({ length }) => length < 9000);
    const total = 50_000;
    let good = 0;
    for (let at = 0; at < total;) {
      // From one port after the other, so that every worker gets some.
      using attacker = await Client.open(running);
      for (let round = 0; round < 32 && at < total; round++) {
        const count = Math.min(32, total - at);
        const batch = Array.from(
          { length: count },
          (_, i) => noise[(at + i) % noise.length] as Uint8Array,
        );
        at += count;
        await attacker.send(...batch);
        // From a new port, so that either worker is waited for, and none is sent too much.
        using client = await Client.open(running);
        const { id } = ALL[good % ALL.length] as typeof ALL[0];
        await client.ask(requestFor(id, good++));
      }
      // Nothing is sent faster than it is read: whatever is waiting is counted first.
      for (let asked = 0; running.counters.udp.received < at + good; asked++) {
        assert(asked < 1000, "some never arrived");
        await running.refresh();
      }
    }
    await running.shutdown();
    const { udp, panics } = running.counters;
    assert.equal(udp.received, total + good);
    assert(udp.answered >= good);
    assert(sumDropped(udp) > total * 0.8);
    assert.equal(udp.dropped.internal, 0);
    assert.equal(panics, 0);
    assertBalanced(udp);
  },
);
