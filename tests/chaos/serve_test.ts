import { base64 } from "@scure/base";
import assert from "node:assert/strict";
import { type ChaosOptions, ChaosServer } from "../../lib/chaos/server.ts";
import type { Behaviour } from "../../lib/chaos/behaviour.ts";
import { serveChaos } from "../../lib/chaos/serve.ts";
import {
  type QueryResult,
  sendRequest,
} from "../../lib/client/send_request.ts";
import { ServerError, VerificationError } from "../../lib/wire/errors.ts";
import type { DatagramSocket } from "../../lib/net/datagram.ts";
import { openDenoUdp } from "../../lib/net/deno_udp.ts";
import { openNodeUdp } from "../../lib/net/node_udp.ts";
import { serve } from "../../lib/server/serve.ts";
import {
  ALL,
  bytes,
  judge,
  NOW_MICROS,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

function chaos(options: ChaosOptions = {}): Promise<ChaosServer> {
  return ChaosServer.create({
    privateKey: bytes(32, 1),
    nowMicros: () => NOW_MICROS,
    ...options,
  });
}

const TRUE_MICROS = NOW_MICROS - NOW_MICROS % SECOND;

/** A verified answer, `wrong` if none could be verified, `silence` if there was none. */
async function query(
  port: number,
  timeout = 10_000,
): Promise<QueryResult | "wrong" | "silence"> {
  try {
    return await sendRequest({
      host: "127.0.0.1",
      port,
      publicKey: PUBLIC_KEY,
      versions: [1],
      fallback: false,
      transport: "udp",
      timeout,
    });
  } catch (error) {
    if (error instanceof VerificationError) return "wrong";
    assert((error as Error).name === "TimeoutError", `${error}`);
    return "silence";
  }
}

const STORMS: Record<string, readonly Behaviour[]> = {
  "duplicates": [{ kind: "duplicate" }],
  "another order": [{ kind: "reorder", share: 0.5 }],
  "other batches' order": [{ kind: "delay", delayMs: 5, share: 0.5 }],
  "replays": [{ kind: "replay", share: 0.5 }],
  "foreign answers": [{ kind: "foreign-nonce", share: 0.5 }],
  "broken bits": [{ kind: "corrupt", share: 0.5 }],
  "losses": [{ kind: "silence", share: 0.3 }],
  "all of it": [
    { kind: "duplicate", share: 0.3 },
    { kind: "reorder", share: 0.3 },
    { kind: "replay", share: 0.1 },
    { kind: "foreign-nonce", disguised: true, share: 0.1 },
    { kind: "corrupt", share: 0.2 },
    { kind: "delay", delayMs: 3, share: 0.3 },
    { kind: "other-port", share: 0.1 },
    { kind: "truncate", share: 0.1 },
  ],
};

Deno.test("sendRequest() through all kinds of storm gets the truth or nothing", async () => {
  const storms = Object.entries(STORMS).map(async ([name, behaviours]) => {
    await using running = await serveChaos(
      await chaos({ behaviours, seed: 4 }),
    );
    const { port } = running.address;
    const results = await Promise.all(
      Array.from({ length: 24 }, () => query(port, 5000)),
    );
    const answers = results.filter((result) => typeof result !== "string");
    assert(answers.length > 4, `${name}: ${answers.length}`);
    for (const { midpointMicros } of answers) {
      assert.equal(midpointMicros, TRUE_MICROS, name);
    }
  });
  await Promise.all(storms);
});

Deno.test("sendRequest() believes a lie, which only other servers could tell from the truth", async () => {
  const server = await chaos({
    behaviours: [{ kind: "lie", offsetMicros: 3600n * SECOND, from: 1 }],
  });
  await using running = await serveChaos(server);
  const { port } = running.address;
  for (const expected of [TRUE_MICROS, TRUE_MICROS + 3600n * SECOND]) {
    const answer = await query(port);
    assert(typeof answer !== "string");
    assert.equal(answer.midpointMicros, expected);
  }
});

Deno.test("serve() takes a chaos server as any other, over TCP too", async () => {
  const server = await chaos({
    behaviours: [{ kind: "radius", radiusMicros: 9n * SECOND }],
  });
  await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
  const { signedResponse } = await sendRequest({
    host: "127.0.0.1",
    port: running.address.port,
    publicKey: PUBLIC_KEY,
    transport: "tcp",
  });
  assert.equal(signedResponse.radius, 9);
});

for (
  const [backend, open] of [["Deno", openDenoUdp], [
    "Node",
    openNodeUdp,
  ]] as const
) {
  const opens = async (options: Parameters<typeof openDenoUdp>[0]) =>
    await open(options);
  const client = () => opens({ hostname: "127.0.0.1", port: 0, maxBatch: 8 });
  const receive = async (socket: DatagramSocket) => {
    const [datagram] = await socket.receive();
    assert(datagram);
    const from = `${datagram.peer}`;
    return { from, bytes: Uint8Array.from(datagram.bytes) };
  };

  Deno.test(`serveChaos() answers from a port that was not asked over ${backend}`, async () => {
    const server = await chaos({ behaviours: [{ kind: "other-port" }] });
    await using running = await serveChaos(server, { open: opens });
    const socket = await client();
    const { hostname, port } = running.address;
    const peer = socket.peer(hostname, port);
    await socket.send([{ bytes: requestFor("rfc-10049"), peer }]);
    const { from, bytes } = await receive(socket);
    assert(bytes.length > 400);
    assert.notEqual(from, `${peer}`);
    socket.close();
    assert.equal(await query(port, 200), "silence");
  });

  Deno.test(`serveChaos() holds replies back, and lets none out after the end, over ${backend}`, async () => {
    const held: (() => void)[] = [];
    const server = await chaos({
      behaviours: [{ kind: "delay", delayMs: 1000 }],
      sleep: (_, signal) =>
        new Promise((resolve) => {
          held.push(resolve);
          signal?.addEventListener("abort", () => resolve());
        }),
    });
    let sent = 0;
    const running = await serveChaos(server, {
      open: async (options) => {
        const opened = await opens(options);
        const send = opened.send.bind(opened);
        opened.send = (batch) => {
          sent += batch.length;
          return send(batch);
        };
        return opened;
      },
    });
    const socket = await client();
    const { hostname, port } = running.address;
    const peer = socket.peer(hostname, port);
    await socket.send(
      [1, 2].map((n) => ({ bytes: requestFor("rfc-10049", n), peer })),
    );
    for (let turn = 0; held.length < 2; turn++) {
      assert(turn < 10_000, "both are to be held back");
      await new Promise((resolve) => setTimeout(resolve));
    }
    held[1]?.();
    assert((await receive(socket)).bytes.length > 400);
    await running.shutdown();
    assert.equal(sent, 1);
    socket.close();
  });
}

Deno.test("serveChaos() listens on loopback only, unless told otherwise", async () => {
  const server = await chaos();
  for (
    const hostname of [
      "0.0.0.0",
      "::",
      "192.0.2.1",
      "127.0.0.1.example.org",
      "localhost",
    ]
  ) {
    await assert.rejects(
      serveChaos(server, { hostname }),
      (error) => error instanceof ServerError && error.code === "config",
      hostname,
    );
  }
  let asked = "";
  const open = (options: { hostname: string }): never => {
    asked = options.hostname;
    throw new Error("no");
  };
  await assert.rejects(
    serveChaos(server, { hostname: "192.0.2.1", allowNonLoopback: true, open }),
    (error) => error instanceof ServerError && error.code === "bind",
  );
  assert.equal(asked, "192.0.2.1");
});

Deno.test("serveChaos() ends with its signal, also one that has aborted already", async () => {
  const ending = new AbortController();
  const running = await serveChaos(await chaos(), { signal: ending.signal });
  ending.abort();
  await running.finished;
  const late = await serveChaos(await chaos(), { signal: ending.signal });
  await late.finished;
});

Deno.test("serveChaos() says at the end what a behaviour's own code threw", async () => {
  const only = () => {
    throw new Error("mine");
  };
  const running = await serveChaos(
    await chaos({ behaviours: [{ kind: "silence", only }] }),
  );
  assert.equal(await query(running.address.port, 200), "silence");
  await assert.rejects(running.shutdown(), /mine/);
});

Deno.test("serveChaos() counts every packet once", async () => {
  const server = await chaos({ behaviours: [{ kind: "silence", from: 1 }] });
  await using running = await serveChaos(server);
  const { port } = running.address;
  assert(typeof await query(port) !== "string");
  assert.equal(await query(port, 200), "silence");
  const { received, answered, dropped } = server.counters.udp;
  assert.equal(answered, 1);
  assert.equal(received, 1 + dropped.refused);
});

const EXAMPLE = [
  ...[
    "run",
    "--quiet",
    "--config",
    new URL("../../deno.json", import.meta.url).pathname,
  ],
  "--unstable-net",
];
const PROGRAM = new URL("../../examples/chaos_server.ts", import.meta.url).href;

Deno.test("examples/chaos_server.ts serves what it is told to", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...EXAMPLE,
      "--allow-net=127.0.0.1",
      PROGRAM,
      ...["--behave", "wrong-online-key,duplicate", "--from", "1"],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  while (!/server on .*\n/.test(text)) {
    const { value, done } = await reader.read();
    assert(!done, text);
    text += decoder.decode(value);
  }
  const publicKey = /\(base64\): (\S+)/.exec(text)?.[1] as string;
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const ask = (timeout: number) =>
    sendRequest({
      host: "127.0.0.1",
      port,
      publicKey,
      timeout,
      transport: "udp",
    });
  await ask(5000);
  await assert.rejects(
    ask(500),
    (error) =>
      error instanceof VerificationError &&
      error.rejection.code === "response-signature",
  );
  child.kill("SIGINT");
  assert.equal((await child.status).code, 0);
  await reader.cancel();
});

Deno.test("examples/chaos_server.ts writes what other verifiers can be held to", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...EXAMPLE, `--allow-write=${folder}`, PROGRAM, "--corpus", folder],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const lines = async (name: string) =>
    (await Deno.readTextFile(`${folder}/${name}`)).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
  const decode = (text: string) => base64.decode(text);
  for (const { id } of ALL) {
    assert((await lines(`${id}.requests.jsonl`)).length > 1000);
    const [good, ...damaged] = await lines(`${id}.replies.jsonl`);
    const exchange = {
      request: decode(good.request),
      response: decode(good.response),
      publicKey: decode(good.publicKey),
    };
    assert.equal(await judge(exchange), "ok");
    assert(damaged.length > 1000);
    for (
      const { name, expect, ...one } of await lines(`${id}.behaviours.jsonl`)
    ) {
      const verdict = await judge({
        request: decode(one.request),
        response: decode(one.response),
        publicKey: decode(one.publicKey),
      });
      if (expect === "unharmed") continue;
      const fine = expect === "accepted" || expect === "unaffected";
      assert.equal(verdict, fine ? "ok" : expect, `${id} ${name}`);
    }
  }
  await Deno.remove(folder, { recursive: true });
});
