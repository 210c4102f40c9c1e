#!/usr/bin/env -S deno run --unstable-net --allow-all
/**
 * A flood of malformed and mutated datagrams through a live server with threads, and good
 * requests in between: all of these must be answered and verify, and the counters must add
 * up. It ends with code 1 if not.
 *
 *     deno run --unstable-net --allow-all bench/flood.ts [DATAGRAMS] [WORKERS] [SECONDS]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { sumDropped } from "../lib/server/counters.ts";
import { DIALECTS } from "../lib/wire/dialect.ts";
import { fuzzRequests } from "../lib/chaos/fuzz.ts";
import { openUdp } from "../lib/net/udp.ts";
import { serve } from "../lib/server/serve.ts";
import { Server } from "../lib/server/core.ts";
import { verifyResponse } from "../lib/verify/response.ts";
import {
  bytes,
  corpus,
  PUBLIC_KEY,
  requestFor,
} from "../tests/_support/fixtures.ts";

const [total = 1_000_000, workers = 2, seconds = 60] = Deno.args.map(Number);

const server = await Server.create({
  privateKey: bytes(32, 1), // whose public key is PUBLIC_KEY
  greaseProbability: 0,
  trustClock: true,
  exportable: true,
});
const running = await serve(server, {
  hostname: "127.0.0.1",
  port: 0,
  workers,
  onEvent: (event) => console.log(Deno.inspect(event, { compact: true })),
});
const { hostname, port } = running.address;
const ids = Object.values(DIALECTS).map(({ id }) => id);
const noise = [
  ...ids.flatMap((id) => [...corpus(requestFor(id))]),
  ...fuzzRequests(Date.now() % 0x7fff_ffff, 50_000),
].map(({ packet }) => packet).filter(({ length }) => length < 9000);

const BATCH = 64;
const options = { hostname, port: 0, maxBatch: BATCH };
let sent = 0;
let good = 0;
let wrong = 0;
let legal = 0;
const started = performance.now();
const end = started + seconds * 1000;

/** From many ports, one after the other, so that every thread gets some. */
while (sent < total && performance.now() < end) {
  const attacker = await openUdp(options);
  const client = await openUdp(options);
  const replies = (async () => {
    for (let batch; (batch = await attacker.receive()).length > 0;) {
      legal += batch.length;
    }
  })();
  for (let round = 0; round < 64 && sent < total; round++) {
    const peer = attacker.peer(hostname, port);
    const batch = Array.from(
      { length: Math.min(BATCH, total - sent) },
      (_, i) => ({
        bytes: noise[(sent + i) % noise.length] as Uint8Array,
        peer,
      }),
    );
    sent += await attacker.send(batch);
    // Its answer says that what was sent before is read: nothing overflows.
    const request = requestFor(ids[good % ids.length] ?? "rfc-10049", good);
    await client.send([{
      bytes: request,
      peer: client.peer(hostname, port),
    }]);
    const [reply] = await client.receive();
    const verdict = await verifyResponse({
      request,
      response: reply?.bytes.slice() ?? new Uint8Array(0),
      publicKey: PUBLIC_KEY,
    });
    good++;
    if (!verdict.ok) wrong++;
  }
  attacker.close();
  client.close();
  await replies;
}
const took = (performance.now() - started) / 1000;
await running.shutdown();
const { udp, panics, batches } = running.counters;
const dropped = sumDropped(udp);
console.log(
  `${sent} malformed and ${good} good datagrams in ${took.toFixed(1)} s, ` +
    `${workers} workers, ${batches} signatures`,
);
console.log(
  `dropped: ${
    Object.entries(udp.dropped).filter(([, count]) => count > 0)
      .map(([reason, count]) => `${reason} ${count}`).join(", ")
  }`,
);
const checks: [text: string, ok: boolean][] = [
  [`every good request answered and verified, ${wrong} wrong`, wrong === 0],
  [
    `received ${udp.received} of ${sent + good}`,
    udp.received === sent + good,
  ],
  [
    `received = answered ${udp.answered} + dropped ${dropped}`,
    udp.received === udp.answered + dropped,
  ],
  [`panics ${panics}, internal ${udp.dropped.internal}`, panics === 0],
];
for (const [text, ok] of checks) console.log(`${ok ? "ok  " : "FAIL"} ${text}`);
Deno.exit(checks.every(([, ok]) => ok) ? 0 : 1);
