// deno-lint-ignore-file no-console
// Run by Node and Bun in a project that has the package, and read by tsc: every door.
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import {
  DIALECTS,
  type QueryResult,
  sendRequest,
  VerificationError,
} from "@roughly/roughly";
import { ChaosServer, FakeWorld } from "@roughly/roughly/chaos";
import { TrustedClock } from "@roughly/roughly/clock";
import {
  confirmMalfeasance,
  loadEcosystem,
  malfeasanceReport,
  measure,
} from "@roughly/roughly/ecosystem";
import { serve, Server } from "@roughly/roughly/server";
import { type Verdict, verifyResponse } from "@roughly/roughly/verify";
import { buildRequest, parseRequest } from "@roughly/roughly/wire";

function check(isFine: boolean, what: string): void {
  if (!isFine) throw new Error(`wrong: ${what}`);
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

// ./verify: what other implementations have sent, and each with a bit turned.
for (const file of ["roughly.json", "roughtimed.json"]) {
  const recorded = JSON.parse(readFileSync(file, "utf8")) as {
    request: string;
    response: string;
    publicKey: string;
  }[];
  check(recorded.length > 0, file);
  for (const [i, entry] of recorded.entries()) {
    const request = bytes(entry.request);
    const response = bytes(entry.response);
    const publicKey = bytes(entry.publicKey);
    const verdict: Verdict = await verifyResponse({
      request,
      response,
      publicKey,
    });
    check(verdict.ok, `${file}[${i}] is proven`);
    publicKey[0]! ^= 1;
    const stranger = await verifyResponse({ request, response, publicKey });
    check(!stranger.ok, `${file}[${i}] is not proven for another key`);
  }
}

// ./wire
const nonce = crypto.getRandomValues(new Uint8Array(32));
check(parseRequest(buildRequest({ versions: [1], nonce })).ok, "a request");

// ./server and the main door
const server = await Server.create({ greaseProbability: 0 });
const running = await serve(server, { hostname: "127.0.0.1", port: 0 });
const [publicKey] = server.publicKeys;
if (publicKey === undefined) throw new Error("a server has a key");
const target = { host: "127.0.0.1", port: running.address.port, publicKey };
for (const { id, code, type } of Object.values(DIALECTS)) {
  const result: QueryResult = await sendRequest({
    ...target,
    versions: [code],
    typed: type === "required",
    fallback: false,
  });
  check(result.dialect === id, `${id} over UDP`);
}
const result = await sendRequest({ ...target, transport: "tcp" });
check(
  result.bounds.latestMicros > result.bounds.earliestMicros,
  "bounds over TCP",
);
const refused = await sendRequest({
  ...target,
  publicKey: new Uint8Array(32).fill(9),
  versions: [0x80000008],
  timeout: 300,
}).catch((error) => error);
check(refused instanceof VerificationError, "an impostor is refused");
await running.shutdown();

// ./ecosystem, ./clock and ./chaos
const list = await loadEcosystem();
check(list.servers.length > 0, "the bundled list");
const world = await FakeWorld.create({
  servers: 4,
  lying: [{ server: 3, offsetMicros: 3_600_000_000n }],
});
const many = { ask: world.asks() };
const measured = await measure(world.list, many);
check(measured.quorum.ok, "a majority");
check(
  measured.outcomes.some(({ status }) => status === "falseticker"),
  "somebody disagrees with it",
);
check(
  await confirmMalfeasance(malfeasanceReport(measured.chain)),
  "a lie is proven",
);
const clock = await TrustedClock.create({ ...many, servers: world.list });
check(clock.compare(new Date(0)) === "past", "1970 is past");
clock.close();
const chaos = await ChaosServer.create();
chaos.behave([{ kind: "fill" }]);
const request = buildRequest({ versions: [1], nonce });
const [longest] = await chaos.answer(request);
check(longest?.length === request.length, "as long as the request");
console.log("fine");
