#!/usr/bin/env -S deno run --unstable-net --allow-net=127.0.0.1
// A tour on loopback, no network needed: one server for each era of the protocol, one
// client for all of them, and then a liar and a forger.
// deno-lint-ignore-file no-console

import {
  DIALECTS,
  explain,
  formatVersion,
  GOOGLE_VERSION,
  type QueryResult,
  sendRequest,
  verifyResponse,
} from "../mod.ts";
import { type RunningServer, serve, Server } from "../server.ts";
import {
  chainNonce,
  decodeMessage,
  findViolations,
  TAG,
  unframe,
} from "../wire.ts";

interface Host {
  label: string;
  running: RunningServer;
  publicKey: Uint8Array;
}

async function start(label: string, server: Server): Promise<Host> {
  const running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  return { label, running, publicKey: server.publicKeys[0] as Uint8Array };
}

/** Asks a host; a blind and the reply before it chain this request to that reply. */
async function ask(host: Host, previous?: QueryResult): Promise<QueryResult> {
  const { running: { address: { hostname, port } }, publicKey } = host;
  const blind = crypto.getRandomValues(new Uint8Array(32));
  return await sendRequest({
    host: hostname,
    port,
    publicKey,
    ...(previous &&
      {
        nonce: chainNonce(
          DIALECTS["draft-14"],
          previous.exchange.response,
          blind,
        ),
      }),
  });
}

const seconds = (micros: bigint): string =>
  (Number(micros) / 1e6).toLocaleString("en", { maximumFractionDigits: 0 });

const ERAS: [string, number][] = [
  ["2016  Google's original", GOOGLE_VERSION],
  ["2023  draft 08", 0x80000008],
  ["2024  draft 11", 0x8000000b],
  ["2024  drafts 12 to 19", 0x8000000c],
  ["2026  RFC 10049", 1],
];

class HourAhead extends Server {
  override getTime(): bigint {
    return super.getTime() + 3_600_000_000n;
  }
}

console.log(
  "One server for each era of the protocol, asked by the same client:\n",
);
console.log(
  "ERA                      VERSION     TIME                      MAY BE OFF BY  ROUND TRIP",
);
const honest: Host[] = [];
for (const [label, version] of ERAS) {
  const host = await start(
    label,
    await Server.create({ versions: [version], greaseProbability: 0 }),
  );
  honest.push(host);
  const { running: { address: { hostname, port } }, publicKey } = host;
  const result = await sendRequest({
    host: hostname,
    port,
    publicKey,
    // A server list says which version to start with; without the hint the client finds
    // out by itself, which takes a second or two for the oldest.
    versions: [version],
  });
  console.log(
    label.padEnd(25) + formatVersion(result.version).padEnd(12) +
      result.midpoint.toISOString().padEnd(26) +
      `${seconds(result.radiusMicros)} s`.padEnd(15) +
      `${(Number(result.rttMicros) / 1000).toFixed(1)} ms`,
  );
}
console.log(
  "\nEach of these times is signed, and the signature covers our random question: it was\n" +
    "made after we asked, by the holder of the key we expected.\n",
);

console.log(
  "1. A lying server. Its clock is an hour ahead and it signs that properly.\n",
);
const [first, , third, fourth] = honest as [Host, Host, Host, Host];
const liar = await start(
  "the liar",
  await HourAhead.create({ greaseProbability: 0 }),
);
// Each question is made from the answer before it, so their order is proven as well.
const asked = [fourth, liar, third, liar];
const answers: QueryResult[] = [];
for (const host of asked) answers.push(await ask(host, answers.at(-1)));
for (const [i, { midpoint }] of answers.entries()) {
  const name = asked[i] === liar ? "the liar" : "an honest one";
  console.log(
    `   answer ${i + 1}, ${name.padEnd(14)} ${midpoint.toISOString()}`,
  );
}
for (const { earlier, later, gapMicros } of findViolations(answers)) {
  console.log(
    `   REFUSED: answer ${later + 1} came after answer ${
      earlier + 1
    } and yet is ` +
      `${seconds(gapMicros)} s before it.\n` +
      "   The four packets prove to anybody that one of these two servers lied.",
  );
}

console.log(
  "\n2. A forged reply. Somebody on the way sets a good answer back by half an hour.\n",
);
const good = answers[0] as QueryResult;
const forged = good.exchange.response.slice();
const outer = unframe(forged);
const top = outer.ok ? decodeMessage(outer.message) : undefined;
const srep = top?.ok ? top.message.get(TAG.SREP) : undefined;
const signed = srep && decodeMessage(srep);
const midp = signed?.ok ? signed.message.get(TAG.MIDP) : undefined;
if (midp) {
  const view = new DataView(midp.buffer, midp.byteOffset, midp.length);
  view.setBigUint64(0, view.getBigUint64(0, true) - 1800n, true);
}
const verdict = await verifyResponse({ ...good.exchange, response: forged });
console.log(
  `   ${verdict.ok ? "accepted?!" : `REFUSED: ${explain(verdict.rejection)}.`}`,
);

console.log(
  "\n3. An impostor. It answers in the place of a server, with a key of its own.\n",
);
const impostor = await verifyResponse({
  ...good.exchange,
  publicKey: first.publicKey,
});
console.log(
  `   ${
    impostor.ok ? "accepted?!" : `REFUSED: ${explain(impostor.rejection)}.`
  }`,
);

await Promise.all([...honest, liar].map(({ running }) => running.shutdown()));
const fine = !verdict.ok && !impostor.ok && findViolations(answers).length > 0;
if (!fine) Deno.exitCode = 1;
