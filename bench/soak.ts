#!/usr/bin/env -S deno run --unstable-net --allow-all
/**
 * A long run: `roughly server run` as a process of its own, under a steady load in every
 * dialect over UDP and TCP, with malformed packets in between, its online key replaced
 * every minute and SIGHUP every ten seconds. Every good request must be answered and
 * verify; memory must stay flat; the counters must add up.
 *
 *     deno task soak [MINUTES] [GOOD_PER_SECOND] [NOISE_PER_SECOND]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { createSigner } from "../lib/crypto/ed25519.ts";
import { type Dialect, DIALECTS } from "../lib/wire/dialect.ts";
import { isFramed } from "../lib/wire/frame.ts";
import { formatKey } from "../lib/wire/key_text.ts";
import { connectTcp } from "../lib/net/tcp.ts";
import { openUdp } from "../lib/net/udp.ts";
import { buildRequest } from "../lib/wire/request.ts";
import { parseResponse } from "../lib/wire/response.ts";
import { verifyResponse } from "../lib/verify/response.ts";
import { corpus } from "../tests/_support/fixtures.ts";

const [minutes = 30, goodRate = 1000, noiseRate = 500] = Deno.args.map(Number);
const TICK_MS = 20;
const LOST_AFTER_MS = 5000;
const VALIDITY_SECONDS = 69; // renewed with an eighth left, so about every minute

const folder = await Deno.makeTempDir();
const seed = crypto.getRandomValues(new Uint8Array(32));
const { publicKey } = createSigner(seed);
await Deno.writeTextFile(`${folder}/root.key`, `${formatKey(seed)}\n`, {
  mode: 0o600,
});
const root = new URL("../", import.meta.url);
const server = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "--quiet", "--unstable-net", "--allow-all", "--config"],
    new URL("deno.json", root).pathname,
    new URL("cli.ts", root).pathname,
    ...["server", "run", "--listen", "127.0.0.1:0", "--no-grease"],
    ...["--key-file", `${folder}/root.key`, "--metrics", "127.0.0.1:0"],
    ...["--validity-seconds", String(VALIDITY_SECONDS), "--log-format", "json"],
    ...["--stats-interval", "0"],
  ],
  stdout: "piped",
  stderr: "piped",
}).spawn();

const log: Record<string, number> = {};
let port = 0;
let monitor = "";
const ready = Promise.withResolvers<void>();

async function lines(
  stream: ReadableStream<Uint8Array>,
  each: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const all = (rest + text).split("\n");
    rest = all.pop() ?? "";
    all.forEach(each);
  }
}
const reading = [
  lines(server.stdout, () => {}),
  lines(server.stderr, (line) => {
    if (!line.startsWith("{")) return console.log(`server: ${line}`);
    const { level, message, address, transport } = JSON.parse(line);
    log[`${level} ${message}`] = (log[`${level} ${message}`] ?? 0) + 1;
    if (message === "listening" && transport === "udp") {
      port = Number(address.split(":").at(-1));
    }
    if (message === "monitor listening") {
      monitor = `http://${address}`;
      ready.resolve();
    }
  }),
];
await ready.promise;

interface Outstanding {
  request: Uint8Array;
  sentAt: number;
}
const outstanding = new Map<string, Outstanding>();
const sent = { udp: 0, tcp: 0, noise: 0 };
const verified: Record<string, number> = {};
let wrong = 0;
let lost = 0;
let noiseReplies = 0;
let slowest = 0;

const dialects = Object.values(DIALECTS);
function good(dialect: Dialect): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(dialect.nonceSize));
  const request = buildRequest({
    versions: [dialect.code],
    nonce,
    publicKey,
    typed: dialect.type === "required",
  });
  outstanding.set(formatKey(nonce), { request, sentAt: performance.now() });
  return request;
}

async function take(response: Uint8Array): Promise<void> {
  const parsed = parseResponse(response, { framed: isFramed(response) });
  const key = parsed.ok && parsed.response.nonce
    ? formatKey(parsed.response.nonce)
    : "";
  const asked = outstanding.get(key);
  if (asked === undefined) return void wrong++;
  outstanding.delete(key);
  slowest = Math.max(slowest, performance.now() - asked.sentAt);
  const { request } = asked;
  const verdict = await verifyResponse({ request, response, publicKey });
  if (!verdict.ok) return void wrong++;
  verified[verdict.dialect] = (verified[verdict.dialect] ?? 0) + 1;
}

const options = { hostname: "127.0.0.1", port: 0, maxBatch: 64 };
const clean = await openUdp(options);
const dirty = await openUdp(options);
const receiving = [
  (async () => {
    for (let batch; (batch = await clean.receive()).length > 0;) {
      for (const { bytes } of batch) await take(bytes.slice());
    }
  })(),
  (async () => {
    for (let batch; (batch = await dirty.receive()).length > 0;) {
      noiseReplies += batch.length;
    }
  })(),
];
const tcpAbort = new AbortController();
const tcp = () =>
  connectTcp(
    { hostname: "127.0.0.1", port },
    (packet) => void take(packet),
    tcpAbort.signal,
  );
let connection = await tcp();

const noise = dialects.filter(({ id }) =>
  ["google", "draft-08", "draft-14", "rfc-10049"].includes(id)
).flatMap(({ code, nonceSize }) => [
  ...corpus(buildRequest({
    versions: [code],
    nonce: new Uint8Array(nonceSize).fill(7),
    publicKey,
    size: 1060,
  })),
]).map(({ packet }) => packet).filter(({ length }) => length <= 1500);

async function resident(): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${server.pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

async function metrics(): Promise<Record<string, number>> {
  const text = await (await fetch(`${monitor}/metrics`)).text();
  const sums: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name) sums[name] = (sums[name] ?? 0) + Number(value);
  }
  return sums;
}

const started = performance.now();
const end = started + minutes * 60_000;
let tick = 0;
let turn = 0;
let debtGood = 0;
let debtNoise = 0;
const sizes: number[] = [];
let nextReport = started + 60_000;
let nextHup = started + 10_000;
let nextTcp = started;
console.log(
  `port ${port}, ${minutes} minutes, ${goodRate} good and ${noiseRate} malformed a second`,
);
while (performance.now() < end) {
  tick++;
  const due = started + tick * TICK_MS;
  debtGood += goodRate * TICK_MS / 1000;
  debtNoise += noiseRate * TICK_MS / 1000;
  const batch = [];
  const to = clean.peer("127.0.0.1", port);
  for (; debtGood >= 1; debtGood--) {
    batch.push({
      bytes: good(dialects[turn++ % dialects.length] as Dialect),
      peer: to,
    });
    sent.udp++;
  }
  const rubbish = [];
  for (; debtNoise >= 1; debtNoise--) {
    rubbish.push({
      bytes: noise[sent.noise++ % noise.length] as Uint8Array,
      peer: to,
    });
  }
  await Promise.all([clean.send(batch), dirty.send(rubbish)]);
  const now = performance.now();
  if (now >= nextTcp) {
    nextTcp += 1000;
    connection.send(good(DIALECTS["rfc-10049"]));
    sent.tcp++;
    if (sent.tcp % 20 === 0) {
      // Also what a new connection costs is part of the run.
      const old = connection;
      connection = await tcp();
      setTimeout(() => old.close(), LOST_AFTER_MS);
    }
  }
  if (now >= nextHup) {
    nextHup += 10_000;
    server.kill("SIGHUP");
  }
  if (now >= nextReport) {
    nextReport += 60_000;
    for (const [key, { sentAt }] of outstanding) {
      if (now - sentAt < LOST_AFTER_MS) continue;
      outstanding.delete(key);
      lost++;
    }
    const size = await resident();
    sizes.push(size);
    const { roughtime_cert_rotations_total: rotations } = await metrics();
    console.log(
      `minute ${sizes.length}: sent ${
        sent.udp + sent.tcp
      } good, ${sent.noise} malformed; ` +
        `lost ${lost}, wrong ${wrong}, slowest ${slowest.toFixed(0)} ms; ` +
        `resident ${size.toFixed(0)} MiB, rotations ${rotations}`,
    );
  }
  const rest = due + TICK_MS - performance.now();
  if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
}

// Let what is under way come in, then count.
await new Promise((resolve) => setTimeout(resolve, LOST_AFTER_MS));
lost += outstanding.size;
const total = await metrics();
sizes.push(await resident());
server.kill("SIGTERM");
const { code } = await server.status;
clean.close();
dirty.close();
tcpAbort.abort();
connection.close();
await Promise.all([...receiving, ...reading]);
await Deno.remove(folder, { recursive: true });

const received = total.roughtime_requests_received_total ?? 0;
const answered = total.roughtime_requests_responded_total ?? 0;
const dropped = total.roughtime_requests_dropped_total ?? 0;
const good2 = Object.values(verified).reduce((a, b) => a + b, 0);
const [first = 0] = sizes;
const growth = Math.max(...sizes) - first;
const checks: [string, boolean][] = [
  [
    `every good request answered: ${good2} of ${
      sent.udp + sent.tcp
    }, lost ${lost}`,
    lost === 0,
  ],
  [`no wrong reply: ${wrong}`, wrong === 0],
  [
    `everything sent was received: ${received} of ${
      sent.udp + sent.tcp + sent.noise
    }`,
    received === sent.udp + sent.tcp + sent.noise,
  ],
  [
    `received = answered + dropped: ${received} = ${answered} + ${dropped}`,
    received === answered + dropped,
  ],
  [
    `answered = good + legal among the malformed: ${answered} = ${good2} + ${noiseReplies}`,
    answered === good2 + noiseReplies,
  ],
  [
    `resident size flat: ${first.toFixed(0)} MiB after a minute, at most ${
      growth.toFixed(0)
    } MiB more`,
    growth <= 64,
  ],
  [
    `rotations: ${total.roughtime_cert_rotations_total} (SIGHUP included), panics ${total.roughtime_panics_total}`,
    total.roughtime_panics_total === 0,
  ],
  [`clean exit: ${code}`, code === 0],
];
console.log(`verified by dialect: ${JSON.stringify(verified)}`);
console.log(`log lines by kind: ${JSON.stringify(log)}`);
for (const [text, ok] of checks) console.log(`${ok ? "ok  " : "FAIL"} ${text}`);
Deno.exit(checks.every(([, ok]) => ok) ? 0 : 1);
