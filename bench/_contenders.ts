/**
 * The servers that `server_bench.ts` compares, and how each is started on loopback. Those
 * of others are taken from the PATH, or from where `--peer` says.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { DIALECTS, formatVersion } from "../lib/wire/dialect.ts";

/** How to start something. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** To be run to its end before, such as to make a key. */
  readonly before?: { readonly command: string; readonly args: string[] };
}

/** A server to measure. */
export interface Contender {
  readonly name: string;
  /** May others be held against it? */
  readonly base: boolean;
  /** The version that the load offers. */
  readonly version: string;
  /** A new process each time; text is why there is none. */
  launch(port: number, folder: string): Promise<Launch | string>;
}

const DEFAULT_VERSION = formatVersion(DIALECTS["draft-14"].code);

function path(file: string): string {
  return fileURLToPath(new URL(`../${file}`, import.meta.url));
}

/** What the runtime is called with to run one of our programs. */
export function program(file: string, ...args: readonly string[]): Launch {
  const options = ["--quiet", "--no-prompt", "--unstable-net", "--allow-all"];
  const config = `--config=${path("deno.json")}`;
  return {
    command: Deno.execPath(),
    args: ["run", ...options, config, path(file), ...args],
  };
}

function ours(io: string, workers: number, version: string): Contender {
  const words = io === "portable"
    ? ["--io", io]
    : ["--io", io, "--workers", String(workers)];
  return {
    name: `ours, ${words.join(" ").replaceAll("--", "")}`,
    base: workers === 1,
    version,
    // deno-lint-ignore require-await
    launch: async (port) =>
      program(
        "cli.ts",
        ...["server", "run", "--host", "127.0.0.1", "--port", String(port)],
        ...["--no-tcp", "--no-grease", "--trust-clock", "--stats-interval=0"],
        ...words,
      ),
  };
}

function bareEcho(kind: string): Contender {
  return {
    name: `bare echo, ${kind}`,
    base: false,
    version: DEFAULT_VERSION,
    launch: async (port) => {
      const file = path("bench/echo.ts");
      return await isFile(file)
        ? program("bench/echo.ts", kind, String(port))
        : "bench/echo.ts is not there";
    },
  };
}

/** How a server of others is called, given its program. */
interface Known {
  readonly program: string;
  readonly version: string;
  /** Is it the one that is meant? Programs of different projects share names. */
  isIt?(file: string): Promise<boolean>;
  launch(command: string, port: number, folder: string): Launch;
}

/** By the name that `--peer` takes. */
export const KNOWN: Readonly<Record<string, Known>> = {
  python: {
    program: "roughly",
    version: DEFAULT_VERSION,
    isIt: isPythonScript,
    launch: (command, port) => ({
      command,
      args: [
        ...["server", "run", "--host", "127.0.0.1", "-p", String(port)],
        "--no-grease",
      ],
      env: { ROUGHLY_PRIVATE_KEY: btoa("\x07".repeat(32)) },
    }),
  },
  roughenough: {
    program: "roughenough_server",
    version: formatVersion(DIALECTS["rfc-10049"].code), // it speaks no other
    launch: (command, port) => ({
      command,
      args: [
        ...["-i", "127.0.0.1", "-p", String(port), "-j", "1", "-q"],
        "--insecure-zero-seed",
      ],
    }),
  },
  tannerryan: {
    program: "roughtime",
    version: DEFAULT_VERSION,
    launch: (command, port, folder) => ({
      command,
      before: { command, args: ["-keygen", `${folder}/root.key`] },
      args: [
        ...["-port", String(port), "-root-key-file", `${folder}/root.key`],
        ...["-grease-rate", "0", "-log-level", "error"],
      ],
    }),
  },
  cloudflare: {
    program: "testserver",
    version: formatVersion(DIALECTS["draft-11"].code),
    launch: (command, port) => ({
      command,
      args: ["-addr", `127.0.0.1:${port}`],
    }),
  },
};

function known(name: string, given: string | undefined): Contender {
  const peer = KNOWN[name] as Known;
  return {
    name,
    base: false,
    version: peer.version,
    launch: async (port, folder) => {
      const command = given ?? await find(peer.program);
      if (command === undefined) {
        return `there is no ${peer.program} on the PATH`;
      }
      if (peer.isIt && !await peer.isIt(command)) {
        return `${peer.program} on the PATH is another program`;
      }
      return peer.launch(command, port, folder);
    },
  };
}

/** `NAME=PROGRAM` for a known one, or `NAME[@VERSION]=COMMAND` with `{port}` in it. */
function custom(name: string, text: string): Contender {
  const [title = name, version = DEFAULT_VERSION] = name.split("@");
  const [command = "", ...args] = text.split(/\s+/);
  return {
    name: title,
    base: false,
    version,
    // deno-lint-ignore require-await
    launch: async (port) => ({
      command,
      args: args.map((word) => word.replaceAll("{port}", String(port))),
    }),
  };
}

/**
 * All that there are to measure. Where a peer wants another version than the usual one,
 * ours is measured in that one too.
 *
 * @param peers Values of `--peer`.
 */
export async function contenders(
  peers: readonly string[],
): Promise<Contender[]> {
  const given = new Map<string, string>();
  for (const peer of peers) {
    const [name = "", ...rest] = peer.split("=");
    const text = rest.join("=");
    if (!text.includes("{port}") && !Object.hasOwn(KNOWN, name)) {
      throw new Error(
        `cannot use --peer ${peer}: it takes NAME=COMMAND with {port} in it, or ${
          Object.keys(KNOWN).join(", ")
        } and a program`,
      );
    }
    given.set(name, text);
  }
  const others = Object.keys(KNOWN).filter((name) =>
    !given.get(name)?.includes("{port}")
  ).map((name) => known(name, given.get(name)));
  for (const [name, text] of given) {
    if (text.includes("{port}")) others.push(custom(name, text));
  }
  const versions = new Set<string>();
  for (const other of others) {
    const launch = await other.launch(1, "");
    if (typeof launch !== "string") versions.add(other.version);
  }
  versions.delete(DEFAULT_VERSION);
  return [
    ours("portable", 1, DEFAULT_VERSION),
    ours("linux", 1, DEFAULT_VERSION),
    ours("linux", 2, DEFAULT_VERSION),
    bareEcho("linux"),
    bareEcho("signing"),
    bareEcho("deno"),
    ...[...versions].flatMap((version) => [
      ours("portable", 1, version),
      ours("linux", 1, version),
    ]),
    ...others,
  ];
}

/** The file of a program on the PATH. */
export async function find(name: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const file = `${folder}/${name}`;
    if (folder !== "" && await isFile(file)) return file;
  }
  return undefined;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await Deno.stat(file)).isFile;
  } catch {
    return false;
  }
}

async function isPythonScript(file: string): Promise<boolean> {
  using handle = await Deno.open(file);
  const start = new Uint8Array(200);
  await handle.read(start);
  return /^#!.*python/.test(new TextDecoder().decode(start));
}
