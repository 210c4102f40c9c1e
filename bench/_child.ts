/**
 * Processes that `server_bench.ts` starts, and ends whatever happens.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { openUdp } from "../lib/net/udp.ts";
import { LoadPacket } from "../lib/load/packet.ts";
import { find, type Launch } from "./_contenders.ts";

const HOST = "127.0.0.1";

/** A server has so long until it answers. */
const START_MILLIS = 15_000;

/** How often it is asked meanwhile. */
const ASK_MILLIS = 100;

/** After this a process that was asked to end is ended. */
const GRACE_MILLIS = 3_000;

/** A process under way. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;
  #ended = false;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#output = process.output();
    process.status.then(() => this.#ended = true);
  }

  /** Starts a process on one core, if that can be done here. */
  static async start(launch: Launch, core: number): Promise<Child> {
    const { before, command, args, env } = launch;
    if (before) await new Deno.Command(before.command, before).output();
    const words = [command, ...args];
    if (await canPin()) words.unshift("taskset", "-c", String(core));
    const [first = "", ...rest] = words;
    return new Child(
      new Deno.Command(first, {
        args: rest,
        env: { NO_COLOR: "1", ...env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  }

  get pid(): number {
    return this.#process.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What it printed, once it has ended. */
  async text(): Promise<{ code: number; out: string; err: string }> {
    const { code, stdout, stderr } = await this.#output;
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: decode(stdout), err: decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), GRACE_MILLIS);
    await this.#output;
    clearTimeout(timer);
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It was quicker.
    }
  }
}

/** Can a process be bound to a core, and is there one for each side? */
export async function canPin(): Promise<boolean> {
  return Deno.build.os === "linux" && navigator.hardwareConcurrency > 1 &&
    await find("taskset") !== undefined;
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const socket = await openUdp({ hostname: HOST, port: 0, maxBatch: 1 });
  const { port } = socket.address;
  socket.close();
  return port;
}

/**
 * Asks until anything comes back.
 *
 * @returns Why nothing did, or `undefined`.
 */
export async function untilAnswered(
  child: Child,
  port: number,
  offer: { version: number; typed: boolean },
  signal: AbortSignal,
): Promise<string | undefined> {
  const random = (length: number) =>
    crypto.getRandomValues(new Uint8Array(length));
  const packet = new LoadPacket({ ...offer, random });
  const socket = await openUdp({ hostname: HOST, port: 0, maxBatch: 1 });
  const peer = socket.peer(HOST, port);
  const answered = socket.receive().then((batch) => batch.length > 0);
  try {
    const deadline = performance.now() + START_MILLIS;
    while (performance.now() < deadline) {
      signal.throwIfAborted();
      if (child.ended) return lastLine(await child.text());
      await socket.send([{ bytes: packet.make(), peer }]);
      const patience = new AbortController();
      const came = await Promise.race([
        answered,
        delay(ASK_MILLIS, false, { signal: patience.signal }).catch(() =>
          false
        ),
      ]);
      patience.abort();
      if (came) return undefined;
    }
    return `no answer within ${START_MILLIS / 1000} s`;
  } finally {
    socket.close();
  }
}

/** What it says it died of. */
function lastLine({ code, err }: { code: number; err: string }): string {
  const lines = err.trim().split("\n");
  const error = lines.find((line) => line.includes("error:"));
  return `ended with ${code}: ${(error ?? lines.at(-1) ?? "").trim()}`;
}
