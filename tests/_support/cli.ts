/**
 * What the tests of the command line share: running it in process and for real, and
 * servers on loopback to run it against.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { KEY_VARIABLES } from "../../lib/cli/server/key_names.ts";
import { main } from "../../lib/cli/main.ts";
import type { Signer } from "../../lib/crypto/ed25519.ts";
import { createDelegation } from "../../lib/server/delegation.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import { formatKey, parseKey } from "../../lib/wire/key_text.ts";
import { linuxUdpProblem } from "../../lib/net/linux/udp.ts";
import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";

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
  const server = await kind.create({
    greaseProbability: 0,
    trustClock: true,
    ...options,
  });
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

/** Writes a file as a secret is written. */
export async function writeKey(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text, { mode: 0o600 });
}

/** What to delegate. */
export interface DelegationOptions {
  readonly longTerm: Signer;
  /** Of the window, in seconds from now; an hour before now by default. */
  readonly from?: number;
  /** Of the window, in seconds from now; an hour after now by default. */
  readonly to?: number;
}

/** Writes a delegation beside the file and moves it there; gives its text. */
export async function writeDelegation(
  path: string,
  { longTerm, from = -3600, to = 3600 }: DelegationOptions,
): Promise<string> {
  const at = (seconds: number) => BigInt(Date.now() + seconds * 1000) * 1000n;
  const text = await createDelegation({
    longTerm,
    onlineSeed: crypto.getRandomValues(new Uint8Array(32)),
    notBeforeMicros: at(from),
    notAfterMicros: at(to),
  });
  await writeKey(`${path}.fresh`, text);
  await Deno.rename(`${path}.fresh`, path);
  return text;
}

/** How to start a process. */
export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it may do. */
  readonly permissions?: readonly string[];
  /** How many files and sockets it may have open. */
  readonly files?: number;
}

/** What the runtime is called with to run a program with this project's settings. */
export function programWords(
  program: string,
  permissions: readonly string[] = ["--allow-all"],
): string[] {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const options = ["--quiet", "--no-prompt", "--unstable-net"];
  return ["run", ...options, `--config=${config}`, ...permissions, program];
}

/** The program's main file. */
export const CLI: string = fileURLToPath(
  new URL("../../cli.ts", import.meta.url),
);

/** A shell that becomes the program, with no more files than its name says. */
const LIMITED = 'ulimit -n "$0" && exec "$@"';

/** The program as a process of its own, ready to be started. */
export function command(
  args: readonly string[],
  { cwd, env, permissions, files }: ProcessOptions = {},
): Deno.Command {
  const words = [...programWords(CLI, permissions), ...args];
  const [program = "", ...rest] = files === undefined
    ? [Deno.execPath(), ...words]
    : ["sh", "-c", LIMITED, `${files}`, Deno.execPath(), ...words];
  return new Deno.Command(program, {
    args: rest,
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

/** The lines of a stream, as they come. */
export class Lines {
  /** Lines so far. */
  readonly all: string[] = [];
  /** Resolves at the stream's end. */
  readonly finished: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.finished = this.#read();
  }

  async #read(): Promise<void> {
    let pending = "";
    while (!this.#ended) {
      const { done, value = "" } = await this.#reader.read();
      this.#ended = done;
      const lines = (pending + value).split("\n");
      pending = lines.pop() ?? "";
      this.all.push(...lines);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
  }

  /** Waits until there are that many lines with a text; gives the last of them. */
  async find(text: string, count = 1): Promise<string> {
    for (;;) {
      const found = this.all.filter((line) => line.includes(text))[count - 1];
      if (found !== undefined) return found;
      if (this.#ended) assert.fail(`no "${text}" in ${this.all.join("\n")}`);
      await this.#wake.promise;
    }
  }

  /** Closes the reading end. */
  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** A line of the log. */
const LOG = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info {3}|warning) \S/;

/** Holds if stderr has lines of the log and nothing else, none of them an error. */
export function assertLog(err: readonly string[]): void {
  for (const line of err) assert.match(line, LOG);
}

/** `server run` as a process of its own. */
export interface RunningProcess extends AsyncDisposable {
  /** Lines on stdout so far. */
  readonly out: readonly string[];
  /** Lines on stderr so far. */
  readonly err: readonly string[];
  /** `HOST:PORT`. */
  readonly at: string;
  /** Long-term key in base64, as it says. */
  readonly key: string;
  /** Closes the reading end of its stdout. */
  leave(): Promise<void>;
  /** Waits until there are that many lines with a text on stdout; gives the last of them. */
  printed(text: string, count?: number): Promise<string>;
  /** The same on stderr. */
  logged(text: string, count?: number): Promise<string>;
  /** Sends a signal that does not end it. */
  signal(signal: Deno.Signal): void;
  /** Sends a signal and waits for the end; `out` has all lines then. */
  stop(signal: Deno.Signal): Promise<Ended>;
}

/**
 * Starts `server run` on any port and waits until it says that it listens. It has one worker,
 * which is cheaper than one for each core, unless it is told how to serve.
 */
export async function startServer(
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const words = ["--host", "127.0.0.1", "--port", "0", "--trust-clock"];
  const isTold = args.some((arg) => /^--(io|workers)/.test(arg)) ||
    options.permissions !== undefined || linuxUdpProblem() !== undefined;
  if (!isTold) words.push("--workers=1");
  const child = command(["server", "run", ...words, ...args], options).spawn();
  const out = new Lines(child.stdout);
  const err = new Lines(child.stderr);
  let ended = false;
  const stop = async (signal: Deno.Signal) => {
    child.kill(signal);
    ended = true;
    await Promise.all([out.finished, err.finished]);
    const { code } = await child.status;
    return { code, out: out.all, err: err.all };
  };
  const start = "Starting Roughtime server on ";
  try {
    await out.find(start);
  } catch {
    await Promise.all([err.finished, child.status]);
    assert.fail(`the server ended: ${err.all.join("\n")}`);
  }
  const rest = (prefix: string) =>
    out.all.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? "";
  return {
    out: out.all,
    err: err.all,
    at: rest(start),
    key: rest("Server public key (base64): "),
    leave: () => out.leave(),
    printed: (text, count) => out.find(text, count),
    logged: (text, count) => err.find(text, count),
    signal: (signal) => child.kill(signal),
    stop,
    [Symbol.asyncDispose]: async () => {
      if (!ended) await stop("SIGTERM");
    },
  };
}
