/**
 * What the tests of the command line share: running it in process and for real, and
 * servers on loopback to run it against.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { KEY_VARIABLES } from "../lib/cli/key_source.ts";
import { main } from "../lib/cli/main.ts";
import type { Exchange } from "../lib/errors.ts";
import { formatKey, parseKey } from "../lib/key_text.ts";
import { serve } from "../lib/serve.ts";
import { Server } from "../lib/server.ts";
import type { ServerOptions } from "../lib/server_options.ts";

/** What a command left behind. */
export interface Ended {
  code: number;
  /** Lines on stdout. */
  out: string[];
  /** Lines on stderr. */
  err: string[];
}

/** Runs a command line in this process. */
export async function run(...args: string[]): Promise<Ended> {
  const out: string[] = [];
  const err: string[] = [];
  let shown = "";
  const code = await main(args, {
    out: (line) => void out.push(...line.split("\n")),
    err: (line) => void err.push(...line.split("\n")),
    progress: (text) => void (shown = text),
  });
  assert.equal(shown, "", "progress is cleared at the end");
  return { code, out, err };
}

/** Runs a command line in this process that must fail, with one line that says why. */
export async function fails(
  code: number,
  message: string | RegExp,
  ...args: string[]
): Promise<Ended> {
  const ended = await run(...args);
  assertFailure(ended, code, message);
  return ended;
}

/** Holds if stderr has one error, at most one hint, and nothing else. */
export function assertFailure(
  { code, err }: Ended,
  expected: number,
  message: string | RegExp,
): void {
  const [first = "", hint = "roughly: hint: -"] = err;
  assert.match(first, /^roughly: error: ./);
  const said = first.replace("roughly: error: ", "");
  if (typeof message === "string") assert.equal(said, message);
  else assert.match(said, message);
  assert.match(hint, /^roughly: hint: ./);
  assert(err.length <= 2, err.join("\n"));
  assert.equal(code, expected, first);
}

/** Parses a line that must be JSON. */
// deno-lint-ignore no-explicit-any
export function json(line: string | undefined): any {
  return JSON.parse(line ?? "");
}

/** Reads the evidence out of JSON. */
export function exchangeOf(
  exchange: { request: string; response: string; publicKey: string },
): Exchange {
  const bytes = (text: string) =>
    Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return {
    request: bytes(exchange.request),
    response: bytes(exchange.response),
    publicKey: parseKey(exchange.publicKey),
  };
}

/** A key that no server here has. */
export const STRANGER = "AW5uAoTSTDfG5NfY1bTh08GUnOqlRb+HVhbJ3ODJvsE=";

/** A server on loopback, as the command line names it. */
export interface Target extends AsyncDisposable {
  readonly port: number;
  /** `HOST:PORT`. */
  readonly at: string;
  /** Long-term key in base64. */
  readonly key: string;
}

/** What serves, and where. */
export interface TargetOptions {
  readonly kind?: typeof Server;
  readonly hostname?: string;
}

/** Serves on loopback, unspoilt. */
export async function target(
  options: ServerOptions = {},
  { kind = Server, hostname = "127.0.0.1" }: TargetOptions = {},
): Promise<Target> {
  const server = await kind.create({ greaseProbability: 0, ...options });
  const running = await serve(server, { hostname, port: 0 });
  const { port } = running.address;
  return {
    port,
    at: `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
    key: formatKey(server.publicKeys[0] as Uint8Array),
    [Symbol.asyncDispose]: () => running.shutdown(),
  };
}

/** Answers on loopback with whatever the function makes of a request, or not at all. */
export function echo(
  reply: (request: Uint8Array) => Uint8Array | undefined,
): Target {
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port } = socket.addr as Deno.NetAddr;
  const finished = (async () => {
    for await (const [request, peer] of socket) {
      const response = reply(request);
      if (response) await socket.send(response, peer);
    }
  })();
  return {
    port,
    at: `127.0.0.1:${port}`,
    key: STRANGER,
    [Symbol.asyncDispose]: () => {
      socket.close();
      return finished;
    },
  };
}

/** Takes requests and keeps silent. */
export function silence(): Target {
  return echo(() => undefined);
}

/** A folder that is gone at the end. */
export interface Folder extends AsyncDisposable {
  readonly path: string;
  /** The path of a file in it. */
  in(name: string): string;
}

/** Makes a folder. */
export async function folder(): Promise<Folder> {
  const path = await Deno.makeTempDir();
  return {
    path,
    in: (name) => `${path}/${name}`,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** How to start a process. */
export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it may do. */
  readonly permissions?: readonly string[];
}

/** The program as a process of its own, ready to be started. */
export function command(
  args: readonly string[],
  { cwd, env, permissions = ["--allow-all"] }: ProcessOptions = {},
): Deno.Command {
  const path = (name: string) =>
    fileURLToPath(new URL(`../${name}`, import.meta.url));
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--unstable-net",
      `--config=${path("deno.json")}`,
      ...permissions,
      path("cli.ts"),
      ...args,
    ],
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      NO_COLOR: "1",
      ...Object.fromEntries(KEY_VARIABLES.map((name) => [name, ""])),
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the program as a process of its own. */
export async function execute(
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await command(args, options).output();
  return { code, out: linesOf(stdout), err: linesOf(stderr) };
}

/** Splits a process's output. */
export function linesOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes);
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** `server run` as a process of its own. */
export interface RunningProcess extends AsyncDisposable {
  /** Lines on stdout so far. */
  readonly out: readonly string[];
  /** `HOST:PORT`. */
  readonly at: string;
  /** Long-term key in base64, as it says. */
  readonly key: string;
  /** Closes the reading end of its stdout. */
  leave(): Promise<void>;
  /** Sends a signal and waits for the end; `out` has all lines then. */
  stop(signal: Deno.Signal): Promise<Ended>;
}

/** Starts `server run` on any port and waits until it says that it listens. */
export async function startServer(
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const child = command(
    ["server", "run", "--host", "127.0.0.1", "--port", "0", ...args],
    options,
  ).spawn();
  const err = new Response(child.stderr).text();
  const out: string[] = [];
  const stdout = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  const readOn = async (): Promise<boolean> => {
    const { done, value = "" } = await stdout.read();
    const lines = (pending + value).split("\n");
    pending = lines.pop() ?? "";
    out.push(...lines);
    return !done;
  };
  const start = "Starting Roughtime server on ";
  const find = (prefix: string) =>
    out.find((line) => line.startsWith(prefix))?.slice(prefix.length);
  while (find(start) === undefined) {
    if (!await readOn()) assert.fail(`the server ended: ${await err}`);
  }
  let ended = false;
  const stop = async (signal: Deno.Signal) => {
    child.kill(signal);
    ended = true;
    while (await readOn());
    const { code } = await child.status;
    return { code, out, err: linesOf(new TextEncoder().encode(await err)) };
  };
  return {
    out,
    at: find(start) ?? "",
    key: find("Server public key (base64): ") ?? "",
    leave: () => stdout.cancel(),
    stop,
    [Symbol.asyncDispose]: async () => {
      if (!ended) await stop("SIGTERM");
    },
  };
}
