import assert from "node:assert/strict";
import { sumDropped } from "../../../lib/server/counters.ts";
import { fuzzRequests } from "../../../lib/chaos/fuzz.ts";
import { serve } from "../../../lib/server/serve.ts";
import { ALL, corpus, requestFor } from "../../_support/fixtures.ts";
import {
  assertBalanced,
  type Client,
  linux,
  LOOPBACK,
  makeServer,
  withClients,
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
    let at = 0;
    await withClients(running, 64, async (clients) => {
      for (let round = 0; at < total; round++) {
        const pair = 2 * (round % 32);
        const [attacker, client] = clients.slice(pair) as [Client, Client];
        const count = Math.min(32, total - at);
        const batch = Array.from(
          { length: count },
          (_, i) => noise[(at + i) % noise.length] as Uint8Array,
        );
        at += count;
        await attacker.send(...batch);
        // From another port, so that either worker is waited for, and none is sent too much.
        const { id } = ALL[good % ALL.length] as typeof ALL[0];
        await client.ask(requestFor(id, good++));
        if (round % 32 < 31 && at < total) continue;
        // Nothing is sent faster than it is read: whatever is waiting is counted first.
        for (let n = 0; running.counters.udp.received < at + good; n++) {
          assert(n < 1000, "some never arrived");
          await running.refresh();
        }
      }
    });
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
