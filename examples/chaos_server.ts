#!/usr/bin/env -S deno run --unstable-net --allow-net=127.0.0.1
// A server that misbehaves, for trying out clients in any language; or its packets as files.
// See docs/chaos.md.
// deno-lint-ignore-file no-console

import { Buffer } from "node:buffer";
import { parseArgs } from "node:util";
import {
  type Behaviour,
  BEHAVIOURS,
  ChaosServer,
  expectationOf,
  malformedReplies,
  malformedRequests,
  serveChaos,
} from "../chaos.ts";
import { formatKey } from "../server.ts";
import { buildRequest, type Dialect, DIALECTS } from "../wire.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    behave: { type: "string", multiple: true, default: [] },
    lie: { type: "string" },
    from: { type: "string", default: "0" },
    share: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    key: { type: "string" },
    list: { type: "boolean", default: false },
    corpus: { type: "string" },
  },
});

function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, one) => typeof one === "bigint" ? String(one) : one,
  );
}

function chosen(): Behaviour[] {
  const when = { from: Number(values.from), share: Number(values.share) };
  const names = values.behave.flatMap((list) => list.split(","));
  const behaviours = names.map((name): Behaviour => {
    const known = BEHAVIOURS.find((one) => one.name === name);
    if (known === undefined) {
      throw new RangeError(`No such behaviour: ${name}. --list names all.`);
    }
    return { ...known.behaviour, ...when };
  });
  if (values.lie === undefined) return behaviours;
  const offsetMicros = BigInt(Math.round(Number(values.lie) * 1e6));
  return [...behaviours, { kind: "lie", offsetMicros, ...when }];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** The files of one dialect, by name. */
async function files(
  { id, code, nonceSize, type }: Dialect,
): Promise<Record<string, string[]>> {
  let nonces = 0;
  const ask = (size: number) =>
    buildRequest({
      versions: [code],
      nonce: new Uint8Array(nonceSize).fill(++nonces),
      typed: type === "required",
      size,
    });
  const requests = [...malformedRequests({ request: ask(1100) })].map((
    { name, packet, expect },
  ) => toJson({ name, expect, packet: base64(packet) }));

  const midpointMicros = 1_800_000_000_000_000n;
  const server = await ChaosServer.create({
    nowMicros: () => midpointMicros,
    sleep: () => Promise.resolve(),
  });
  const publicKey = formatKey(server.publicKey);
  const request = ask(1024);
  const [response = new Uint8Array(0)] = await server.answer(request);
  const replies = [
    toJson({
      request: base64(request),
      response: base64(response),
      publicKey,
      midpointMicros,
    }),
    ...[...malformedReplies({ request, response })].map((
      { name, packet, expect },
    ) => toJson({ name, expect, packet: base64(packet) })),
  ];

  const behaviours: string[] = [];
  for (const known of BEHAVIOURS) {
    server.behave([known.behaviour]);
    const request = ask(known.requestBytes);
    const [response] = await server.answer(request);
    const expect = expectationOf(known, id);
    if (response === undefined || expect === "late") continue;
    behaviours.push(toJson({
      name: known.name,
      expect,
      request: base64(request),
      response: base64(response),
      publicKey,
      midpointMicros,
    }));
  }
  return {
    [`${id}.requests.jsonl`]: requests,
    [`${id}.replies.jsonl`]: replies,
    [`${id}.behaviours.jsonl`]: behaviours,
  };
}

async function writeCorpus(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const dialect of Object.values(DIALECTS)) {
    for (const [name, lines] of Object.entries(await files(dialect))) {
      await Deno.writeTextFile(`${folder}/${name}`, `${lines.join("\n")}\n`);
      console.log(`${folder}/${name}: ${lines.length}`);
    }
  }
}

async function run(): Promise<void> {
  const server = await ChaosServer.create({
    behaviours: chosen(),
    seed: Number(values.seed),
    privateKey: values.key,
  });
  const ending = new AbortController();
  const running = await serveChaos(server, {
    port: Number(values.port),
    signal: ending.signal,
  });
  Deno.addSignalListener("SIGINT", () => ending.abort());
  const { hostname, port } = running.address;
  console.log(`Server public key (base64): ${formatKey(server.publicKey)}`);
  console.log(`Starting chaos server on ${hostname}:${port}`);
  await running.finished;
}

if (values.list) BEHAVIOURS.forEach((known) => console.log(toJson(known)));
else if (values.corpus !== undefined) await writeCorpus(values.corpus);
else await run();
