#!/usr/bin/env -S deno run --unstable-net --allow-all
/**
 * What a server's memory does under load: `server run --io linux` with the collector's
 * trace, a million good requests, the resident size as they come in and the collections
 * that it took to answer them.
 *
 *     deno run --unstable-net --allow-all bench/memory.ts [REQUESTS] [WORKERS]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { LoadPacket } from "../lib/load/packet.ts";
import { chooseServerIo, openServerUdp } from "../lib/net/udp.ts";

const [total = 1_000_000, workers = 1] = Deno.args.map(Number);
const WINDOW = 128;

const root = new URL("../", import.meta.url);
const server = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "--quiet", "--unstable-net", "--allow-all"],
    ...[
      "--v8-flags=--trace-gc",
      "--config",
      new URL("deno.json", root).pathname,
    ],
    ...[new URL("cli.ts", root).pathname, "server", "run"],
    ...["--host", "127.0.0.1", "--port", "0", "--io", "linux"],
    ...["--workers", String(workers), "--trust-clock"],
  ],
  stdout: "piped",
  stderr: "null",
}).spawn();

const collections = { Scavenge: 0, "Mark-Compact": 0 };
const port = Promise.withResolvers<number>();
const reading = (async () => {
  let rest = "";
  for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.includes("Scavenge")) collections.Scavenge++;
      if (line.includes("Mark-Compact")) collections["Mark-Compact"]++;
      const [, found] = /Starting Roughtime server on .*:(\d+)/.exec(line) ??
        [];
      if (found) port.resolve(Number(found));
    }
  }
})();

async function residentMiB(): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${server.pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

const random = (length: number) =>
  crypto.getRandomValues(new Uint8Array(length));
const socket = await openServerUdp(chooseServerIo("auto").io, {
  hostname: "127.0.0.1",
  port: 0,
  maxBatch: WINDOW,
  receiveBufferBytes: 1 << 20,
});
const peer = socket.peer("127.0.0.1", await port.promise);
const packet = new LoadPacket({ version: 1, typed: true, random });
const batch = Array.from(
  { length: WINDOW },
  () => ({ bytes: packet.make().slice(), peer }),
);

let answered = 0;
let nextReport = 0;
let before = { ...collections };
let at = 0;
const started = performance.now();
while (answered < total) {
  await socket.send(batch);
  for (let got = 0; got < WINDOW;) {
    got += (await socket.receive()).length;
  }
  answered += WINDOW;
  if (answered < nextReport) continue;
  const size = await residentMiB();
  const { Scavenge: young, "Mark-Compact": old } = collections;
  console.log(
    `${answered} answered: resident ${size.toFixed(1)} MiB; ` +
      `since ${at}: ${young - before.Scavenge} scavenges, ` +
      `${old - before["Mark-Compact"]} mark-compacts`,
  );
  before = { ...collections };
  at = answered;
  nextReport += total / 10;
}
const seconds = (performance.now() - started) / 1000;
console.log(
  `${(answered / seconds).toFixed(0)} responses/s, in all ${
    JSON.stringify(collections)
  }`,
);
socket.close();
server.kill("SIGTERM");
const { code } = await server.status;
await reading;
Deno.exit(code);
