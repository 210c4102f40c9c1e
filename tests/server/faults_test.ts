/**
 * The server under fire: noise, floods, clocks that jump and code that throws.
 *
 * @module
 */

import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { sumDropped } from "../../lib/server/counters.ts";
import { parseKey } from "../../lib/wire/key_text.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { Verified } from "../../lib/verify/response.ts";
import { command, folder } from "../_support/cli.ts";
import {
  ALL,
  bytes,
  corpus,
  PUBLIC_KEY,
  requestFor,
} from "../_support/fixtures.ts";
import {
  assertBalanced,
  CALM,
  Client,
  LOOPBACK,
  SEED,
  type Target,
  verified,
} from "../_support/faults.ts";

Deno.test("serve() answers every good request among 100,000 malformed datagrams", async () => {
  const server = await Server.create(CALM);
  await using running = await serve(server, LOOPBACK);
  using client = await Client.open(running.address);
  using attacker = await Client.open(running.address);
  const dialects = [
    "rfc-10049",
    "draft-12",
    "draft-08",
    "draft-01",
    "google",
  ] as const;
  const noise = dialects.flatMap((id) =>
    [...corpus(requestFor(id))].map(({ packet }) => packet)
  );
  const total = 100_000;
  let goods = 0;
  for (let at = 0; at < total;) {
    const count = Math.min(64, total - at);
    const batch = Array.from(
      { length: count },
      (_, i) => noise[(at + i) % noise.length] as Uint8Array,
    );
    at += count;
    const { id } = ALL[goods % ALL.length] as (typeof ALL)[number];
    // In the middle of it, and behind it: once that is answered, all of it is read.
    const first = requestFor(id, ++goods);
    const second = requestFor("draft-11", ++goods);
    await attacker.send(batch.slice(0, 32));
    await client.send([first]);
    await attacker.send(batch.slice(32));
    await verified(first, await client.receive());
    await client.ask(second);
  }
  await running.shutdown();
  const { counters } = running;
  assert.equal(counters.udp.received, total + goods);
  assert(counters.udp.answered >= goods);
  // Some of the corpus is legal, but most of it is not.
  assert(sumDropped(counters.udp) > total * 0.9);
  assert.equal(counters.udp.dropped.internal, 0);
  assert.equal(counters.panics, 0);
  assertBalanced(counters.udp);
});

/** Resident memory of a process, in bytes. */
async function residentBytes(pid: number): Promise<number> {
  // Reading it in here would need all permissions there are.
  const { stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/status`],
  }).output();
  const status = new TextDecoder().decode(stdout);
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  assert(kib, status);
  return Number(kib) * 1024;
}

/** The same over TCP, where nothing is lost. */
async function askTcp(
  { hostname, port }: Target,
  request: Uint8Array,
  publicKey: Uint8Array,
): Promise<Verified> {
  using conn = await Deno.connect({ hostname, port });
  for (let at = 0; at < request.length;) {
    at += await conn.write(request.subarray(at));
  }
  const reader = new PacketReader(16384);
  const buffer = new Uint8Array(4096);
  for (;;) {
    const length = await conn.read(buffer);
    assert(length !== null, "closed");
    const [response] = reader.push(buffer.subarray(0, length));
    if (response) return await verified(request, response, publicKey);
  }
}

/** Sends 40,000 requests as fast as it can and reads nothing. */
const FLOOD = `
const [file, port] = Deno.args;
const all = await Deno.readFile(file);
const to = { transport: "udp", hostname: "127.0.0.1", port: Number(port) };
const socket = Deno.listenDatagram({ ...to, port: 0 });
let sent = 0;
while (sent < 40_000) {
  const batch = [];
  for (let at = 0; at < all.length; at += 1024) {
    batch.push(socket.send(all.subarray(at, at + 1024), to));
  }
  const ended = await Promise.allSettled(batch);
  const taken = ended.filter(({ status }) => status === "fulfilled").length;
  if (taken === 0) throw new Error("nobody listens");
  sent += taken;
}
socket.close();
console.log(sent);
`;

const IS_LINUX = Deno.build.os === "linux";

/** The limits of the heap that the binary is built with. */
function heapFlags(): string {
  const script = Deno.readTextFileSync(
    new URL("../../tools/compile.ts", import.meta.url),
  );
  const [, flags = ""] = /"--v8-flags=([^"]+)"/.exec(script) ?? [];
  assert.match(flags, /^--max-/);
  return flags;
}

Deno.test({
  name: IS_LINUX
    ? "server run lives through a flood, and grows no fatter"
    : "server run lives through a flood (skipped: needs /proc)",
  ignore: !IS_LINUX,
  async fn() {
    await using dir = await folder();
    const keyFile = dir.in("key");
    const seed = SEED.toHex();
    await Deno.writeTextFile(keyFile, `${seed}\n`, { mode: 0o600 });
    const child = command([
      "server",
      "run",
      "--host=127.0.0.1",
      "--port=0",
      "--trust-clock",
      "--no-grease",
      `--key-file=${keyFile}`,
    ], { env: { DENO_V8_FLAGS: heapFlags() } }).spawn();
    const errors = new Response(child.stderr).text();
    const stdout = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    let out = "";
    const readOn = async (): Promise<boolean> => {
      const { done, value = "" } = await stdout.read();
      out += value;
      return !done;
    };
    let stopping = false;
    const stop = async () => {
      if (!stopping) child.kill("SIGTERM");
      stopping = true;
      while (await readOn());
      return (await child.status).code;
    };
    try {
      const listening = /^Starting Roughtime server on 127\.0\.0\.1:(\d+)$/m;
      while (!listening.test(out)) {
        if (!await readOn()) assert.fail(`it ended: ${await errors}`);
      }
      const port = Number(listening.exec(out)?.[1]);
      const target = { hostname: "127.0.0.1", port };
      const key = /^Server public key \(base64\): (.*)$/m.exec(out)?.[1];
      const publicKey = parseKey(key ?? "");
      assert.deepEqual(publicKey, PUBLIC_KEY);
      const ask = (number: number) =>
        askTcp(target, requestFor("rfc-10049", number), publicKey);
      const rested = await residentBytes(child.pid);
      const requests = Array.from({ length: 256 }, (_, i) =>
        buildRequest({
          versions: [1],
          nonce: bytes(32, i),
          publicKey,
          typed: true,
        }));
      const script = dir.in("flood.ts");
      await Deno.writeTextFile(script, FLOOD);
      await Deno.writeFile(dir.in("requests"), concat(...requests));
      /** Floods it, asks it all the while, and gives the most memory it had. */
      const flood = async (): Promise<number> => {
        const process = new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--quiet",
            "--no-config",
            "--no-prompt",
            "--unstable-net",
            "--allow-net=127.0.0.1",
            `--allow-read=${dir.path}`,
            script,
            dir.in("requests"),
            `${port}`,
          ],
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        });
        let over = false;
        const flooded = process.output().finally(() => over = true);
        let most = 0;
        for (let i = 0; !over; i++) {
          await ask(1000 + i);
          most = Math.max(most, await residentBytes(child.pid));
        }
        const { code, stdout, stderr } = await flooded;
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        assert(Number(new TextDecoder().decode(stdout)) >= 40_000);
        return most;
      };
      const most = await flood();
      await ask(999);
      // What the system still holds of the flood is in front of this one, or it is lost.
      using client = await Client.open(target);
      let answered = false;
      const request = requestFor("draft-11", 1);
      const reply = client.receive().then((reply) => {
        answered = true;
        return reply;
      });
      for (let i = 0; i < 1000 && !answered; i++) {
        await client.send([request]);
        await ask(2000 + i);
      }
      await verified(request, await reply, publicKey);
      const grown = (most - rested) / 2 ** 20;
      assert(grown < 64, `${grown} MiB more than the ${rested / 2 ** 20}`);
      assert.equal(await stop(), 0, await errors);
    } finally {
      await stop();
      await errors;
    }
  },
});
